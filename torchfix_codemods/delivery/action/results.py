"""What a step of the Action leaves: files, annotations, the summary of the job, and counts as outputs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from torchfix_codemods.delivery.action.inputs import Inputs
from torchfix_codemods.delivery.action.runner import Runner, say
from torchfix_codemods.findings import Level
from torchfix_codemods.report.formats import writer
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome
from torchfix_codemods.report.text import finding_lines, summary_lines
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.verify.model import VerdictName


def tell(runner: Runner, inputs: Inputs, report: Report, results: Sequence[Outcome]) -> None:
    """The findings in the log, at their lines and in the summary of the job, and the counts as outputs."""
    from torchfix_codemods.report.github import write_github
    from torchfix_codemods.report.job_summary import job_summary

    say(line for outcome in results for line in finding_lines(outcome))
    say(line for line, _ in summary_lines(report, results, None))
    if inputs.annotations:
        print(write_github(report, results), end="", flush=True)
    runner.summary(job_summary(report, results))
    tell_counts(runner, report, results)


def tell_counts(runner: Runner, report: Report, results: Sequence[Outcome]) -> None:
    """The counts as outputs."""
    for name, number in counts(report, results).items():
        runner.output(name, str(number))


def counts(report: Report, results: Sequence[Outcome]) -> dict[str, int]:
    """How many findings, how many of them with a fix that is made by default, and how these did in runs."""
    shown = list(report.verification.verdicts.values()) if report.verification else []
    return {
        "findings": len(results),
        "fixes": sum(o.finding.fix is not None and o.finding.level < Level.SUGGESTION for o in results),
        "verified": sum(verdict.verified for verdict in shown),
        "regressed": sum(verdict.name is VerdictName.REGRESSED for verdict in shown),
    }


def check_places(runner: Runner, inputs: Inputs, cwd: Path) -> None:
    """Raise `UsageError`, before any work, for a file that could not be written where an input says."""
    for name in ("sarif", "html", "patch", *(() if inputs.mode == "pr" else ("report",))):
        if value := getattr(inputs, name):
            _place(runner, name, value, cwd)


def write_reports(
    runner: Runner, inputs: Inputs, cwd: Path, report: Report, results: Sequence[Outcome], patch: bytes
) -> None:
    """Write the files that the inputs name, and set their paths as outputs. In mode pr `report` is read instead."""
    contents: dict[str, bytes] = {}
    if inputs.report and inputs.mode != "pr":
        contents["report"] = _encoded(writer("json")(report, results))
    if inputs.sarif:
        contents["sarif"] = _encoded(writer("sarif")(report, results))
    if inputs.html:
        contents["html"] = _encoded(writer("html")(report, results))
    if inputs.patch:
        contents["patch"] = patch
    for name, content in contents.items():
        value = getattr(inputs, name)
        _write(_place(runner, name, value, cwd), content)
        runner.output(name, value)


def _place(runner: Runner, name: str, value: str, cwd: Path) -> Path:
    """Where a file is to be written: in the workspace or in the runner's own folder, and not through a link.

    A link with this name in somebody's pull request would lead to any file of the runner.
    """
    path = Path(os.path.abspath(cwd / value))
    folder = Path(os.path.realpath(path.parent))
    tops = (cwd, *(Path(top) for key in ("GITHUB_WORKSPACE", "RUNNER_TEMP") if (top := runner.environ.get(key))))
    if not folder.is_dir():
        raise UsageError(f"input {name}: there is no folder {path.parent}")
    if not any(folder.is_relative_to(os.path.realpath(top)) for top in tops):
        raise UsageError(f"input {name}: {value} leads out of the workspace")
    if ".git" in folder.parts:
        raise UsageError(f"input {name}: {value} is in a folder of git")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise UsageError(f"input {name}: {value} is there already, and no plain file")
    return folder / path.name


def _write(path: Path, content: bytes) -> None:
    """Write a new file in the place of the old one: of what stands there nothing is opened."""
    temporary = path.with_name(f".{path.name}.torchfix")
    try:
        temporary.unlink(missing_ok=True)
        with temporary.open("xb") as stream:
            stream.write(content)
        os.replace(temporary, path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def _encoded(text: str) -> bytes:
    """UTF-8; a lone surrogate of somebody's file name becomes an escape instead of an error."""
    return text.encode("utf-8", "backslashreplace")
