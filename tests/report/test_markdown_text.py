"""Anything in GitHub's Markdown: it stays text, and GitHub finds nothing in it to act on."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_reader import HOSTILE, noticed, parse, shown, text_of, words

from torchfix_codemods.report.markdown_text import cell, code, cut, fence, html, plain, row
from torchfix_codemods.source.errors import printable


@given(HOSTILE)
@example("fixes #1 @all train.py:100:5 `@x` www.x.yz")
@example("`a``b` ``c` `d``")
def test_prose_stays_prose(text: str):
    tokens = parse(plain(text))
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}
    children = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in children} <= {"text", "code_inline", "text_special"}
    assert noticed(text_of(children)) == []


@given(HOSTILE)
def test_prose_shows_its_letters(text: str):
    """Spaces, signs that only part and the marks of code spans aside."""
    (inline,) = [token for token in parse(f"x{plain(text)}") if token.type == "inline"]
    assert words(shown(inline.children or [])) == "x" + words(printable("".join(text.split())))


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("`model.eval()` is missing", "`model.eval()` is missing"),
        ("torch.no_grad() and __init__", "torch.no_grad() and \\_\\_init\\_\\_"),
        ("commit deadbeef1 of 1.23456789", "commit `deadbeef1` of 1.23456789"),
        ("see http://a.b/c_d).", "see `http://a.b/c_d`)."),
        ("@x", "@&#8203;x"),
        ("`a`https://b", "`a`&#8203;`https://b`"),
        ("in $HOME/x, or", "in `$HOME/x`, or"),
        ("model.py:100:5", "model.py:&#8203;100:&#8203;5"),
        ("- x", "\\- x"),
        ("", ""),
    ],
)
def test_prose_is_read_easily(text: str, markdown: str):
    assert plain(text) == markdown


@given(HOSTILE)
@example(" ` ")
@example("``")
def test_a_code_span_is_one_and_shows_the_text(text: str):
    (inline,) = [token for token in parse(f"x {code(text)} y") if token.type == "inline"]
    kinds = [child.type for child in inline.children or ()]
    assert kinds == ["text", "code_inline", "text"]
    assert (inline.children or [])[1].content == (printable(text) or " ")


@given(HOSTILE, st.sampled_from(["", "diff", "py thon\n"]))
def test_nothing_ends_a_fence(text: str, language: str):
    (token,) = parse(fence(text, language) + "\n")
    assert token.type == "fence" and token.info in ("", "diff", "python")
    assert token.content.count("\n") == text.removesuffix("\n").count("\n") + 1
    assert all(line.isprintable() for line in token.content.replace("\t", "").split("\n"))


def test_a_fence_shows_what_cannot_be_seen():
    assert fence("a\tb\r\n\u202ec\x0c\n", "diff") == "```diff\na\tb\n\\u202ec\\x0c\n```"


@given(st.lists(HOSTILE, min_size=1, max_size=4))
def test_a_row_keeps_its_cells(texts: list[str]):
    lines = [row(["h"] * len(texts)), row(["---"] * len(texts)), row(map(code, texts)), row(map(plain, texts))]
    lines.append("| " + " | ".join(map(cell, texts)) + " |")
    tokens = parse("\n".join(lines))
    assert tokens[0].type == "table_open" and tokens[-1].type == "table_close"
    assert [token.type for token in tokens].count("td_open") == 3 * len(texts)
    cells = [token for token in tokens if token.type == "inline"]
    for text, found in zip(texts, cells[len(texts) :], strict=False):
        (span,) = found.children or ()
        assert (span.type, span.content.strip()) == ("code_inline", printable(text).strip())
    assert all(noticed(text_of(found.children or ())) == [] for found in cells)


@given(HOSTILE)
def test_the_inside_of_a_tag_stays_inside(text: str):
    inside = html(text)
    (token,) = parse(f"<summary>{inside}</summary>\n")
    assert token.type == "html_block" and token.content.strip() == f"<summary>{inside}</summary>"
    assert set(re.findall("<[^>]*>", inside)) <= {"<code>", "</code>"}


@given(st.text("ab \n", max_size=300), st.integers(40, 200))
def test_a_cut_text_says_what_is_missing(text: str, limit: int):
    short = cut(text, limit)
    assert len(short) <= limit
    if short != text:
        kept, _, note = short.rpartition(" [")
        assert text.startswith(kept) and note == f"{len(text) - len(kept):,} more characters]"
        assert len(text) > limit


def test_a_text_is_cut_after_a_line_or_a_word():
    assert cut("word " * 100, 60) == "word word word word word word word [466 more characters]"
    assert cut("a line\n" * 100, 60).endswith("a line [666 more characters]")
