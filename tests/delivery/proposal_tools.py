"""Proposals made from a few texts, without git and without a forge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from torchfix_codemods import pipeline
from torchfix_codemods.delivery.model import Chapter, Kept, Proposal, Reason
from torchfix_codemods.findings import Finding
from torchfix_codemods.report.outcome import Outcome, Status, outcomes
from torchfix_codemods.rules.registry import all_rules
from torchfix_codemods.rules.rule import Rule
from torchfix_codemods.source.settings import Settings
from torchfix_codemods.verify.model import ScriptRun, Verdict, Verification

Judge = Callable[[Finding], Verdict | None]


def analysed(folder: Path, texts: Mapping[str, str], rules: tuple[Rule, ...] | None = None) -> pipeline.Analysis:
    """The analysis of a folder that holds these texts."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return pipeline.analyse(pipeline.Request((".",), folder, rules or all_rules(), settings=Settings()))


def proposal_of(
    analysis: pipeline.Analysis,
    judge: Judge = lambda finding: None,
    scripts: tuple[ScriptRun, ...] = (),
    rule: Rule | None = None,
) -> Proposal:
    """One pull request with all that can be fixed; what a verdict speaks against is kept out of it."""
    verdicts = {finding.id: verdict for finding in analysis.findings if (verdict := judge(finding))}
    shown = Verification(verdicts, scripts)
    plan = pipeline.make_plan(analysis, lambda f: _wanted(f, verdicts.get(f.id), analysis.request.up_to))
    report = pipeline.report_of(analysis, plan, verification=shown)
    results = outcomes(report)
    files = {change.path: change.after for change in pipeline.file_changes(analysis, plan)}
    chapters = [
        Chapter(known, fixes, {p: new for p, new in files.items() if p in _changed(fixes)}, b"")
        for known in analysis.request.rules
        if (fixes := tuple(r for r in results if r.status is Status.FIXED and r.finding.code == known.code))
    ]
    return Proposal(report, tuple(chapters), tuple(_kept(results)), rule)


def _wanted(finding: Finding, verdict: Verdict | None, up_to: int) -> bool:
    return finding.level <= up_to and not (verdict and verdict.withheld)


def _changed(fixes: tuple[Outcome, ...]) -> set[str]:
    return {edit.path for fix in fixes for edit in fix.edits}


def _kept(results: list[Outcome]) -> list[Kept]:
    reasons = {Status.WITHHELD: Reason.WITHHELD, Status.HELD_BACK: Reason.SUGGESTION}
    return [Kept(r, reasons[r.status], r.why) for r in results if r.finding.fix and r.status in reasons]
