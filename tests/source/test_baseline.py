"""The file of findings that are known: what is written can be read, and what is no baseline is refused in one line."""

from __future__ import annotations

import json
import os
import stat
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.source.baseline import Known, gone, read_baseline, write_baseline
from torchfix_codemods.source.errors import UsageError

ONE = Known("a.py", "toy-old-word", "0" * 16, "the word is old")
TWO = Known("b/été.py", "toy-chain", "f" * 16, "counts\ndown")
TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
KNOWN = st.builds(Known, TEXT, TEXT, st.text(string.hexdigits[:16], min_size=16, max_size=16), TEXT)


@given(st.lists(KNOWN, unique_by=lambda entry: entry.id, max_size=8))
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, entries: list[Known]) -> None:
    file = tmp_path_factory.getbasetemp() / "baseline.json"
    write_baseline(file, entries)
    assert sorted(read_baseline(file)) == sorted(entries)
    assert len(file.read_bytes().splitlines()) == 1 + len(entries)


def test_the_order_of_the_findings_plays_no_part(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    write_baseline(first, [TWO, ONE])
    write_baseline(second, [ONE, TWO])
    assert first.read_bytes() == second.read_bytes()
    assert [json.loads(line)["path"] for line in first.read_text().splitlines()[1:]] == ["a.py", "b/été.py"]


def test_git_merges_what_two_branches_have_added(tmp_path: Path) -> None:
    import subprocess

    entries = [Known(f"{name}.py", "r", name * 16) for name in "abcdef"]
    files = {name: tmp_path / name for name in ("ours", "base", "theirs")}
    write_baseline(files["base"], [entries[0], entries[2], entries[4]])
    write_baseline(files["ours"], [entries[0], entries[1], entries[2], entries[4]])
    write_baseline(files["theirs"], [entries[0], entries[2], entries[4], entries[5]])
    subprocess.run(["git", "merge-file", *map(str, files.values())], check=True)
    assert [entry.path[0] for entry in read_baseline(files["ours"])] == ["a", "b", "c", "e", "f"]


def test_an_existing_file_is_replaced_with_its_mode_and_a_link_stays_one(tmp_path: Path) -> None:
    file, link = tmp_path / "known", tmp_path / "link"
    write_baseline(file, [ONE, TWO])
    file.chmod(0o640)
    link.symlink_to("known")
    write_baseline(link, [ONE])
    assert link.is_symlink() and read_baseline(link) == read_baseline(file) == (ONE,)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["known", "link"]


def test_a_baseline_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--write-baseline .*there is no folder .*nowhere$"):
        write_baseline(tmp_path / "nowhere/known", [ONE])
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="it is a folder"):
        write_baseline(tmp_path / "folder", [ONE])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder"]


HEAD = b'{"schema": 1}\n'
ENTRY = json.dumps({"path": "a.py", "rule": "r", "id": "0" * 16, "message": "m"}).encode()
BAD = {
    "empty": (b"", "it is empty"),
    "blank": (b"\n \n", "it is empty"),
    "not UTF-8": (b"\xff", "not UTF-8"),
    "no JSON": (b"baseline\n", "line 1: it is no JSON object"),
    "a list": (b"[]\n", "line 1: it is no JSON object"),
    "a report": (b'{"version": 1}\n', "no baseline of torchfix"),
    "a later schema": (b'{"schema": 2}\n', "its schema is 2"),
    "a schema that is true": (b'{"schema": true}\n', "its schema is True"),
    "a schema with a point": (b'{"schema": 1.0}\n', "its schema is 1.0"),
    "a schema in words": (b'{"schema": "1"}\n', "its schema is '1'"),
    "cut off": (HEAD + ENTRY[:20], "line 2: it is no JSON object"),
    "a conflict": (HEAD + b"<<<<<<< HEAD\n" + ENTRY, "line 2: a conflict of a merge was left there"),
    "no id": (HEAD + b"\n" + ENTRY.replace(b"0" * 16, b"zero"), "line 3: it needs an id"),
    "no path": (HEAD + ENTRY.replace(b'"a.py"', b"7"), "line 2: it needs an id"),
    "deep": (HEAD + b"[" * 100_000, "line 2: it is no JSON object"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_baseline(tmp_path: Path, name: str) -> None:
    raw, reason = BAD[name]
    (tmp_path / "known").write_bytes(raw)
    with pytest.raises(UsageError) as caught:
        read_baseline(tmp_path / "known")
    assert str(caught.value).startswith(f"baseline {tmp_path}/known: ") and reason in str(caught.value)


def test_a_missing_file_a_folder_and_a_pipe(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such file .*--write-baseline` makes it"):
        read_baseline(tmp_path / "known")
    with pytest.raises(UsageError, match=r"not a regular file|is a directory"):
        read_baseline(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="not a regular file"):
        read_baseline(tmp_path / "pipe")


def test_keys_of_later_versions_lines_that_stand_twice_and_blank_lines(tmp_path: Path) -> None:
    more = ENTRY.replace(b"{", b'{"later": [1], ')
    (tmp_path / "known").write_bytes(HEAD + ENTRY + b"\n\n" + more + b"\n")
    assert read_baseline(tmp_path / "known") == (Known("a.py", "r", "0" * 16, "m"),)


def test_a_byte_order_mark_and_carriage_returns(tmp_path: Path) -> None:
    """As editors on Windows leave it."""
    (tmp_path / "known").write_bytes(b"\xef\xbb\xbf" + HEAD.replace(b"\n", b"\r\n") + ENTRY + b"\r\n")
    assert read_baseline(tmp_path / "known") == (Known("a.py", "r", "0" * 16, "m"),)


FOREIGN = (b"import torch\n", b"\xff\xfe", b"{}\n", b'{"version": 1}\n', b'{\n "schema": 1\n}\n', b'{"schema": true}\n')


@pytest.mark.parametrize("raw", FOREIGN)
def test_what_is_no_baseline_is_not_overwritten(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "notes").write_bytes(raw)
    (tmp_path / "link").symlink_to("notes")
    for name in ("notes", "link"):
        with pytest.raises(UsageError, match=rf"^--write-baseline .*{name}: there is a file which is no baseline"):
            write_baseline(tmp_path / name, [ONE])
    assert (tmp_path / "notes").read_bytes() == raw and (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("raw", [b"", b"\n", HEAD, HEAD + b"<<<<<<< HEAD\n", b'{"schema": 2, "later": 1}\n'])
def test_an_empty_file_and_a_damaged_baseline_are_written_anew(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "known").write_bytes(raw)
    write_baseline(tmp_path / "known", [ONE])
    assert read_baseline(tmp_path / "known") == (ONE,)


@pytest.mark.parametrize("name", ["__init__.py", "book.ipynb"])
def test_a_program_is_no_place_for_a_baseline_even_where_it_is_empty(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(UsageError, match="that is the name of a program"):
        write_baseline(tmp_path / name, [ONE])
    assert (tmp_path / name).read_bytes() == b""


def test_an_entry_is_gone_only_where_its_rule_looked_at_its_file() -> None:
    assert gone([ONE, TWO], [], [ONE.rule, TWO.rule], [ONE.path]) == (ONE,)
    assert gone([ONE, TWO], [], [TWO.rule], [ONE.path, TWO.path]) == (TWO,)
    assert gone([ONE, TWO], [ONE.id, TWO.id], [ONE.rule, TWO.rule], [ONE.path, TWO.path]) == ()
