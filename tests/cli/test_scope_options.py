"""`--since`, `--baseline`, `--write-baseline`, `--project`: what the command line says, and what it refuses."""

from __future__ import annotations

import json
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from cli_tool import Answer, Tool
from jsonschema import Draft202012Validator

SCHEMA = json.loads(files("torchfix_codemods.report").joinpath("schema.json").read_text(encoding="utf-8"))


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def project(folder: Path) -> Path:
    """A repository with an old mistake in each of two files, and a new one in the first."""
    (folder / "a.py").write_text("old_word\nx = 1\n")
    (folder / "b.py").write_text("old_word\npair_here\n")
    (folder / "there.py").write_text("pair_there\n")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "all")
    (folder / "a.py").write_text("old_word\nx = old_word\n")
    return folder


def report(answer: Answer) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.text)
    Draft202012Validator(SCHEMA).validate(found)
    return found


def test_check_since(tool: Tool, project: Path) -> None:
    done = tool("check", ".", "--since", "HEAD")
    assert done.code == 1 and done.text.count("TOY") == 1 and "a.py:2:5: TOY101" in done.text
    assert "outside: 3 findings on lines that were not changed\n" in done.err
    found = report(tool("check", ".", "--since", "HEAD", "--output-format", "json"))
    assert (len(found["findings"]), found["outside"]) == (1, 3)
    git(project, "commit", "-qam", "more")
    nothing = tool("check", ".", "--since", "HEAD")
    assert (nothing.code, nothing.out) == (0, b"")
    assert nothing.err.startswith("nothing new\noutside: 4 findings")


def test_apply_since_writes_only_what_counts(tool: Tool, project: Path) -> None:
    dry = tool("apply", ".", "--since", "HEAD", "--dry-run")
    assert dry.code == 1 and dry.text.count("+++ ") == 1 and dry.text.count("\n+") == 2
    done = tool("apply", ".", "--since", "HEAD", "--allow-dirty")
    assert done.code == 0 and "1 fix applied in 1 file" in done.err
    assert (project / "a.py").read_text() == "old_word\nx = new_word\n"
    assert git(project, "diff", "--name-only") == "a.py\n"


@pytest.mark.parametrize("command", ["check", "apply", "verify"])
def test_a_revision_that_is_not_there_is_one_line(tool: Tool, project: Path, command: str) -> None:
    for rev in ("origin/main", "--output=x", "", "HEAD^{tree}", "HEAD@{9}", "@{u}", ":/x", "HEAD~1", "0" * 40):
        done = tool(command, ".", f"--since={rev}")
        assert (done.code, done.out, done.err.count("\n")) == (2, b"", 1)
        assert done.err.startswith("torchfix: --since ")
    assert "`git fetch origin main:refs/remotes/origin/main`" in tool(command, ".", "--since", "origin/main").err
    assert not (project / "x").exists()


def test_git_that_fails_is_exit_code_4(tool: Tool, project: Path) -> None:
    (project / ".git/index").write_bytes(b"damaged")
    done = tool("check", ".", "--since", "HEAD")
    assert (done.code, done.err.count("\n")) == (4, 1) and "git diff in" in done.err


def test_since_outside_of_a_repository_and_with_standard_input(tool: Tool, folder: Path) -> None:
    (folder / "a.py").write_text("")
    outside = tool("check", "a.py", "--since", "HEAD")
    assert outside.code == 2 and "is in no git repository" in outside.err
    given = tool("check", "--stdin-filename", "a.py", "-", "--since", "HEAD", stdin=b"old_word\n")
    assert given.code == 2 and "git knows nothing of standard input" in given.err


def test_a_baseline_from_writing_to_going_stale(tool: Tool, project: Path) -> None:
    written = tool("check", ".", "--write-baseline", "known.json")
    assert (written.code, written.out) == (0, b"")
    assert written.err.startswith("4 findings written to known.json: --baseline known.json leaves them out\n")
    for command in ("check", "apply"):
        done = tool(command, ".", "--baseline", "known.json")
        assert done.code == 0 and "4 known from the baseline" in done.err
    assert git(project, "diff", "--name-only") == "a.py\n"
    (project / "a.py").write_text("old_word\nold_word\nx = old_word\n")
    (project / "b.py").write_text("old_word\n")
    done = tool("check", ".", "--baseline", "known.json", "--output-format", "json")
    assert (
        done.code == 1 and "1 finding of the baseline is not there any more: write it anew with --write-b" in done.err
    )
    found = report(done)
    assert [(f["path"], f["line"]) for f in found["findings"]] == [("a.py", 2)]
    assert found["baseline"] == {"known": 3, "stale": 1}


def test_the_baseline_of_the_settings(tool: Tool, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "pyproject.toml").write_text('[tool.torchfix]\nbaseline = "lists/known.json"\n')
    missing = tool("check", ".")
    assert (missing.code, missing.err.count("\n")) == (2, 1) and "there is no such file" in missing.err
    (project / "lists").mkdir()
    assert tool("check", ".", "--write-baseline", "lists/known.json").code == 0
    (project / "sub").mkdir()
    monkeypatch.chdir(project / "sub")
    assert tool("check", "..").code == 0
    again = tool("check", "..", "--write-baseline", "../lists/known.json")
    assert again.err.startswith("4 findings written")
    (project / "sub/none.json").write_text('{"schema": 1}\n')
    assert tool("check", "..", "--baseline", "none.json").code == 1


def test_a_malformed_baseline_is_one_line(tool: Tool, project: Path) -> None:
    (project / "known.json").write_text('{"schema": 1}\n<<<<<<< HEAD\n')
    done = tool("check", ".", "--baseline", "known.json")
    assert (done.code, done.out, done.err.count("\n")) == (2, b"", 1)
    assert "known.json: line 2: a conflict of a merge was left there" in done.err


def test_a_baseline_takes_the_place_of_nothing_else(tool: Tool, project: Path) -> None:
    (project / "list.json").write_text('{"packages": []}\n')
    (project / "link").symlink_to("a.py")
    before = {path: path.read_bytes() for path in project.iterdir() if path.is_file()}
    for name in ("a.py", "list.json", "link", "."):
        done = tool("check", ".", "--write-baseline", name)
        assert (done.code, done.out, done.err.count("\n")) == (2, b"", 1)
        assert done.err.startswith(f"torchfix: --write-baseline {name}: ")
    assert {path: path.read_bytes() for path in project.iterdir() if path.is_file()} == before
    both = tool("check", ".", "--write-baseline", "new.json", "--report", "./new.json")
    assert both.code == 2 and "--report names the same file" in both.err and not (project / "new.json").exists()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--since", "HEAD"), "--since"),
        (("--baseline", "known.json"), "--baseline"),
        (("--project",), "--project"),
        (("--stdin-filename", "a.py"), "standard input"),
    ],
)
def test_a_baseline_of_a_part_is_not_written(tool: Tool, project: Path, words: tuple[str, ...], named: str) -> None:
    done = tool("check", ".", "--write-baseline", "known.json", *words)
    assert done.code == 2 and done.err.rstrip().endswith(f"it does not go with {named}")
    assert not (project / "known.json").exists()


def test_a_file_in_its_project(tool: Tool, project: Path) -> None:
    alone = tool("check", "b.py")
    assert "TOY103" not in alone.text
    done = tool("check", "b.py", "--project")
    assert done.code == 1 and "b.py:2:1: TOY103 toy-pair" in done.text and "a.py" not in done.text
    assert "TOY103 toy-pair [crash-fix]" in done.text
    assert "no fix: its fix also changes there.py, which was not given" in done.text
    assert done.err.endswith("1 file analysed of 1\n2 more files of the project read for context\n")
    found = report(tool("check", "b.py", "--project", "--output-format", "json"))
    assert found["files"]["seen"] == 1 and found["context"] == {"files": 2, "skipped": []}
    assert tool("apply", "b.py", "--project").code == 0
    assert (project / "b.py").read_text() == "new_word\npair_here\n"
    assert git(project, "diff", "--name-only") == "a.py\nb.py\n"


def test_standard_input_in_its_project(tool: Tool, project: Path) -> None:
    words = ("--stdin-filename", "b.py", "-", "--project")
    done = tool("apply", *words, stdin=b"pair_here\nold_word\n")
    assert (done.code, done.text) == (0, "pair_here\nnew_word\n")
    assert "TOY103 toy-pair" in tool("check", *words, stdin=b"pair_here\n").text


def test_files_around_that_cannot_be_read_are_named(tool: Tool, project: Path) -> None:
    (project / "there.py").write_text("def f(:\n")
    done = tool("check", "b.py", "--project")
    assert "1 file analysed of 1\n2 more files of the project read for context; not readable: there.py\n" in done.err


def test_verify_of_what_counts_runs_nothing_where_nothing_does(tool: Tool, project: Path) -> None:
    git(project, "commit", "-qam", "more")
    (project / "a.py").write_text("open('ran', 'w')\nold_word\nx = old_word\n")
    git(project, "commit", "-qam", "more")
    done = tool("verify", ".", "--since", "HEAD")
    assert done.code == 0 and "verdicts: there is no fix to run" in done.err
    assert not (project / "ran").exists()


@pytest.mark.parametrize("words", [("check",), ("apply", "--allow-dirty"), ("verify",)])
def test_a_name_that_begins_with_a_dash_stands_after_two_of_them(
    tool: Tool, project: Path, words: tuple[str, ...]
) -> None:
    """As hooks give the names of files; arguments of a program need paths before them."""
    (project / "-x.py").write_text("old_word\n")
    done = tool(*words, "--project", "--", "-x.py")
    assert done.code == {"check": 1}.get(words[0], 0) and "-x.py:1:1: TOY101" in done.text
    assert (project / "-x.py").read_text() == ("new_word\n" if words[0] == "apply" else "old_word\n")
    missing = tool(*words, "--project", "--")
    assert missing.code == 2 and "Missing argument 'PATHS...'" in missing.err
