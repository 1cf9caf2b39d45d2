"""Reports whose every text comes from somebody else: paths, code, messages, evidence."""

from __future__ import annotations

from hypothesis import strategies as st
from markdown_reader import HOSTILE
from toy_rules import TOYS

from torchfix_codemods.findings import Edit, Finding, Fix, LeftOut, Level, Location, Problem, Skipped, Step
from torchfix_codemods.report.model import Report
from torchfix_codemods.verify.model import Evidence, ScriptRun, Verdict, VerdictName, Verification

PATHS = HOSTILE.filter(bool)
#: What a file could be decoded to; names of files know no such limit.
CODE = HOSTILE.map(lambda text: text.replace("\ud800", ""))


@st.composite
def findings(draw: st.DrawFn, texts: dict[str, str]) -> Finding:
    """A finding with a fix in one of these texts."""
    rule = draw(st.sampled_from(TOYS))
    path = draw(st.sampled_from(sorted(texts)))
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(texts[path]))] * 2)))
    place = Location(path, start, end)
    steps = tuple(Step(place, text) for text in draw(st.lists(HOSTILE, max_size=2)))
    fix = Fix(draw(HOSTILE), (Edit(path, start, end, draw(CODE)),))
    level = draw(st.sampled_from(Level))
    number = draw(st.integers(0, 10**9))
    return Finding(rule.name, rule.code, level, place, draw(HOSTILE), steps, fix, id=f"{number:016x}")


@st.composite
def verdicts(draw: st.DrawFn, finding: Finding) -> Verdict:
    """A verdict, as a forged report may have it."""
    evidence = draw(st.lists(st.builds(Evidence, HOSTILE, HOSTILE, HOSTILE), max_size=2))
    words = draw(st.tuples(*[HOSTILE] * 5))
    reason, script, device, sandbox, repeat = words
    name = draw(st.sampled_from(VerdictName))
    return Verdict(
        finding.id, name, reason, tuple(evidence), draw(st.tuples(HOSTILE)), script, device, sandbox, 1.0, repeat
    )


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """A report with a few findings, all of which can be fixed."""
    texts = draw(st.dictionaries(PATHS, CODE, min_size=1, max_size=3))
    found = draw(st.lists(findings(texts), min_size=1, max_size=4, unique_by=lambda finding: finding.id))
    shown = {finding.id: draw(verdicts(finding)) for finding in found if draw(st.booleans())}
    script = ScriptRun(draw(HOSTILE), (), "finished", 1, 1.0, "cpu", draw(HOSTILE), draw(HOSTILE), draw(HOSTILE))
    return Report(
        version="1.2.3",
        seen=9,
        skipped=(Skipped(draw(PATHS), "syntax-error", draw(HOSTILE)),),
        findings=tuple(found),
        texts=texts,
        problems=(Problem(draw(PATHS), "toy-pair", draw(HOSTILE)),),
        warnings=(draw(HOSTILE),),
        verification=Verification(shown, (script,)),
        left_out=(LeftOut(draw(PATHS), 1, "magic", draw(HOSTILE)),),
    )
