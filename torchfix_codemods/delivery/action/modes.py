"""Two modes of the Action: `check` reads, `verify` runs the programs too (the third, `pr`, is in mode_pr.py)."""

from __future__ import annotations

from torchfix_codemods.delivery.action.exposure import refuse_secrets
from torchfix_codemods.delivery.action.request import overrides_of, request_of
from torchfix_codemods.delivery.action.results import check_places, counts, tell, write_reports
from torchfix_codemods.delivery.action.runner import Runner, command, plain
from torchfix_codemods.delivery.action.step import Step, exit_code
from torchfix_codemods.pipeline import analyse, make_plan, patch, report_of, verification, withhold
from torchfix_codemods.report.outcome import outcomes, unwritten
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.verify.interrupts import interruptible


def check(step: Step) -> int:
    """Find, tell and write reports; nothing is run. The exit code follows `fail-on`."""
    check_places(step.runner, step.inputs, step.cwd)
    analysis = analyse(request_of(step.inputs, step.runner, step.cwd))
    plan = make_plan(analysis)
    report = report_of(analysis)
    results = outcomes(report)
    write_reports(step.runner, step.inputs, step.cwd, report, results, patch(analysis, plan))
    tell(step.runner, step.inputs, report, results)
    return exit_code(step.inputs.fail_on, counts(report, results), analysis.problems)


def verify(step: Step) -> int:
    """The same, with a verdict for each fix from runs of the programs. Raises `UsageError` where it sees a secret."""
    inputs = step.inputs
    _refuse_strangers(step.runner)
    if passed := refuse_secrets(step.runner.environ, step.cwd):
        command("warning", f"TORCHFIX_UNSAFE lets programs run although {passed}", "torchfix")
    check_places(step.runner, inputs, step.cwd)
    request = request_of(inputs, step.runner, step.cwd)
    overrides = overrides_of(inputs, request.settings, step.cwd)
    analysis = analyse(request)
    plan = make_plan(analysis)
    with interruptible(), plain():
        shown = verification(analysis, plan, inputs.script, inputs.args, overrides)
    report = report_of(analysis, plan, verification=shown)
    results = unwritten(outcomes(report))
    made = withhold(analysis, plan, shown, require_verified=False)
    write_reports(step.runner, inputs, step.cwd, report, results, patch(analysis, made))
    tell(step.runner, inputs, report, results)
    return exit_code(inputs.fail_on, counts(report, results), analysis.problems)


def _refuse_strangers(runner: Runner) -> None:
    """Raise `UsageError` on events that bring a stranger's code together with the repository's secrets."""
    if runner.event_name == "pull_request_target":
        raise UsageError(
            "mode verify runs code, and pull_request_target brings strangers' code together with your secrets: "
            "use the event pull_request"
        )
