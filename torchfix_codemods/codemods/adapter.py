"""A rule behind libcst's codemod interface: it sees one file at a time, so it proves less than `torchfix apply`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import libcst
from libcst.codemod import CodemodCommand, SkipFile

from torchfix_codemods.pipeline import Request, analyse, make_plan, report_of, rewritten
from torchfix_codemods.report.outcome import Status, outcomes
from torchfix_codemods.report.text import verdict
from torchfix_codemods.rules.rule import Rule


class RuleCodemod(CodemodCommand):
    """The default fixes of `rule`; what is not fixed becomes a warning of the codemod."""

    rule: ClassVar[Rule]

    def transform_module_impl(self, tree: libcst.Module) -> libcst.Module:
        """The rewritten module. Raises `SkipFile` where the file cannot be analysed."""
        name = Path(self.context.filename or "stdin.py").as_posix()
        request = Request(paths=(), cwd=Path.cwd(), rules=(self.rule,), given=(name, tree.bytes))
        analysis = analyse(request)
        for skipped in analysis.skipped:
            raise SkipFile(f"{skipped.reason}: {skipped.detail}")
        plan = make_plan(analysis)
        for outcome in outcomes(report_of(analysis, plan)):
            if outcome.status is not Status.FIXED:
                self.warn(f"{outcome.place}: {outcome.finding.message} ({verdict(outcome)})")
        for problem in analysis.problems:
            self.warn(f"rule {problem.rule} failed: {problem.detail.splitlines()[0]}")
        new = rewritten(analysis, plan, name) if plan.texts else None
        return tree if new is None else libcst.parse_module(new, tree.config_for_parsing)


def codemod_of(rule: Rule, name: str, module: str) -> type[RuleCodemod]:
    """A codemod class for a rule; `module` is where it can be found under `name`."""
    return type(name, (RuleCodemod,), {"rule": rule, "DESCRIPTION": rule.summary, "__module__": module})
