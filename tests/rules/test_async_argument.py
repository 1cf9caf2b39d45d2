"""TFC501 beyond its page: which files can be read at all, and what other rules see of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.findings import Finding
from torchfix_codemods.pipeline import Request, analyse
from torchfix_codemods.rules import RULES
from torchfix_codemods.source.old_names import STAND_IN, readable


def analysed(folder: Path, text: str) -> tuple[Finding, ...]:
    """What all rules find in a file of its own."""
    (folder / "a.py").write_text(text)
    found = analyse(Request(("a.py",), folder, RULES))
    assert not found.skipped and not found.problems
    return found.findings


@pytest.mark.parametrize(
    "text",
    [
        "def cuda(self, async=False):\n    return self\n",
        "async = True\nx.cuda(async=async)\n",
        "x.async = x.cuda(async=True)\n",
        "load(x, async=True)\n",
        "import torch\nprint 'python 2'\nx.cuda(async=True)\n",
        f"{STAND_IN} = x.cuda(async=True)\n",
        "x = 1\n",
        "s = 'x.cuda(async=True'; x = = 1\n",
    ],
)
def test_what_is_more_than_the_argument_is_not_read(text):
    assert readable(text) == text


@pytest.mark.parametrize(
    "call", ["x.cuda(async=True)", "x.cuda(0,async\t=  flag)", "x . to(d, async=True)", "m.type(t, async=1)"]
)
def test_the_argument_is_read_under_a_name_of_the_same_length(call):
    text = f"# async=True\n{call}; s = 'async=True'\n"
    assert readable(text) != text and len(readable(text)) == len(text)
    assert readable(text).replace(STAND_IN, "async") == text


@given(st.text("async= \n(x.to)'#,;", max_size=40))
def test_reading_changes_names_alone(text):
    assert readable(text).replace(STAND_IN, "async") == text


def test_both_names_at_once_are_the_authors_business(tmp_path):
    found = analysed(tmp_path, "import torch\nx = torch.ones(1)\nx.cuda(async=True, non_blocking=True)\n")
    assert [(f.fix, f.no_fix_reason) for f in found] == [(None, "the call already has an argument `non_blocking`")]


def test_other_rules_see_the_file_and_nothing_shows_the_stand_in(tmp_path):
    found = analysed(
        tmp_path,
        "import torch\nfrom torch.autograd import Variable\nmodel = torch.nn.Linear(1, 1)\n"
        "for x in [torch.ones(1, 1)]:\n"
        "    y = model(Variable(x.cuda(async=True), volatile=True))\n",
    )
    assert {"TFC501", "TFC201"} <= {f.code for f in found}
    assert STAND_IN not in repr(found)
