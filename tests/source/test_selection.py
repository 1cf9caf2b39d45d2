"""Names, codes and prefixes; and what people meant when they mistyped one."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.nearest import did_you_mean
from torchfix_codemods.source.selection import check_selectors, means, select_rules

RULES = (
    ("softmax-before-cross-entropy", "TFC101"),
    ("log-softmax-before-cross-entropy", "TFC102"),
    ("volatile-variable", "TFC201"),
    ("eval-without-no-grad", "TFC202"),
    ("missing-eval-mode", "TFC301"),
)


def codes(select: list[str], ignore: list[str]) -> list[str]:
    names = select_rules(RULES, select, ignore)
    return [code for name, code in RULES if name in names]


@pytest.mark.parametrize(
    ("select", "ignore", "expected"),
    [
        ([], [], "101 102 201 202 301"),
        (["TFC1"], [], "101 102"),
        (["tfc101", "volatile-variable"], [], "101 201"),
        (["TFC101, TFC3"], [], "101 301"),
        ([], ["TFC1"], "201 202 301"),
        (["TFC"], ["TFC1", "TFC2"], "301"),
        (["TFC101"], ["TFC1"], "101"),  # exact beats prefix
        (["softmax-before-cross-entropy"], ["TFC"], "101"),
        (["TFC20"], ["TFC2"], "201 202"),  # the longer prefix
        (["TFC1"], ["TFC101"], "102"),
        (["TFC101"], ["softmax-before-cross-entropy"], ""),  # equally specific: ignored
        (["TFC1"], ["TFC1"], ""),
    ],
)
def test_selection(select: list[str], ignore: list[str], expected: str) -> None:
    assert codes(select, ignore) == [f"TFC{number}" for number in expected.split()]


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("TFC110", "unknown rule 'TFC110', did you mean 'TFC101'?"),
        ("softmax-before-crossentropy", "unknown rule 'softmax-before-crossentropy', did you mean "),
        ("volatile", "unknown rule 'volatile', did you mean 'volatile-variable'?"),
        ("TFC9", "unknown rule 'TFC9'"),
        ("TOR101", "unknown rule 'TOR101', did you mean 'TFC101'?"),
        ("T", "unknown rule 'T'"),
        ("", "unknown rule ''"),
        ("zebra\n", "unknown rule 'zebra'"),
    ],
)
def test_unknown_selectors(selector: str, message: str) -> None:
    for select, ignore in (([selector], []), (["TFC101"], [selector])):
        with pytest.raises(UsageError) as caught:
            select_rules(RULES, select, ignore)
        assert str(caught.value).startswith(message)


def test_the_origin_of_a_mistake_is_named() -> None:
    with pytest.raises(UsageError, match=r"^pyproject\.toml: unknown rule 'x'$"):
        check_selectors(RULES, ["TFC1", "x"], origin="pyproject.toml")


@given(st.lists(st.sampled_from([word for rule in RULES for word in rule] + ["TFC", "TFC1", "TFC2"])))
def test_the_order_of_selectors_does_not_matter(selectors: list[str]) -> None:
    expected = codes(selectors, []) if selectors else [code for _, code in RULES]
    assert codes(selectors[::-1], []) == expected
    for name, code in RULES:
        assert not selectors or (code in expected) == any(means(s, name, code) for s in selectors)


@given(st.sampled_from([name for name, _ in RULES]), st.data())
def test_one_typing_mistake_is_understood(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 2))
    letter = data.draw(st.sampled_from("qxz"))
    mistakes = {
        name[:at] + name[at + 1 :],
        name[:at] + letter + name[at:],
        name[:at] + letter + name[at + 1 :],
        name[:at] + name[at + 1] + name[at] + name[at + 2 :],
    }
    for wrong in mistakes - {name}:
        assert did_you_mean(wrong, [name, "something-else"]) == f", did you mean '{name}'?"


def test_nothing_near_gives_no_hint() -> None:
    assert did_you_mean("abc", ["xyz", "uvw"]) == did_you_mean("abc", []) == ""
    for left, right in itertools.permutations(["select", "exclude", "ignore"], 2):
        assert did_you_mean(left, [right]) == ""
