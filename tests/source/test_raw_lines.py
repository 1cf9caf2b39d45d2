"""Lines of the file itself, as git counts them, for ranges of its text."""

from __future__ import annotations

import json

import pytest
from notebooks import code, notebook, prose

from torchfix_codemods.source.raw_lines import raw_lines
from torchfix_codemods.source.text import Source, decode


def source(name: str, raw: bytes) -> Source:
    found = decode(name, raw)
    assert isinstance(found, Source)
    return found


def lines_of(found: Source, words: str) -> tuple[int, int]:
    start = found.text.index(words)
    return raw_lines(found, start, start + len(words))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_lines_of_a_file(newline: str, bom: bytes) -> None:
    found = source("a.py", bom + newline.join(["é = 1", "two", "three", "four"]).encode())
    assert lines_of(found, "é") == (1, 1)
    assert lines_of(found, f"two{newline}three") == (2, 3)
    assert lines_of(found, f"two{newline}") == (2, 2)
    start = found.text.index("four")
    assert raw_lines(found, start, start) == (4, 4)
    assert raw_lines(found, len(found.text), len(found.text)) == (4, 4)


def test_a_lone_carriage_return_ends_no_line_of_git() -> None:
    found = source("a.py", b"one\rtwo\nthree\n")
    assert lines_of(found, "two") == (1, 1) and lines_of(found, "three") == (2, 2)


@pytest.mark.parametrize("style", [{}, {"indent": 4}, {"indent": None}, {"ensure_ascii": True}])
@pytest.mark.parametrize("as_list", [True, False])
def test_lines_of_a_notebook_are_those_of_its_json(style: dict[str, object], as_list: bool) -> None:
    cells = ["é = 1\nfirst\n", "%time x = 2\n!ls\nsecond\nthird", "", "x = 'a\\tb'\n\nfourth\nfifth\n"]
    raw = notebook(prose("# first"), *(code(text, as_list=as_list) for text in cells), **style)
    found = source("n.ipynb", raw)
    json_lines = raw.decode().split("\n")
    for word in ("second", "third", "fourth", "fifth", "first"):
        number, last = lines_of(found, word)
        assert number == last and word in json_lines[number - 1]
        assert word != "first" or "# first" not in json_lines[number - 1] or style.get("indent", 1) is None
    first, last = lines_of(found, "second\nthird")
    assert (last - first == 1) == (as_list and style.get("indent", 1) is not None)
    assert json.loads(raw)  # what the lines were compared with is a notebook
