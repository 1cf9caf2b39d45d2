"""Lines of changed texts lead back to where they came from, whatever the text and the edits."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.findings import Edit, Finding, Fix, Level, Location
from torchfix_codemods.rewrite.edits import apply_edits
from torchfix_codemods.verify.lines import FUNCTIONS, blocks, line_map, lines_of, lines_written
from torchfix_codemods.verify.units import Unit, Variant, marks_before, scope_of

PIECES = st.sampled_from(["a", "b", " ", "\t", "\n", "\n", "\r\n", "\r", "\x0c", "\u2028", "def f():", "é", "    "])
TEXTS = st.lists(PIECES, max_size=30).map("".join)
LINE_END = re.compile(r"\r\n|\r|\n")


@st.composite
def changed(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    """A text, and edits of it that get on with one another."""
    text = draw(TEXTS)
    ends = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6, unique=True)))
    spans = zip(ends[::2], ends[1::2], strict=False)
    return text, [Edit("a.py", start, end, draw(TEXTS)) for start, end in spans]


def origins(text: str, edits: Sequence[Edit]) -> list[int | None]:
    """For each character of the changed text where it stood, None for what an edit wrote."""
    found: list[int | None] = []
    position = 0
    for edit in edits:
        found += [*range(position, edit.start), *[None] * len(edit.new)]
        position = edit.end
    return [*found, *range(position, len(text))]


def spans_of(text: str) -> list[tuple[int, int]]:
    """Where the lines of a text begin and end, their line ends included."""
    starts = [0, *(found.end() for found in LINE_END.finditer(text))]
    return list(zip(starts, [*starts[1:], len(text)], strict=True))


@given(changed())
def test_a_line_that_stays_is_its_own(case: tuple[str, list[Edit]]):
    text, edits = case
    after, found = apply_edits(text, edits), line_map(text, apply_edits(text, edits), edits)
    places, whole = origins(text, edits), {span: number for number, span in enumerate(spans_of(text), 1)}
    assert len(found) == len(spans_of(after))
    for number, (start, end) in enumerate(spans_of(after)):
        if start < end and None not in places[start:end]:
            span = (places[start], places[end - 1] + 1)  # type: ignore[operator]
            if span in whole and span[1] - span[0] == end - start:
                assert found[number] == whole[span], (text, after, edits)


@given(changed())
def test_every_line_leads_to_a_line(case: tuple[str, list[Edit]]):
    text, edits = case
    lines = line_map(text, apply_edits(text, edits), edits)
    assert all(1 <= line <= len(spans_of(text)) for line in lines)
    assert line_map(text, text, []) == list(range(1, len(spans_of(text)) + 1))


@given(changed())
def test_what_an_edit_wrote_stands_on_its_lines(case: tuple[str, list[Edit]]):
    text, edits = case
    after = apply_edits(text, edits)
    for edit in edits:
        first, last = lines_written(text, edits, edit)
        start, end = spans_of(after)[first - 1][0], spans_of(after)[last - 1][1]
        assert 1 <= first <= last <= len(spans_of(after))
        assert edit.new in after[start:end]


@given(TEXTS, st.integers(0, 60), st.integers(0, 60))
def test_the_lines_of_a_range_hold_it(text: str, one: int, other: int):
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    first, last = lines_of(text, start, end)
    spans = spans_of(text)
    assert spans[first - 1][0] <= start and end <= spans[last - 1][1]
    assert first == last or spans[last - 1][0] < end


def a_unit(name: str, edits: Sequence[Edit]) -> Unit:
    place = Location("a.py", min(e.start for e in edits), max(e.end for e in edits))
    fix = Fix("title", tuple(edits))
    return Unit(name, (Finding("rule", "TFC202", Level.EQUIVALENT, place, "m", fix=fix, id=name),), tuple(edits))


@given(changed())
def test_variants_marks_and_ways_back(case: tuple[str, list[Edit]]):
    text, edits = case
    units = [a_unit(f"fix{number}", [edit]) for number, edit in enumerate(edits)]
    variant = Variant(lambda path: text, units)
    back, after = variant.back(str), variant.texts.get("a.py", text)
    for line in range(1, len(spans_of(after)) + 1):
        path, origin = back(("a.py", line))
        assert path == "a.py" and 1 <= origin <= len(spans_of(text))
    assert back(("other.py", 7)) == ("other.py", 7)
    marks = [*variant.marks(str).get("a.py", ()), *marks_before(units, lambda path: text, str).get("a.py", ())]
    assert {name for name, _, _ in marks} == {unit.name for unit in units}
    assert all(1 <= first <= last for _, first, last in marks)
    for unit in units:
        ranges = scope_of(unit, lambda path: text, str)["a.py"]
        low, high = lines_of(text, unit.edits[0].start, unit.edits[0].end)
        assert any(first <= low and high <= last for first, last in ranges)


@given(st.lists(st.sampled_from(["x = 1", "y = 2", "z = 3", "", "# note"]), min_size=1, max_size=8), st.data())
def test_an_indented_block_keeps_its_lines(lines: list[str], data: st.DataObject):
    """As `with torch.no_grad():` over several statements does: each line is its own, the header stands at the first."""
    first = data.draw(st.integers(0, len(lines) - 1))
    last = data.draw(st.integers(first, len(lines) - 1))
    text = "\n".join(lines) + "\n"
    old = "\n".join(lines[first : last + 1])
    new = "with torch.no_grad():\n" + "\n".join(f"    {line}" for line in lines[first : last + 1])
    start = sum(len(line) + 1 for line in lines[:first])
    edit = Edit("a.py", start, start + len(old), new)
    found = line_map(text, apply_edits(text, [edit]), [edit])
    assert found[:first] == list(range(1, first + 1))
    assert found[last + 2 :] == list(range(last + 2, len(lines) + 2))
    told = {line: lines.index(line, first) for line in lines[first : last + 1] if lines.count(line) == 1 and line}
    assert all(found[first + 1 + number - first] == number + 1 for number in told.values())


def test_blocks_know_their_headers():
    text = "@one\n@two\ndef f(\n    a,\n):\n    for x in a:\n        pass\n    return 1\n"
    assert [tuple(block) for block in blocks(text, FUNCTIONS)] == [(1, 8, 5)]
    assert blocks("def f(:\n", FUNCTIONS) == []
