"""The mark in a body: it survives what people do around it, and nothing odd is ever read out of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
