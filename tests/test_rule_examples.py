"""Every example of every rule page: found, rewritten, left alone, patched and run as the page says."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from examples import Example, all_examples

from torchfix_codemods.source.old_names import readable

EXAMPLES = all_examples()
every_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)


@dataclass(frozen=True)
class Answer:
    """What the tool said."""

    code: int
    stdout: str
    stderr: str


def tool(*arguments: str) -> Answer:
    """Run the command line in this process, in the current folder: a new process per call would cost minutes."""
    from torchfix_codemods.cli.main import run

    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(list(arguments))
    out.flush()
    err.flush()
    return Answer(code, out.buffer.getvalue().decode(), err.buffer.getvalue().decode())


@pytest.fixture
def folder(example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example's files in a folder of their own, which is the current one; the tool's own state elsewhere."""
    project = tmp_path / "project"
    write(project, example.before)
    monkeypatch.chdir(project)
    for variable in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "state"))
    return project


def write(folder: Path, texts: dict[str, str]) -> None:
    for path, text in texts.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="")


def assert_holds(folder: Path, texts: dict[str, str]) -> None:
    """These files and no others, byte for byte; one file at a time, so that a failure shows its lines."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert sorted(files) == sorted(texts)
    for name, text in texts.items():
        assert files[name].read_bytes().decode() == text, name


def findings(example: Example) -> list[dict[str, Any]]:
    answer = tool("check", ".", "--select", example.rule, "--output-format", "json")
    assert answer.code in (0, 1), answer.stderr
    report = json.loads(answer.stdout)
    assert not report["files"]["skipped"], report["files"]["skipped"]
    assert answer.code == (1 if report["findings"] else 0), answer.stderr
    return [finding for finding in report["findings"] if finding["rule"] == example.rule]


@every_example
def test_findings_stand_where_the_page_says(example: Example, folder: Path) -> None:
    found = findings(example)
    assert {(finding["path"], finding["line"]) for finding in found} == set(example.findings)
    assert len({(finding["path"], finding["line"], finding["column"]) for finding in found}) == len(found)
    for finding in found:
        writes_itself = finding["fix"] is not None and finding["fix"]["default"]
        assert writes_itself == (example.kind == "fix"), finding["no_fix_reason"]
        assert finding["fix"] is not None or finding["no_fix_reason"], "neither a fix nor a reason"
    assert_holds(folder, example.before)


@every_example
def test_apply_gives_the_text_afterwards_and_then_rests(example: Example, folder: Path) -> None:
    assert tool("apply", ".", "--select", example.rule).code == 0
    assert_holds(folder, example.after)
    again = tool("apply", ".", "--select", example.rule)
    assert again.code == 0, again.stderr
    assert_holds(folder, example.after)
    if example.kind == "fix":
        assert not findings(example)


@pytest.mark.parametrize(
    "example", [example for example in EXAMPLES if example.suggested], ids=lambda example: example.id
)
def test_suggestion_is_written_when_asked_for(example: Example, folder: Path) -> None:
    assert tool("apply", ".", "--select", example.rule, "--up-to", "suggestion").code == 0
    assert_holds(folder, example.after_suggestion)


@every_example
def test_patch_is_accepted_by_git(example: Example, folder: Path) -> None:
    answer = tool("apply", ".", "--select", example.rule, "--dry-run")
    assert_holds(folder, example.before)
    assert answer.code == (1 if example.kind == "fix" else 0)
    if example.kind == "fix":
        subprocess.run(["git", "apply", "-"], input=answer.stdout.encode(), cwd=folder, check=True)
    else:
        assert answer.stdout == ""
    assert_holds(folder, example.after)


@pytest.mark.parametrize(
    "example", [example for example in EXAMPLES if example.program], ids=lambda example: example.id
)
def test_claims_hold_when_the_program_runs(example: Example, tmp_path: Path) -> None:
    from claims import CLAIMS, REPLAYING
    from observation import observe

    assert example.program is not None
    replay = not REPLAYING.isdisjoint(example.claims)
    with one_torch_thread():
        write(tmp_path / "before", example.before)
        before = after = observe(tmp_path / "before", example.program, replay=replay)
        if example.kind == "fix" or example.suggested:
            write(tmp_path / "after", example.after_suggestion)
            after = observe(tmp_path / "after", example.program, replay=replay)
    for claim in example.claims:
        CLAIMS[claim](before, after)
    if example.prints:
        assert example.prints in after.output


@every_example
def test_texts_compile(example: Example) -> None:
    before = {path: readable(text) for path, text in example.before.items()}
    for texts in (before, example.after, example.after_suggestion):
        for path, text in texts.items():
            compile(text, path, "exec")


@contextlib.contextmanager
def one_torch_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
