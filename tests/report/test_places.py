"""Lines and columns, and text that is safe to print."""

from __future__ import annotations

import ast
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.report.places import TextLines, printable_code
from torchfix_codemods.source.errors import printable

LINES = st.lists(
    st.tuples(st.sampled_from(["x", "é = 1", "\x0c", "", "'\u2028'"]), st.sampled_from(["\n", "\r\n", "\r"]))
)


@given(LINES)
def test_lines_are_counted_as_the_parser_counts_them(pieces: list[tuple[str, str]]):
    text = "".join(line + end for line, end in pieces) + "last"
    lines = TextLines(text)
    assert lines.starts == ParsedFile("a.py", text).line_starts
    (*_, last) = ast.parse(text).body
    assert lines.line_column(len(text) - 4) == (last.lineno, 1)
    assert lines.line_column(len(text)) == (last.lineno, 5)


@given(st.text())
def test_nothing_that_moves_a_cursor_or_turns_code_around_is_printed(text: str):
    for shown in (printable(text), printable_code(text)):
        assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in shown.replace("\t", ""))
    assert "\t" not in printable(text)


def test_ordinary_code_is_left_as_it_is():
    assert printable_code("\tx = 'é ∑'  # [red]:smile:[/red]\r\n") == "\tx = 'é ∑'  # [red]:smile:[/red]"
    assert printable_code("'\x1b[31m'") == "'\\x1b[31m'"
