"""The state machine of the review, without a terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.cli.review import KEYS, Answer, Review, press, start
from torchfix_codemods.findings import Edit, Finding, Fix, Level, Location


def finding(rule: str, path: str, at: int, level: Level = Level.BEHAVIOR, *more: Edit) -> Finding:
    fix = Fix("t", (Edit(path, at, at + 2, "x"), *more))
    return Finding(rule, "TOY1", level, Location(path, at, at + 2), "m", fix=fix, id=f"{rule}{path}{at}")


def conflict(one: Fix, other: Fix) -> bool:
    return any(a.path == b.path and a.start < b.end and b.start < a.end for a in one.edits for b in other.edits)


FINDINGS = (
    finding("r1", "a.py", 0),
    finding("r2", "a.py", 10),
    finding("r1", "b.py", 0),
    finding("r1", "b.py", 1),  # overlaps with the one before
    finding("r1", "b.py", 20, Level.SUGGESTION),
    finding("r2", "b.py", 30),
)


def after(keys: str) -> Review:
    review = start(FINDINGS, conflict)
    for key in keys:
        review = press(review, key)
    return review


def chosen(keys: str, answer: Answer = Answer.YES) -> list[int]:
    return [FINDINGS.index(f) for f in after(keys).chosen(answer)]


def test_yes_no_and_ignore_answer_one_question_each():
    assert chosen("yni") == [0]
    assert chosen("yni", Answer.NO) == [1]
    assert chosen("yni", Answer.IGNORE) == [2]
    assert after("yni").position == 3


def test_a_takes_the_later_ones_of_the_rule_but_no_overlap_and_no_higher_level():
    assert chosen("a") == [0, 2]
    assert after("a").position == 1


def test_f_takes_the_later_ones_of_the_file():
    assert chosen("nnf") == [2, 5]
    assert after("nnf").position == 4


def test_a_on_a_suggestion_takes_suggestions_too():
    assert chosen("nnnna") == [4]


def test_an_overlapping_fix_is_not_asked_once_the_other_is_accepted():
    assert after("nny").position == 4
    assert after("nnn").position == 3


def test_undo_takes_back_one_key_even_if_it_answered_many():
    assert after("au").answers == after("").answers
    assert after("yau").answers == after("y").answers
    assert after("u") == after("")


def test_quit_keeps_what_was_accepted_and_asks_no_more():
    review = after("yq")
    assert review.position is None
    assert review.chosen(Answer.YES) == (FINDINGS[0],)
    assert press(review, "y") == review


def test_showing_and_unknown_keys_change_nothing():
    for key in ("e", "?", "x", "\x1b", "", "Y"):
        assert press(after("y"), key) == after("y")


def test_every_key_has_a_help_line():
    assert "".join(KEYS) == "ynafueiq?"


@given(st.text("ynafueiq?x", max_size=30))
def test_accepted_fixes_never_overlap_and_undo_inverts_every_answer(keys: str):
    review = start(FINDINGS, conflict)
    for key in keys:
        nxt = press(review, key)
        if key in "ynafi" and nxt != review:
            assert press(nxt, "u").answers == review.answers or nxt.position is None
        review = nxt
    accepted = [f.fix for f in review.chosen(Answer.YES) if f.fix]
    assert not any(conflict(a, b) for a in accepted for b in accepted if a is not b)
