"""Inputs of the Action: what each takes, and the one line that each refusal says."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.delivery.action.inputs import Inputs, read_inputs, variable
from torchfix_codemods.findings import Level
from torchfix_codemods.source.errors import UsageError

NAMES = tuple(field.name.replace("_", "-") for field in fields(Inputs))


def read(**values: str) -> Inputs:
    return read_inputs({variable(name): value for name, value in values.items()})


def test_nothing_given_is_a_check_of_the_whole_workspace():
    assert read() == Inputs()


def test_blank_inputs_are_those_that_were_not_given():
    """A workflow that hands on an input of its own hands on the empty string."""
    blank = read_inputs({variable(name): "  \n" for name in NAMES})
    assert blank == Inputs(report="", patch="", labels=())


def test_every_input_is_read():
    given_ = read(
        mode=" verify\n",
        paths="src\n\n  my file.py \n",
        select="TFC1, retain-graph\nTFC301",
        ignore="TFC102",
        exclude="third_party/\nold",
        up_to="crash-fix",
        changed_since="origin/main",
        baseline="known.txt",
        config="sub/pyproject.toml",
        report="r.json",
        sarif="r.sarif",
        html="r.html",
        patch="r.patch",
        annotations="False",
        script="train.py\neval.py",
        args="--epochs 1 --name 'two words'",
        python="python3.11",
        timeout="90",
        sandbox="required",
        require="verified",
        group_by="rule",
        base="develop",
        branch="bot/torch",
        labels="torchfix, bot",
        draft="true",
        fail_on="regressions",
    )
    assert given_ == Inputs(
        mode="verify",
        paths=("src", "my file.py"),
        select=("TFC1", "retain-graph", "TFC301"),
        ignore=("TFC102",),
        exclude=("third_party/", "old"),
        up_to=Level.CRASH_FIX,
        changed_since="origin/main",
        baseline="known.txt",
        config="sub/pyproject.toml",
        report="r.json",
        sarif="r.sarif",
        html="r.html",
        patch="r.patch",
        annotations=False,
        script=("train.py", "eval.py"),
        args=("--epochs", "1", "--name", "two words"),
        python="python3.11",
        timeout=90.0,
        sandbox="required",
        require="verified",
        group_by="rule",
        base="develop",
        branch="bot/torch",
        labels=("torchfix", "bot"),
        draft=True,
        fail_on="regressions",
    )
    assert read(mode="pr", token="ghs_abc").token == "ghs_abc"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("mode", "verfy", "input mode: 'verfy' is none of check, verify, pr, did you mean 'verify'?"),
        ("mode", "PR", "input mode: 'PR' is none of check, verify, pr, did you mean 'pr'?"),
        ("annotations", "yes", "input annotations: 'yes' is none of true, false"),
        ("draft", "1", "input draft: '1' is none of true, false"),
        ("up_to", "behaviour", "input up-to: 'behaviour' is none of "),
        ("sandbox", "off", "input sandbox: 'off' is none of auto, required, bubblewrap, namespaces, audit-hook"),
        ("require", "not-regresed", "did you mean 'not-regressed'?"),
        ("group_by", "rules", "input group-by: 'rules' is none of all, rule, did you mean 'rule'?"),
        ("fail_on", "fix", "input fail-on: 'fix' is none of none, findings, fixes, regressions"),
        ("timeout", "two", "input timeout: 'two' is no number of seconds from 1 to 86400"),
        ("timeout", "0", "input timeout: '0' is no number"),
        ("timeout", "nan", "input timeout: 'nan' is no number"),
        ("timeout", "inf", "input timeout: 'inf' is no number"),
        ("report", "a\nb", "input report: must be one line"),
        ("args", "'open", "input args: cannot be split as a shell does it"),
        ("paths", "a\0b", "input paths: holds a NUL character"),
    ],
)
def test_a_wrong_input_is_one_clear_line(name: str, value: str, said: str):
    with pytest.raises(UsageError) as caught:
        read(**{name: value})
    assert said in str(caught.value)


def test_a_token_is_for_the_mode_that_writes_and_no_other():
    assert read(mode="pr", token="ghs_secret").token == "ghs_secret"
    for mode in ("check", "verify"):
        with pytest.raises(UsageError, match=f"mode {mode} takes no token"):
            read(mode=mode, token="ghs_secret")


@pytest.mark.parametrize("since", ["auto", "main"])
def test_what_is_proposed_is_not_narrowed_to_changed_lines(since: str):
    with pytest.raises(UsageError, match="input changed-since: mode pr looks at all lines"):
        read(mode="pr", token="ghs_abc", changed_since=since)


@pytest.mark.parametrize("token", ["ghs_se cret", "ghs_secret\nx", "ghs_secret\u00e9", "ghs_secret\x07"])
def test_no_message_and_no_repr_tells_a_token(token: str):
    with pytest.raises(UsageError) as caught:
        read(mode="pr", token=token)
    assert "ghs" not in str(caught.value)
    assert "ghs_abc" not in repr(read(mode="pr", token="ghs_abc"))


def test_input_variables_of_other_kinds_are_not_read():
    assert read_inputs({"INPUT_MODE": "verify", "INPUT_TOKEN": "ghs_abc", "MODE": "pr"}) == Inputs()


@given(st.sampled_from(NAMES), st.text())
def test_any_text_is_a_value_or_one_line(name: str, value: str):
    try:
        found = read_inputs({variable(name): value})
    except UsageError as error:
        assert str(error).isprintable()
    else:
        assert {field.name for field in fields(found)} == {name.replace("-", "_") for name in NAMES}
