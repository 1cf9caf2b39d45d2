"""`mode: pr` of the Action: propose, and tell what became of it. Nothing of the repository is imported or run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from torchfix_codemods.delivery.action.inputs import Inputs
from torchfix_codemods.delivery.action.request import request_of
from torchfix_codemods.delivery.action.results import check_places, counts, tell_counts, write_reports
from torchfix_codemods.delivery.action.runner import Runner, command, say
from torchfix_codemods.delivery.action.step import Step, exit_code
from torchfix_codemods.delivery.action.top import from_top, top_of
from torchfix_codemods.delivery.git.repository import Repository
from torchfix_codemods.delivery.model import Operation
from torchfix_codemods.delivery.names import check_labels
from torchfix_codemods.delivery.open import Delivery, Wish, open_pull_requests
from torchfix_codemods.delivery.proposing.choice import Options, verdicts_for
from torchfix_codemods.delivery.proposing.verdicts import Told, read_verdicts
from torchfix_codemods.delivery.pulls.publish import Result
from torchfix_codemods.delivery.target import target_of
from torchfix_codemods.pipeline import Analysis, Request, analyse, make_plan, patch, report_of
from torchfix_codemods.report.markdown_text import code, plain
from torchfix_codemods.report.outcome import outcomes, unwritten
from torchfix_codemods.report.text import count
from torchfix_codemods.source.errors import OutsideFailed
from torchfix_codemods.verify.model import Verdict, Verification

TITLE = "torchfix"
_SHOWN = 100  # fixes that the summary names as not proposed


def propose(step: Step) -> int:
    """Open, update or close the pull requests. Where the event's token cannot write, say so and end well."""
    reason = _why_not(step.runner)
    if reason:
        command("notice", f"nothing is proposed: {reason}", TITLE)
        _tell_results(step.runner, [Result(Operation.NONE, step.inputs.branch)])
        return 0
    check_places(step.runner, step.inputs, step.cwd)
    top = top_of(step.cwd, step.inputs.paths)
    request = from_top(request_of(step.inputs, step.runner, step.cwd), top)
    clone = Repository(top)
    target = target_of(step.runner.environ, origin=clone.origin())
    try:
        delivery = open_pull_requests(request, _wish(step.inputs, step.cwd), clone, target, step.runner.environ)
    except OutsideFailed:
        _leave_what_is_known(step, request)
        raise
    return _tell(step, delivery)


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
        report=cwd / inputs.report if inputs.report else None,
        base=inputs.base,
        branch=inputs.branch,
        labels=check_labels(",".join(inputs.labels)),
        draft=inputs.draft,
    )


def _tell(step: Step, delivery: Delivery) -> int:
    """Write the files, the log, the outputs and the summary; the exit code follows `fail-on`."""
    analysis, proposals = delivery.analysis, delivery.proposals
    report = proposals[0].report if proposals else report_of(analysis)
    results = unwritten(outcomes(report))
    proposed = {name for proposal in proposals for name in proposal.fingerprints}
    write_reports(step.runner, step.inputs, step.cwd, report, results, _patch(analysis, proposed))
    for warning in (*delivery.notes, *(line for result in delivery.results for line in result.warnings)):
        command("warning", warning, TITLE)
    left = list(_left_out(delivery))
    say([*(_line(result) for result in delivery.results), *left])
    tell_counts(step.runner, report, results)
    _tell_results(step.runner, delivery.results)
    step.runner.summary(_summary(delivery.results, left))
    return exit_code(step.inputs.fail_on, counts(report, results), analysis.problems)


def _leave_what_is_known(step: Step, request: Request) -> None:
    """After a failure of git or GitHub: the patch and the reports, so that the work is not lost."""
    inputs = step.inputs
    analysis = analyse(request)
    told = read_verdicts(step.cwd / inputs.report) if inputs.report else Told()
    verdicts = verdicts_for(analysis, told)
    report = report_of(analysis, verification=Verification(verdicts, told.runs))
    results = outcomes(report)
    wished = (finding.id for finding in analysis.findings if finding.level <= request.up_to)
    ids = {name for name in wished if _is_good_enough(verdicts.get(name), inputs.require)}
    write_reports(step.runner, inputs, step.cwd, report, results, _patch(analysis, ids))
    tell_counts(step.runner, report, results)


def _is_good_enough(verdict: Verdict | None, require: str) -> bool:
    """Whether a fix with this verdict, or without one, is what `require` asks for."""
    if require == "verified":
        return verdict is not None and verdict.verified
    return require == "any" or verdict is None or not verdict.withheld


def _patch(analysis: Analysis, ids: set[str]) -> bytes:
    return patch(analysis, make_plan(analysis, lambda finding: finding.id in ids))


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


def _summary(results: Sequence[Result], left: Sequence[str]) -> str:
    """What became of the pull requests, as Markdown for the summary of the job."""
    lines = ["## torchfix: pull requests", ""]
    for result in results:
        link = f" [#{result.number}]({result.url})" if result.number is not None and result.url else ""
        detail = f": {plain(result.detail)}" if result.detail else ""
        lines.append(f"- **{result.operation.value}**{link}, branch {code(result.branch)}{detail}")
    if left:
        shown = left[:_SHOWN]
        lines += ["", f"{count(len(left), 'fix')} not proposed:", "", *(f"- {plain(line)}" for line in shown)]
        lines += [f"- and {len(left) - _SHOWN:,} more, in the log"] if len(left) > _SHOWN else []
    return "\n".join(lines) + "\n"
