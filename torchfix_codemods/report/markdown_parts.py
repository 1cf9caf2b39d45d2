"""The parts that Markdown about findings is made of: places, chains of steps, diffs, evidence, what a rule is for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from torchfix_codemods.findings import Edit, Level
from torchfix_codemods.report.diff import Row, diff_rows
from torchfix_codemods.report.markdown_text import code, cut, fence, plain, row, unwrapped
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome
from torchfix_codemods.report.places import printable_code
from torchfix_codemods.report.standing import standing, telling
from torchfix_codemods.rules.registry import builtin
from torchfix_codemods.rules.rule import Rule
from torchfix_codemods.verify.model import ScriptRun, Verdict

#: Longest pieces of other people's text, in characters; and most lines of one diff, steps of one chain.
LONGEST_TEXT = 300
_LONGEST_LINE = 300
_LONGEST_DIFF = 6_000
_MOST_LINES = 60
_MOST_STEPS = 12
_MOST_EVIDENCE = 12
#: A space at which no line of a table is broken.
_BOUND = "\N{NO-BREAK SPACE}"

#: What a fix of each level does, for somebody who does not know our words.
EFFECTS = {
    Level.EQUIVALENT: "**none on results**: the same parameters and outputs up to float tolerance",
    Level.CRASH_FIX: "**code that raises runs**: what worked before works as before",
    Level.BEHAVIOR: "**numbers change on purpose**, because they were wrong",
    Level.SUGGESTION: "**depends on what was meant**: only the author can tell",
}


def prose(text: str) -> str:
    """Somebody's sentence, not too long."""
    return plain(cut(text, LONGEST_TEXT))


def span(text: str) -> str:
    """Somebody's code or name, not too long."""
    return code(cut(text, LONGEST_TEXT))


def where(outcome: Outcome) -> tuple[str, str]:
    """The file of a finding (in a notebook with its cell), and `L12`; the line is empty where nobody knows it."""
    if outcome.place == outcome.path:
        return outcome.path, ""
    file, line, _ = outcome.place.rsplit(":", 2)
    return file, f"L{line}"


def located(outcome: Outcome) -> str:
    """The place of a finding as Markdown."""
    file, line = where(outcome)
    return located_in(file, [line])


def located_in(file: str, lines: Iterable[str]) -> str:
    """A file and its lines, where they are known, as Markdown: `model.py` L14, L20."""
    known = ", ".join(filter(None, lines))
    return span(file) + (_BOUND + known if known else "")


def chain(outcome: Outcome) -> Iterator[str]:
    """The steps of the reasoning as a numbered list, one line each."""
    for number, (place, text) in enumerate(outcome.steps[:_MOST_STEPS], 1):
        yield f"{number}. {span(place)} {prose(text)}"
    if len(outcome.steps) > _MOST_STEPS:
        yield f"{_MOST_STEPS + 1}. and {len(outcome.steps) - _MOST_STEPS:,} more steps"


def diff(report: Report, edits: Iterable[Edit]) -> str:
    """The change as one block, each hunk under its place; empty where nothing can be shown of it."""
    lines: list[str] = []
    for name, text, own in report.pieces(edits):
        for hunk in diff_rows(text, own):
            lines += (f"@@ {name}:{_first_line(hunk)} @@", *(_shown(row) for row in hunk))
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = [f"@@ {len(lines) - _MOST_LINES:,} more lines @@"]
    return fence(cut("\n".join(map(printable_code, lines)), _LONGEST_DIFF), "diff") if lines else ""


def evidence(verdict: Verdict) -> Iterator[str]:
    """What was measured, as the lines of a table; none where nothing was."""
    if not verdict.evidence:
        return
    yield row((f"In the runs of {span(verdict.script)}" if verdict.script else "In the runs", "before", "after"))
    yield row(("---", "---", "---"))
    for item in verdict.evidence[:_MOST_EVIDENCE]:
        yield row((prose(item.what), _value(item.before), _value(item.after)))
    if len(verdict.evidence) > _MOST_EVIDENCE:
        yield row((f"and {len(verdict.evidence) - _MOST_EVIDENCE:,} more", "", ""))


def finding_of_run(verdict: Verdict | None) -> str:
    """What the run showed about a fix, in one line: the reason, and the quantity that says most."""
    if verdict is None:
        return "no run was asked for"
    said = [prose(verdict.reason)] if verdict.reason else []
    if item := telling(verdict):
        said.append(f"{prose(item.what)}: {_value(item.before)} → {_value(item.after)}")
    return "; ".join(said)


def verdict_word(verdict: Verdict | None) -> str:
    """The group of a verdict with its sign: `✅ verified`."""
    kind = standing(verdict)
    return _BOUND.join((kind.sign, *kind.value.split()))


def how_it_ran(verdict: Verdict, scripts: Sequence[ScriptRun]) -> str:
    """On what, with which torch, how isolated, what the run needed, how to run it again; empty if it did not run."""
    if not verdict.script:
        return ""
    ran = next((script for script in scripts if script.script == verdict.script), None)
    torch = f" with torch {prose(ran.torch)}" if ran and ran.torch else ""
    said = [f"Run on {prose(verdict.device)}{torch}, isolated by {prose(verdict.sandbox)}." if verdict.device else ""]
    said += (f"Note: {prose(caveat)}." for caveat in verdict.caveats[:_MOST_EVIDENCE])
    said.append(f"Run it again: {span(verdict.repeat)}" if verdict.repeat else "")
    return " ".join(filter(None, said))


def section(rule: Rule, heading: str) -> str:
    """What the page of a rule says under a heading; without a page its summary stands for the reason why.

    Our own pages are Markdown as they stand. What other distributions write is not known to be harmless.
    """
    try:
        text = rule.page().sections.get(heading, "")
    except OSError:
        return plain(rule.summary) if heading == "Why" else ""
    return unwrapped(text) if builtin(rule) else plain(cut(text, 2_000))


def _value(text: str) -> str:
    return span(text) if text else ""


def _first_line(hunk: Sequence[Row]) -> int:
    return hunk[0].old_number or hunk[0].new_number or 1


def _shown(line: Row) -> str:
    return line.tag + cut(line.text, _LONGEST_LINE)
