"""The verdicts of the examples on the rule pages, from real runs (without a sandbox: the programs are our own)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from examples import Example
from running import Programs

from torchfix_codemods.pipeline import Request, analyse, make_plan
from torchfix_codemods.rules.registry import all_rules, chosen_rules
from torchfix_codemods.verify.schedule import Options, Schedule
from torchfix_codemods.verify.units import Variant, marks_before, units_of


def verdict_of(example: Example, programs: Programs, folder: Path) -> str:
    """`IMPROVED: what the runs showed`, for the fixes of the page's own rule; the names of several, each once."""
    for path, text in example.before.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="")
    rules = chosen_rules(all_rules(), (example.rule,), ())
    analysis = analyse(Request((str(folder),), folder, rules))
    plan = make_plan(analysis)
    findings = {item.finding.id: item.finding for item in plan.accepted}
    units = units_of(findings.values(), plan.edits)
    marks = marks_before(units, analysis.text, str)
    assert example.program is not None

    def run(variant: Variant, options: Options) -> Any:
        return programs.run(
            {**example.before, **variant.texts},
            example.program or "",
            seed=options.seed,
            fixed_seeds=options.fixed_seeds,
            repeat=options.repeat,
            marks=variant.marks(str) if variant.units else marks,
        )

    judged = Schedule(run, analysis.text, str).judge_all(units)
    told = {f"{each.judgement.name.value}: {each.judgement.reason}": None for each in judged}
    return "; ".join(told)


def shown(examples: list[Example]) -> list[Example]:
    """The examples whose page shows a verdict: those with a fix and a program."""
    return [example for example in examples if example.kind == "fix" and example.program is not None]
