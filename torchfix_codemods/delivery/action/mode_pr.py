"""`mode: pr` of the Action: propose, and tell what became of it. Nothing of the repository is imported or run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from torchfix_codemods.delivery.action.inputs import Inputs
from torchfix_codemods.delivery.action.request import request_of
from torchfix_codemods.delivery.action.results import check_places, counts, tell_counts, write_reports
from torchfix_codemods.delivery.action.runner import Runner, command, say
from torchfix_codemods.delivery.action.step import Step, exit_code
from torchfix_codemods.delivery.git.repository import Repository
from torchfix_codemods.delivery.model import Operation
from torchfix_codemods.delivery.names import check_labels
from torchfix_codemods.delivery.open import Delivery, Wish, open_pull_requests
from torchfix_codemods.delivery.proposing.choice import Options
from torchfix_codemods.delivery.proposing.proposals import outcomes_of_all
from torchfix_codemods.delivery.pulls.publish import Result
from torchfix_codemods.delivery.target import target_of
from torchfix_codemods.delivery.top import from_top, top_of
from torchfix_codemods.pipeline import patch
from torchfix_codemods.report.markdown_text import code, plain
from torchfix_codemods.report.text import count
from torchfix_codemods.source.errors import UsageError

TITLE = "torchfix"
_SHOWN = 100  # fixes that the summary names as not proposed


def propose(step: Step) -> int:
    """Open, update or close the pull requests. Where the event's token cannot write, say so and end well.

    Where git or GitHub fails, everything that is known by then is told and written before that is raised.
    """
    reason = _why_not(step.runner)
    if reason:
        command("notice", f"nothing is proposed: {reason}", TITLE)
        _tell_results(step.runner, [Result(Operation.NONE, step.inputs.branch)])
        return 0
    if not step.inputs.token:
        raise UsageError("mode pr needs a token: leave the input `token` as it is, or give a GitHub App's")
    check_places(step.runner, step.inputs, step.cwd)
    top = top_of(step.cwd, step.inputs.paths)
    request = from_top(request_of(step.inputs, step.runner, step.cwd), top)
    clone = Repository(top)
    target = target_of(step.runner.environ, origin=clone.origin())
    delivery = open_pull_requests(request, _wish(step.inputs, step.cwd), clone, target, step.runner.environ)
    code = _tell(step, delivery)
    if delivery.failure is not None:
        raise delivery.failure
    return code


def _why_not(runner: Runner) -> str:
    """Why nothing is proposed on this event; empty where it is."""
    if runner.only_reads():
        return runner.only_reads()
    if runner.on_pull_request:
        return "a pull request started this run, and its branch is somebody's own: `mode: check` shows findings on it"
    return ""


def _wish(inputs: Inputs, cwd: Path) -> Wish:
    return Wish(
        options=Options(inputs.require, inputs.group_by),
        report=_report(inputs, cwd),
        made_in=cwd,
        base=inputs.base,
        branch=inputs.branch,
        labels=check_labels(",".join(inputs.labels)),
        draft=inputs.draft,
    )


def _report(inputs: Inputs, cwd: Path) -> Path | None:
    """Where the report lies that verdicts are read from. Raises `UsageError` where there is none."""
    if not inputs.report:
        return None
    path = cwd / inputs.report
    if not os.path.lexists(path):
        raise UsageError(
            f"input report: there is no file {inputs.report}; `mode: verify` in a job before writes one, and "
            '`report: ""` proposes without verdicts'
        )
    return path


def _tell(step: Step, delivery: Delivery) -> int:
    """Write the files, the log, the outputs and the summary; the exit code follows `fail-on`."""
    report, made = delivery.report, delivery.report.plan
    results = outcomes_of_all(report, delivery.proposals)
    fixes = patch(delivery.analysis, made) if made is not None else b""
    write_reports(step.runner, step.inputs, step.cwd, report, results, fixes)
    for warning in (*delivery.notes, *(line for result in delivery.results for line in result.warnings)):
        command("warning", warning, TITLE)
    left = list(_left_out(delivery))
    say([*(_line(result) for result in delivery.results), *left])
    tell_counts(step.runner, report, results)
    if delivery.results:
        _tell_results(step.runner, delivery.results)
    step.runner.summary(_summary(delivery, left))
    return exit_code(step.inputs.fail_on, counts(report, results), ())


def _tell_results(runner: Runner, results: Sequence[Result]) -> None:
    """The outputs on pull requests; of several one per line, in the same order in all three."""
    runner.output("pull-request-number", "\n".join("" if r.number is None else str(r.number) for r in results))
    runner.output("pull-request-url", "\n".join(result.url for result in results))
    runner.output("pull-request-operation", "\n".join(result.operation.value for result in results))


def _line(result: Result) -> str:
    """What became of one pull request, for the log."""
    return " ".join(filter(None, (result.operation.value, result.branch, result.url, result.detail)))


def _left_out(delivery: Delivery) -> Iterator[str]:
    """What is not proposed, and why: a fix in no pull request, told once."""
    proposed = {name for proposal in delivery.proposals for name in proposal.fingerprints}
    told = set(proposed)
    for kept in (kept for proposal in delivery.proposals for kept in proposal.kept):
        finding = kept.outcome.finding
        if finding.id not in told:
            told.add(finding.id)
            detail = f": {kept.detail}" if kept.detail else ""
            yield f"not proposed: {kept.outcome.place} {finding.code} ({kept.reason.value}{detail})"


def _summary(delivery: Delivery, left: Sequence[str]) -> str:
    """What became of the pull requests, as Markdown for the summary of the job."""
    lines = ["## torchfix: pull requests", ""]
    for result in delivery.results:
        link = f" [#{result.number}]({result.url})" if result.number is not None and result.url else ""
        detail = f": {plain(result.detail)}" if result.detail else ""
        lines.append(f"- **{result.operation.value}**{link}, branch {code(result.branch)}{detail}")
    if delivery.failure is not None:
        lines.append(f"- **failed**: {plain(str(delivery.failure))}")
    if left:
        shown = left[:_SHOWN]
        lines += ["", f"{count(len(left), 'fix')} not proposed:", "", *(f"- {plain(line)}" for line in shown)]
        lines += [f"- and {len(left) - _SHOWN:,} more, in the log"] if len(left) > _SHOWN else []
    return "\n".join(lines) + "\n"
