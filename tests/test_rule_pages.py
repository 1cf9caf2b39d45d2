"""The rule pages have their form, cover every case of the specification, and belong to a rule each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from claims import CLAIMS
from examples import PageError, all_examples, pages, read_examples

from torchfix_codemods.rules import RULES
from torchfix_codemods.rules.rule import REQUIRED_SECTIONS, read_page

PAGES = pages()
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)

#: The cases that each page has to show: instances by their numbers, then how many look-alikes without a number.
CASES: dict[str, tuple[str, int]] = {
    "softmax-before-cross-entropy": (
        "P1 P2 P3 P4 P5 P6 P7 P8 P9 P15 N1 N2 N3 N4 N5 N6 N7 N8 N9 N10 N11 N12 N13 N14",
        0,
    ),
    "loss-target-requires-grad": ("P1 P2 P3 P4 P5 P6", 17),
    "log-softmax-before-cross-entropy": ("P13 N2 N4 N7 N8 N9 N11", 4),
    "sigmoid-before-bce-with-logits": ("P14 N1 N2 N4 N5 N6 N7 N8 N9 N14", 3),
    "nll-loss-needs-log-softmax": ("P10 P11 P12 P16 N1 N2 N3 N4 N5 N6 N7 N8 N9 N10 N11 N12 N14", 7),
    "volatile-variable": ("V1 V2 V3 V4 V5 V6 V7 V8", 2),
    "eval-without-no-grad": ("E1 E2 E3 E4 E5", 15),
    "retain-graph": ("G1 G2 G3 G4 G5 G6 G7", 9),
    "missing-zero-grad": ("Z1 Z2 Z3 Z4", 21),
    "gradient-accumulation": ("Z5 Z6 Z7", 8),
    "missing-eval-mode": ("M1 M4 M6 M7", 12),
    "missing-train-mode": ("M2 M3 M5 M7", 10),
    "functional-dropout-training": ("D1 D2 D3 D4 D5 D6 D7", 8),
    "frozen-batch-norm-statistics": ("B1 B2 B3 B4 B5 B6", 11),
    "interpolate-needs-batch": ("T1 T2 T3 T4 T5", 6),
    "index-select-index": ("I1 I2 I3 I4 I5 I6", 6),
    "async-argument": ("A1 A2", 1),
}


@every_page
def test_begins_with_name_code_and_one_sentence(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").split("\n")
    assert re.fullmatch(rf"# {page.stem.replace('_', '-')} \(TFC\d{{3}}\)", lines[0])
    assert lines[1] == "" and lines[2].endswith(".") and lines[3] == ""


@every_page
def test_has_the_sections_in_their_order(page: Path) -> None:
    read = read_page(page.read_text(encoding="utf-8"))
    assert not read.missing
    assert [section for section in read.sections if section] == list(REQUIRED_SECTIONS)
    assert re.search(r"[Ll]evel \*\*(equivalent|crash-fix|behavior|suggestion)\*\*", read.sections["Safety"])


@every_page
def test_prose_fits_the_screen(page: Path) -> None:
    prose = page.read_text(encoding="utf-8").partition("\n## Examples\n")[0]
    assert not [line for line in prose.splitlines() if len(line) > 130]


def test_every_rule_has_its_page_and_every_page_its_rule() -> None:
    assert {(rule.name, rule.code) for rule in RULES} == {
        (page.stem.replace("_", "-"), page.read_text(encoding="utf-8").split("\n", 1)[0][-7:-1]) for page in PAGES
    }


def test_summary_and_level_are_those_of_the_rule() -> None:
    for rule in RULES:
        page = rule.page()
        assert f"**{rule.level.label}**" in page.sections["Safety"], rule.name


@pytest.mark.parametrize("rule", CASES)
def test_every_case_of_the_specification_is_an_example(rule: str) -> None:
    numbers, look_alikes = CASES[rule]
    examples = [example for example in all_examples() if example.rule == rule]
    assert not set(numbers.split()) - {example.number for example in examples}
    assert sum(example.number.startswith("L") for example in examples) >= look_alikes


def test_only_known_claims_are_made_and_each_one_is_used() -> None:
    used = {claim for example in all_examples() for claim in example.claims}
    assert used == set(CLAIMS)


PAGE = """# some-rule (TFC000)

## Examples

### P1 a title

Finding: a.py:1

```python title="a.py"
x = 1
```

```python title="a.py" after
x = 2
```
"""


def test_reads_an_example() -> None:
    (example,) = read_examples("some_rule.md", PAGE)
    assert example.id == "some-rule-P1"
    assert (example.kind, example.title, example.findings) == ("fix", "a title", (("a.py", 1),))
    assert (example.before, example.after) == ({"a.py": "x = 1\n"}, {"a.py": "x = 2\n"})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("### P1 a title", "", "before the first example"),
        ("a.py:1", "b.py:1", "no file and line"),
        ("x = 2", "x = 1", "nothing changes"),
        ('"a.py" after', '"b.py" after', "does not have"),
        ('"a.py" after', '"a.py"', "twice"),
        ("Finding: a.py:1", "", "names no finding"),
        ("Finding: a.py:1", "Left alone: b", "has findings or a text"),
        ('```python title="a.py"\n', "```\n", "not a block"),
        ("x = 2\n```\n", "x = 2\n", "never closed"),
        ("Finding: a.py:1", "Finding: a.py:1\nRun: works", "claims without a program"),
    ],
)
def test_refuses_a_page_that_breaks_the_form(old: str, new: str, message: str) -> None:
    with pytest.raises(PageError, match=message):
        read_examples("some_rule.md", PAGE.replace(old, new, 1))


def test_refuses_a_number_that_is_used_twice() -> None:
    with pytest.raises(PageError, match="used twice"):
        read_examples("some_rule.md", PAGE + PAGE.partition("## Examples\n")[2])
