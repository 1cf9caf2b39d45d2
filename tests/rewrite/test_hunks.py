"""Hunks and patches from the spans of the edits: single cases. The tools judge in test_hunks_fuzz.py."""

from __future__ import annotations

import pytest

from torchfix_codemods.findings import Edit, Skipped
from torchfix_codemods.rewrite.byte_edits import ByteEdit, byte_edits, splice
from torchfix_codemods.rewrite.compose import PlannedEdit, blame
from torchfix_codemods.rewrite.hunks import changes, file_patch, hunks, quote, split_lines
from torchfix_codemods.source.text import Source, decode

TEN = b"".join(b"%d\n" % number for number in range(1, 11))


def source(raw: bytes) -> Source:
    found = decode("a.py", raw)
    assert not isinstance(found, Skipped), found
    return found


def planned(*edits: tuple[int, int, str]) -> list[PlannedEdit]:
    return blame((f"fix{number}", [Edit("a.py", *edit)]) for number, edit in enumerate(edits, 1))


def replaced(raw: bytes, old: bytes, new: bytes) -> list[ByteEdit]:
    return [ByteEdit(raw.index(old), raw.index(old) + len(old), new, frozenset({"fix"}))]


def test_a_change_in_the_middle() -> None:
    assert file_patch("a.py", TEN, replaced(TEN, b"5", b"five")) == (
        b"diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
    )


def test_the_last_line_without_newline() -> None:
    assert file_patch("a.py", b"1\n2", replaced(b"1\n2", b"2", b"2\n3")).splitlines()[3:] == [
        b"@@ -1,2 +1,3 @@",
        b" 1",
        b"-2",
        b"\\ No newline at end of file",
        b"+2",
        b"+3",
        b"\\ No newline at end of file",
    ]


def test_an_insertion_of_whole_lines_removes_nothing() -> None:
    (hunk,) = hunks(TEN, [ByteEdit(2, 2, b"new\n", frozenset({"fix"}))], context=0)
    assert hunk.render() == b"@@ -1,0 +2 @@\n+new\n"


def test_an_empty_file_that_is_filled() -> None:
    assert file_patch("a.py", b"", [ByteEdit(0, 0, b"x\n")]).endswith(b"@@ -0,0 +1 @@\n+x\n")


def test_no_patch_where_nothing_changes() -> None:
    assert file_patch("a.py", TEN, []) == b""
    assert file_patch("a.py", TEN, replaced(TEN, b"5", b"5")) == b""


def test_new_text_beside_a_deleted_line_runs_into_the_next_one() -> None:
    edits = [ByteEdit(0, 0, b"x"), ByteEdit(0, 2, b"")]
    assert file_patch("a.py", b"1\n2\n", edits).splitlines()[4:] == [b"-1", b"-2", b"+x2"]


def test_equal_lines_around_a_change_are_not_shown_as_changed() -> None:
    (change,) = changes(TEN, replaced(TEN, b"4\n5\n6\n", b"4\nfive\n6\n"))
    assert (change.start, change.end, change.new) == (4, 5, (b"five\n",))


def test_hunks_know_their_fixes_and_part_beyond_twice_the_context() -> None:
    edits = [
        ByteEdit(0, 1, b"one", frozenset({"a"})),
        ByteEdit(2, 3, b"two", frozenset({"b", "c"})),
        ByteEdit(18, 19, b"X", frozenset({"d"})),
    ]
    near, far = hunks(TEN, edits, context=3)
    assert near.fixes == {"a", "b", "c"} and far.fixes == {"d"}
    assert len(list(hunks(TEN, edits, context=4))) == 1


def test_lines_carry_their_numbers_in_both_files() -> None:
    first, second = hunks(TEN, [ByteEdit(0, 2, b"a\nb\n"), ByteEdit(16, 18, b"")], context=1)
    assert [(line.tag, line.old_number, line.new_number) for line in first.lines] == [
        ("-", 1, None),
        ("+", None, 1),
        ("+", None, 2),
        (" ", 2, 3),
    ]
    assert second.header() == "@@ -8,3 +9,2 @@"
    assert [(line.old_number, line.new_number) for line in second.lines] == [(8, 9), (9, None), (10, 10)]


def test_only_line_feeds_end_lines() -> None:
    assert split_lines(b"a\r\nb\rc\x0cd\xe2\x80\xa8e\nf") == [b"a\r\n", b"b\rc\x0cd\xe2\x80\xa8e\n", b"f"]
    assert split_lines(b"") == []


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("plain/a.py", b"plain/a.py"),
        ("with space.py", b"with space.py"),
        ('quo"te\\.py', b'"quo\\"te\\\\.py"'),
        ("tab\tnew\nline\x01.py", b'"tab\\tnew\\nline\\001.py"'),
        ("ü.py", b'"\\303\\274.py"'),
    ],
)
def test_names_are_quoted_as_git_does(name: str, quoted: bytes) -> None:
    assert quote(name) == quoted


def test_headers_name_the_file_from_the_root_of_the_repository() -> None:
    def head(path: str, prefix: str = "") -> list[bytes]:
        return file_patch(path, b"", [ByteEdit(0, 0, b"x\n")], prefix=prefix).splitlines()[:3]

    assert head("x.py", "src/pkg") == [
        b"diff --git a/src/pkg/x.py b/src/pkg/x.py",
        b"--- a/src/pkg/x.py",
        b"+++ b/src/pkg/x.py",
    ]
    assert head("../x.py", "src/pkg")[2] == b"+++ b/src/x.py"
    assert head("a b.py") == [b"diff --git a/a b.py b/a b.py", b"--- a/a b.py\t", b"+++ b/a b.py\t"]


def test_overlapping_byte_edits_are_an_error() -> None:
    with pytest.raises(ValueError):
        splice(b"abc", [ByteEdit(0, 2, b""), ByteEdit(1, 3, b"")])


def test_characters_become_bytes_behind_a_byte_order_mark() -> None:
    file = source("\ufeffé = 1\nx = 2\n".encode())
    assert byte_edits(file, planned((0, 1, "ä"), (10, 11, "3"))) == [
        ByteEdit(3, 5, "ä".encode(), frozenset({"fix1"})),
        ByteEdit(14, 15, b"3", frozenset({"fix2"})),
    ]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "shift_jis", "gbk", "euc_jp", "utf-8", "utf-7"])
def test_bytes_are_those_of_the_declared_encoding(encoding: str) -> None:
    letters = "é" if encoding in ("latin-1", "cp1252") else "日本"
    text = f"# coding: {encoding}\n# {letters}\nx = '{letters}'\n"
    file, at = source(text.encode(encoding)), text.index("x")
    edits = byte_edits(file, planned((at, at + 1, "y"), (len(text), len(text), f"z = '{letters}'\n")))
    expected = text.replace("x =", "y =") + f"z = '{letters}'\n"
    assert splice(file.raw, edits) == expected.encode(encoding)


def test_a_switching_encoding_falls_back_on_whole_lines() -> None:
    text = "# coding: iso2022_jp\na = '日本語'\nb = 1\nc = '日本語'\n"
    file, at = source(text.encode("iso2022_jp")), text.index("本")
    assert byte_edits(file, planned((at, at + 1, "x"))) == [
        ByteEdit(
            text.index("a ="),
            len(text[: text.index("b =")].encode("iso2022_jp")),
            "a = '日x語'\n".encode("iso2022_jp"),
            frozenset({"fix1"}),
        )
    ]


def test_text_that_the_encoding_cannot_hold_is_an_error() -> None:
    file = source(b"# coding: latin-1\nx = 1\n")
    with pytest.raises(UnicodeEncodeError):
        byte_edits(file, planned((0, 0, "日")))
