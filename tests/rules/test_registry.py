"""Which rules there are, whose, and which are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules import RULES
from torchfix_codemods.rules.registry import all_rules, chosen_rules, entry_points, find_rule
from torchfix_codemods.rules.rule import Rule, read_page
from torchfix_codemods.source.errors import UsageError

ONE = Rule("TFC101", "one-rule", "s", Level.BEHAVIOR, lambda file, project: iter(()))
TWO = Rule("TFC102", "two-rule", "s", Level.BEHAVIOR, lambda file, project: iter(()))
OTHER = Rule("TFC201", "other-rule", "s", Level.BEHAVIOR, lambda file, project: iter(()))
THREE = (ONE, TWO, OTHER)


@pytest.mark.parametrize(
    ("select", "ignore", "wanted"),
    [
        ([], [], THREE),
        (["one-rule"], [], (ONE,)),
        (["TFC1"], [], (ONE, TWO)),
        (["TFC1"], ["TFC102"], (ONE,)),
        (["tfc102", "other-rule"], ["TFC1"], (TWO, OTHER)),
        ([], ["TFC"], ()),
        (["TFC201,one-rule"], [], (ONE, OTHER)),
    ],
)
def test_rules_are_chosen_by_name_code_and_prefix(select: list[str], ignore: list[str], wanted: tuple[Rule, ...]):
    assert chosen_rules(THREE, select, ignore) == wanted


def test_an_unknown_rule_is_an_error_with_a_hint():
    with pytest.raises(UsageError, match="did you mean 'two-rule'"):
        find_rule(THREE, "tow-rule")
    assert find_rule(THREE, "tfc102") is TWO


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    all_rules.cache_clear()
    yield tmp_path
    all_rules.cache_clear()


def install(site: Path, target: str, code: str) -> None:
    metadata = site / "extra-1.dist-info"
    metadata.mkdir()
    (metadata / "entry_points.txt").write_text(
        f"[console_scripts]\nx = y:z\n\n[torchfix_codemods.rules]\n# ours\nextra = {target}\n[other]\na = b:c\n"
    )
    (site / "extra_rules_module.py").write_text(
        "from torchfix_codemods.findings import Level\nfrom torchfix_codemods.rules.rule import Rule\n"
        "def check(file, project):\n    yield from ()\n" + code
    )


def test_a_third_party_adds_rules(site: Path, monkeypatch: pytest.MonkeyPatch):
    install(site, "extra_rules_module:RULE", "RULE = Rule('EXT1', 'extra', 's', Level.BEHAVIOR, check)\n")
    monkeypatch.delitem(__import__("sys").modules, "extra_rules_module", raising=False)
    assert [rule.name for rule in all_rules()] == [*(rule.name for rule in RULES), "extra"]


@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        ("extra_rules_module:NOTHING", "", "cannot load the rules extra_rules_module:NOTHING of extra-1.dist-info"),
        ("extra_rules_module:RULE", "RULE = 1\n", "cannot load"),
        ("extra_rules_module:RULE", "RULE = [1]\n", "is not a Rule or a sequence of rules"),
        ("extra_rules_module:RULE", "raise SystemError('no')\n", "cannot load"),
        (
            "extra_rules_module:RULE",
            "RULE = [Rule('EXT1', 'a', 's', Level.BEHAVIOR, check), Rule('EXT1', 'b', 's', Level.BEHAVIOR, check)]\n",
            "rule EXT1 b of extra-1.dist-info clashes with EXT1 a",
        ),
    ],
)
def test_rules_that_cannot_be_loaded_are_an_error_and_not_left_out(
    site: Path, monkeypatch: pytest.MonkeyPatch, target: str, code: str, said: str
):
    install(site, target, code)
    monkeypatch.delitem(__import__("sys").modules, "extra_rules_module", raising=False)
    with pytest.raises(UsageError, match=said):
        all_rules()


def test_the_working_folder_is_not_searched(site: Path, monkeypatch: pytest.MonkeyPatch):
    install(site, "extra_rules_module:RULE", "")
    assert list(entry_points([str(site)])) == [("extra-1.dist-info", "extra_rules_module:RULE")]
    monkeypatch.chdir(site)
    assert list(entry_points([str(site), "", "no/such/folder"])) == []


PAGE = """# some-rule (TFC999)

Sentence.

## Why

Because.

```python
## no heading
```

## What changes
## Safety

Level.
"""


def test_a_page_is_cut_at_its_headings():
    page = read_page(PAGE)
    assert page.title == "some-rule (TFC999)"
    assert page.sections[""] == "Sentence."
    assert page.sections["Why"].endswith("## no heading\n```")
    assert page.missing == ("What changes", "Examples")
