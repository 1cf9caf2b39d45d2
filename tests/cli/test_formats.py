"""Every format by the command line, over a folder with a file name that is not UTF-8."""

from __future__ import annotations

import json
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


def test_rules_of_others_are_told_with_their_summary(tool: Tool, project: Path):
    (run,) = json.loads(tool("check", ".", "--output-format", "sarif").out)["runs"]
    told = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert told["TOY101"]["shortDescription"]["text"] == "Old words."
    assert "helpUri" not in told["TOY101"] and "helpUri" in told["TFC101"]
    assert run["invocations"][0]["exitCode"] == 2
