"""Every format by the command line, over a folder with a file name that is not UTF-8."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cli_tool import Tool

READERS: dict[str, Callable[[bytes], object]] = {
    "sarif": json.loads,
    "gitlab": json.loads,
    "junit": ElementTree.fromstring,
    "github": lambda raw: [line for line in raw.decode("utf-8").splitlines() if line.startswith("::")],
}


@pytest.fixture
def project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)  # that of whoever runs the tests
    (folder / "a.py").write_text("old_word\n")
    (folder / "\udce9\n::x.py").write_text("raise_word\nold_word\n")
    (folder / "bad\udce9.py").write_text("def (:\n")
    return folder


@pytest.mark.parametrize("name", READERS)
def test_standard_output_is_the_report_alone(tool: Tool, project: Path, name: str):
    done = tool("check", ".", "--output-format", name)
    assert done.code == 2, "a rule failed"
    assert READERS[name](done.out)
    if name == "github":
        assert [line.split(" ")[0] for line in done.text.splitlines()] == ["::error"] + 3 * ["::warning"]


@pytest.mark.parametrize(("suffix", "name"), [(".sarif", "sarif"), (".xml", "junit")])
def test_a_report_file_is_what_standard_output_would_be(tool: Tool, project: Path, suffix: str, name: str):
    file = project.parent / f"report{suffix}"
    printed = tool("check", ".", "--output-format", name, "--report", str(file)).out
    assert printed == file.read_bytes() and READERS[name](printed)


@pytest.mark.parametrize("command", ["check", "apply", "verify"])
def test_a_place_for_a_report_that_is_none_is_refused_before_any_work(tool: Tool, folder: Path, command: str):
    (folder / "a.py").write_text("old_word\n")
    (folder / "folder.json").mkdir()
    os.mkfifo(folder / "pipe.md")
    (folder / "link.html").symlink_to("a.py")
    (folder / "closed.xml").touch(0o444)
    for name in ("folder.json", "pipe.md", "link.html", "closed.xml", "a.py/x.sarif"):
        done = tool(command, ".", "--report", "good.json", "--report", name)
        assert (done.code, done.out, done.err.count("\n")) == (2, b"", 1)
        assert done.err.startswith(f"torchfix: --report {name}: ")
    assert (folder / "a.py").read_text() == "old_word\n" and not (folder / "good.json").exists()


def test_a_report_for_which_there_is_no_room(tool: Tool, folder: Path):
    """It is known only when the fixes are written, and said; the other report is written."""
    (folder / "a.py").write_text("old_word\n")
    (folder / "large.html").write_text("before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, hard))
    try:
        done = tool("apply", ".", "--report", "large.html", "--report", "small.json")
        again = tool("apply", ".", "--report", "large.html")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    stands = "; the fixes are written (`torchfix undo` takes them back)"
    assert done.code == 2 and done.err.splitlines()[-1] == f"torchfix: --report large.html: file too large{stands}"
    assert again.code == 2 and again.err.splitlines()[-1] == "torchfix: --report large.html: file too large"
    assert (folder / "a.py").read_text() == "new_word\n"
    assert len(json.loads((folder / "small.json").read_text())["findings"]) == 1
    assert (folder / "large.html").read_text() == "before"


def test_annotations_say_where_the_others_are(tool: Tool, folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "a.py").write_text("old_word\n" * 11)
    words = ("check", ".", "--output-format", "github")
    for place, told in (
        ("", "than GitHub shows: `--report FILE` writes all of them"),
        (str(folder / "a.py/summary"), "than GitHub shows: `--report FILE` writes all of them"),
        (str(folder / "summary"), "in the job summary"),
    ):
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", place)
        assert tool(*words).text.splitlines()[-1] == f"::warning title=torchfix::2 more {told}"
    assert "11 findings" in (folder / "summary").read_text()


def test_rules_of_others_are_told_with_their_summary(tool: Tool, project: Path):
    (run,) = json.loads(tool("check", ".", "--output-format", "sarif").out)["runs"]
    told = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert told["TOY101"]["shortDescription"]["text"] == "Old words."
    assert "helpUri" not in told["TOY101"] and "helpUri" in told["TFC101"]
    assert run["invocations"][0]["exitCode"] == 2
