"""Offsets of characters against what Python itself says of the same text."""

from __future__ import annotations

import ast
import re
import time

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from torchfix_codemods.analysis.parsed import ParsedFile

LETTERS = st.sampled_from(["a", "é", "日", "𝔁", "x1", "ﬁ"])
TEXTS = st.sampled_from(["''", "'é'", '"日本"', "'\U0001f525'", "'a\\tb'", "f'{a}é'", "'''é\n日'''", "'''a\r\nb'''"])
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def lines(draw: st.DrawFn) -> str:
    """Statements with non-ASCII names and literals, in any mixture of line ends, with form feeds and U+2028."""
    out = []
    for _ in range(draw(st.integers(1, 6))):
        name, other = draw(LETTERS), draw(LETTERS)
        value = draw(TEXTS)
        statement = draw(
            st.sampled_from(
                [
                    f"{name} = {value}, {other}",
                    f"{name} = f({value}, {other}, k={value})",
                    f"# {other}\u2028{name}",
                    f"\f{name} = {other}",
                    f"if {name}:\n    {other} = {value}; {name}",
                    f"{name} = ({value},\n  {other}) ; {name}",
                    f"def {name}({other}): return {value}",
                    f"{name} = '\u2028\x0b\x1c', {other}",
                    "",
                ]
            )
        )
        out.append(statement.replace("\n", draw(ENDS)) if "'''" not in statement else statement)
        out.append(draw(ENDS))
    return "".join(out)


def positioned(file: ParsedFile) -> list[ast.expr | ast.stmt]:
    """Every node with a position of its own; inside an f-string older Pythons count differently."""
    inside = {id(n) for j in ast.walk(file.tree) if isinstance(j, ast.JoinedStr) for n in ast.walk(j) if n is not j}
    return [n for n in ast.walk(file.tree) if isinstance(n, ast.expr | ast.stmt) and id(n) not in inside]


@hypothesis_settings(max_examples=80, deadline=None)
@given(lines())
def test_the_source_of_a_node_is_what_python_says(text: str):
    file = ParsedFile("a.py", text)
    for node in positioned(file):
        expected = ast.get_source_segment(re.sub(r"\r\n?", "\n", text), node)
        assert re.sub(r"\r\n?", "\n", file.source(node)) == expected


@hypothesis_settings(max_examples=60, deadline=None)
@given(lines())
def test_a_name_is_found_again_by_its_position(text: str):
    file = ParsedFile("a.py", text)
    for node in positioned(file):
        position = (node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)
        again = file.node_at(position, type(node))
        assert again is not None and file.span(again) == file.span(node)
        assert file.node_at(position) is not None


@hypothesis_settings(max_examples=60, deadline=None)
@given(lines(), st.data())
def test_line_and_column_lead_back_to_the_offset(text: str, data: st.DataObject):
    file = ParsedFile("a.py", text)
    offset = data.draw(st.integers(0, len(text)))
    line, column = file.line_column(offset)
    assert file.line_starts[line - 1] + column - 1 == offset
    assert line == len(re.findall(r"\r\n|\r|\n", text[:offset])) + 1 - (
        text[offset - 1 : offset + 1] == "\r\n"  # between the two halves of one line end
    )


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("", [0]),
        ("a", [0]),
        ("a\nb\r\nc\rd", [0, 2, 5, 7]),
        ("a\n\n", [0, 2, 3]),
        ("a\r\r\nb", [0, 2, 4]),
        ("a\x0cb = 1\u2028", [0]),
        ("\x0ca = 1\n", [0, 7]),
    ],
)
def test_only_the_tokenizers_line_ends_count(text: str, starts: list[int]):
    file = ParsedFile.__new__(ParsedFile)
    file.text = text
    assert file.line_starts == starts


def test_the_source_keeps_its_line_ends():
    text = "é = (1,\r\n  '日')\rx = é\r\n"
    file = ParsedFile("a.py", text)
    assert file.source(file.tree.body[0]) == "é = (1,\r\n  '日')"
    assert file.source(file.tree.body[1]) == "x = é"
    location = file.location(file.tree.body[1])
    assert (location.path, text[location.start : location.end]) == ("a.py", "x = é")


def test_decorators_do_not_belong_to_the_span():
    file = ParsedFile("a.py", "@d\ndef f(): pass\n")
    assert file.source(file.tree.body[0]) == "def f(): pass"


def test_what_stands_around_a_node():
    file = ParsedFile("a.py", "class A:\n  def f(self):\n    if x:\n      y\n    else:\n      z = lambda: w\n")
    cls = file.tree.body[0]
    assert isinstance(cls, ast.ClassDef)
    method = cls.body[0]
    w = next(n for n in ast.walk(file.tree) if isinstance(n, ast.Name) and n.id == "w")
    z = file.enclosing_statement(w)
    assert file.source(z) == "z = lambda: w"
    assert file.enclosing_function(w) is method and file.enclosing_class(w) is cls
    assert file.enclosing_function(method) is None and file.enclosing_class(cls) is None
    assert file.block_of(z) == [z] and file.block_of(method) == [method]
    assert file.class_at(1, "A") is cls and file.class_at(2, "A") is None
    assert file.function_at(2, 2) is method and isinstance(file.function_at(6, 10), ast.Lambda)


def test_the_tree_has_no_block():
    file = ParsedFile("a.py", "a\n")
    file._index.parents[file.tree.body[0]] = ast.Name("elsewhere")
    with pytest.raises(LookupError, match="line 1"):
        file.block_of(file.tree.body[0])


@pytest.mark.parametrize("text", ["def f(:\n", "a = '\n", "\0", "return 1 +\n", "  a\n b\n"])
def test_what_cannot_be_parsed_raises(text: str):
    with pytest.raises((SyntaxError, ValueError)):
        ParsedFile("a.py", text)


def test_warnings_of_the_users_text_are_not_ours(recwarn: pytest.WarningsRecorder):
    ParsedFile("a.py", "x = '\\d'\nassert (1, 'a')\nx is 1\n")
    assert not recwarn.list


def test_many_lines_and_long_lines_cost_no_more_than_their_length():
    file = ParsedFile("a.py", '"""' + "x\n" * 300_000 + '"""')
    started = time.process_time()
    assert len(file.line_starts) == 300_001
    assert time.process_time() - started < 2
    one_line = ParsedFile("a.py", "; ".join(["x = 1"] * 5_000))
    started = time.process_time()
    assert {one_line.source(node) for node in one_line.tree.body} == {"x = 1"}
    assert time.process_time() - started < 2
