"""From an analysis and what was told of its fixes to the pull requests that are to be opened."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from torchfix_codemods.delivery.model import Kept, Proposal, Reason
from torchfix_codemods.delivery.proposing.chapters import chapters_of
from torchfix_codemods.delivery.proposing.choice import (
    Choice,
    Committable,
    Options,
    barred,
    choose,
    estranged,
    for_units,
    made,
    plan_units,
    verdicts_for,
)
from torchfix_codemods.delivery.proposing.verdicts import Told
from torchfix_codemods.findings import Level
from torchfix_codemods.pipeline import Analysis, make_plan, report_of
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome, Status, outcomes, unwritten
from torchfix_codemods.rewrite.plan import Plan
from torchfix_codemods.rules.rule import Rule
from torchfix_codemods.verify.model import Verdict, Verification


def proposals(
    analysis: Analysis,
    told: Told,
    options: Options,
    committable: Committable,
    declined: Collection[str] = frozenset(),
) -> list[Proposal]:
    """One proposal, or with `group_by="rule"` one for each rule that has fixes, each on the unchanged files.

    The analysis must have been made at the top of the repository: its paths and ids are those of the repository.
    `declined` are ids of fixes that somebody said no to. A proposal without chapters has nothing to propose.
    """

    def proposal(analysis: Analysis, rule: Rule | None) -> Proposal:
        return _Maker(analysis, told, options, committable, declined).proposal(rule)

    if options.group_by == "all":
        return [proposal(analysis, None)]
    names = {finding.rule for finding in analysis.findings if finding.fix is not None}
    return [proposal(_of_rule(analysis, rule), rule) for rule in analysis.request.rules if rule.name in names]


def _of_rule(analysis: Analysis, rule: Rule) -> Analysis:
    """The analysis as it would be with one rule only; the other rules need not look again at what it changes."""
    counted = [finding for finding in analysis.findings if finding.rule == rule.name]
    request = replace(analysis.request, rules=(rule,))
    return replace(analysis, request=request, sorted_out=replace(analysis.sorted_out, counted=counted))


def report_of_all(analysis: Analysis, told: Told, found: Sequence[Proposal]) -> Report:
    """The report of the whole analysis: its plan holds the fixes of all proposals, its verdicts are all that count."""
    if len(found) == 1 and found[0].rule is None:
        return found[0].report
    ids = {name for proposal in found for name in proposal.fingerprints}
    verdicts = verdicts_for(analysis, told)
    for proposal in found:
        if proposal.report.verification is not None:
            verdicts.update(proposal.report.verification.verdicts)
    plan = make_plan(analysis, lambda finding: finding.id in ids)
    return report_of(analysis, plan, verification=_verification(verdicts, told))


def outcomes_of_all(report: Report, found: Iterable[Proposal]) -> list[Outcome]:
    """What became of each finding of such a report, with the reason where a fix is in no proposal."""
    every = list(found)
    inside = {name for proposal in every for name in proposal.fingerprints}
    kept = {item.outcome.finding.id: item.outcome for proposal in every for item in proposal.kept}
    results = unwritten(outcomes(report))
    return [outcome if (name := outcome.finding.id) in inside else kept.get(name, outcome) for outcome in results]


def _verification(verdicts: Mapping[str, Verdict], told: Told) -> Verification | None:
    return Verification(verdicts, told.runs) if verdicts or told.runs else None


@dataclass(frozen=True)
class _Maker:
    """What a proposal is made from."""

    analysis: Analysis
    told: Told
    options: Options
    committable: Committable
    declined: Collection[str]

    def proposal(self, rule: Rule | None) -> Proposal:
        """The proposal with the fixes of the analysis; `rule` is the only one that it has, if so."""
        analysis = self.analysis
        whole = make_plan(analysis)
        verdicts = for_units(plan_units(whole), verdicts_for(analysis, self.told))
        left_out = barred(self.declined, estranged(analysis, self.told), self.options.require)
        choice = choose(analysis, whole, verdicts, self.options, self.committable, left_out)
        # Looking for everything again is dear.
        plan = whole if choice.ids == set(made(whole)) else make_plan(analysis, lambda f: f.id in choice.ids)
        report = report_of(analysis, plan, verification=_verification(verdicts, self.told))
        results = outcomes(report)
        chapters = chapters_of(analysis, plan, results, self.committable)
        reasons = {outcome.finding.id: outcome for outcome in outcomes(report_of(analysis, whole))}
        return Proposal(report, chapters, tuple(self._kept(results, choice, plan, reasons)), rule)

    def _kept(
        self, results: Iterable[Outcome], choice: Choice, plan: Plan, reasons: Mapping[str, Outcome]
    ) -> Iterator[Kept]:
        """Everything that has a fix which is not made, with the reason."""
        inside = set(made(plan))
        for outcome in results:
            if outcome.finding.fix is None or outcome.finding.id in inside:
                continue
            reason, detail = choice.left.get(outcome.finding.id) or self._unplanned(outcome, reasons)
            status = Status.WITHHELD if reason is Reason.WITHHELD else Status.HELD_BACK
            yield Kept(replace(outcome, status=status, why=detail), reason, detail)

    def _unplanned(self, outcome: Outcome, reasons: Mapping[str, Outcome]) -> tuple[Reason, str]:
        """Why a fix that nothing speaks against is not in the plan."""
        finding = outcome.finding
        if finding.level > self.analysis.request.up_to:
            reason = Reason.SUGGESTION if finding.level is Level.SUGGESTION else Reason.ABOVE_LEVEL
            return reason, f"needs --up-to {finding.level.label}"
        known = reasons.get(finding.id)
        if known is None or known.status in (Status.FIXED, Status.HELD_BACK):
            return Reason.NOT_PLANNED, "it depends on a fix that is not made"
        return Reason.NOT_PLANNED, f"{known.status.value} {known.why}".strip()
