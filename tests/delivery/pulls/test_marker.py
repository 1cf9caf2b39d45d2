"""The mark in a body: it survives what people do around it, and nothing odd is ever read out of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torchfix_codemods.delivery.forge.github import Pull
from torchfix_codemods.delivery.pulls.acts import Change, Open
from torchfix_codemods.delivery.pulls.decide import Draft, Seen, decide
from torchfix_codemods.delivery.pulls.marker import Marker, hash_of, read_marker, with_marker, without_marker


def mark(told: Mapping[str, object]) -> str:
    return f"<!-- torchfix:v1 {base64.b64encode(json.dumps(told).encode()).decode()} -->"


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=200)


@given(texts, texts, texts)
def test_marks_survive_any_text_around_them(before: str, title: str, after: str) -> None:
    marker = Marker("a" * 40, "b" * 64, ("0123456789abcdef",), hash_of(title), hash_of(before), ("torchfix",))
    body = with_marker(f"{before}\n{marker}\n{after}", marker)
    assert read_marker(body) == marker
    other = replace(marker, labels=())
    assert read_marker(with_marker(body, other)) == other
    assert without_marker(with_marker(before, marker)) == without_marker(with_marker(before, other))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70) | st.just("a" * 40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
GOOD = {
    "base": "a" * 40,
    "head": "b" * 40,
    "fingerprints": ["0" * 16],
    "title": "c" * 64,
    "body": "d" * 64,
    "labels": [],
    "tried": [],
}


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*GOOD, "more"]), values, max_size=3))
def test_no_odd_mark_is_read(changes: dict[str, object]) -> None:
    told = {**GOOD, **changes}
    marker = read_marker(mark(told))
    if marker is not None:
        assert set(told) == set(GOOD)
        assert json.loads(json.dumps(told)) == {
            **vars(marker),
            "fingerprints": told["fingerprints"],
            "labels": told["labels"],
            "tried": told["tried"],
        }


@given(st.binary(max_size=300) | st.text('[]{}":,0aé ', max_size=300).map(str.encode))
def test_no_garbage_is_read(garbage: bytes) -> None:
    assert read_marker(f"<!-- torchfix:v1 {base64.b64encode(garbage).decode()} -->") is None


TOO_MUCH = [
    {"fingerprints": ["0" * 16] * 501},
    {"labels": ["x"] * 21},
    {"labels": ["x" * 51]},
    {"labels": ["a\nb"]},
    {"fingerprints": ["0" * 15]},
    {"tried": ["a" * 40] * 9},
    {"tried": ["0" * 39]},
    {"tried": [7]},
    {"head": "A" * 40},
    {"head": "a" * 41},
    {"body": "d" * 63},
]


@pytest.mark.parametrize("changes", TOO_MUCH, ids=str)
def test_limits_of_a_mark(changes: dict[str, object]) -> None:
    assert read_marker(mark(GOOD)) is not None
    assert read_marker(mark({**GOOD, **changes})) is None


def test_a_mark_that_is_too_long_is_not_even_decoded() -> None:
    data = json.dumps(GOOD).encode()
    blanks = [data + b" " * count for count in (20_000, 40_000)]
    marks = [f"<!-- torchfix:v1 {base64.b64encode(blank).decode()} -->" for blank in blanks]
    assert read_marker(marks[0]) is not None and read_marker(marks[1]) is None


label_lists = st.lists(st.text("abü ", min_size=1, max_size=50).filter(str.strip), max_size=20, unique_by=str.casefold)


def pull_of(draft: Draft, labels: tuple[str, ...], base: str) -> Pull:
    body = replace(draft, base_sha=base).body(labels)
    return Pull(1, "u", draft.title, body, "open", False, False, "a" * 40, "b", "o/n", "main", ())


@settings(deadline=None)
@given(label_lists, label_lists, st.integers(0, 600), st.sampled_from(["a" * 40, "c" * 40]))
def test_every_mark_that_is_written_is_read_again(old: list[str], new: list[str], ids: int, base: str) -> None:
    names = tuple(f"{number:016x}" for number in range(ids))
    draft = Draft("b", "e" * 40, "main", "a" * 40, "Title", "Text", names, tuple(new))
    pull = pull_of(replace(draft, sha="d" * 40), tuple(old), base)
    for seen in (Seen("b"), Seen("b", "d" * 40, (pull,))):
        for act in decide(seen, draft).acts:
            if isinstance(act, Open | Change) and act.body is not None:
                marker = read_marker(act.body)
                assert marker is not None and read_marker(str(marker)) == marker
    assert read_marker(str(draft.marker(tuple(old + new)))) == draft.marker(tuple(old + new))


def test_the_newest_labels_are_kept() -> None:
    draft = Draft("b", "e" * 40, "main", "a" * 40, "Title", "Text", (), ())
    labels = tuple(f"label {number}" for number in range(30))
    assert draft.marker(labels).labels == labels[10:]


@given(st.integers(0, 30))
def test_the_newest_tries_are_kept(count: int) -> None:
    marker = Marker("a" * 40, "b" * 40, (), hash_of(""), hash_of(""))
    shas = [f"{number:040x}" for number in range(count)]
    for sha in shas:
        marker = marker.trying(sha)
        assert read_marker(str(marker)) == marker
    assert marker.tried == tuple(shas[-8:])


def test_the_last_mark_counts() -> None:
    """What the code of a repository puts into a body stands before ours, which is its last line."""
    good, other = mark(GOOD), mark({**GOOD, "head": "e" * 40})
    last = read_marker(f"```diff\n+# {other}\n```\n\n{good}\n")
    assert last is not None and last.head == GOOD["head"]
    assert read_marker(f"{good}\n<!-- torchfix:v1 AAAA -->") is None


def test_no_mark_ends_its_comment_early() -> None:
    """`--` must not stand in a comment of HTML."""
    for number in range(300):
        marker = Marker("a" * 40, "b" * 40, (f"{number:016x}",), hash_of(str(number)), hash_of("x"))
        assert "--" not in str(marker)[4:-3]
