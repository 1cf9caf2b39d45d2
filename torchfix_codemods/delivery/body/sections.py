"""The sections of the body of a pull request, each in the forms in which it may be shortened (`fitting`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from torchfix_codemods.delivery.body.fitting import Part
from torchfix_codemods.delivery.model import Chapter, Kept, Proposal, Reason
from torchfix_codemods.findings import Level
from torchfix_codemods.report import markdown_parts as parts
from torchfix_codemods.report.markdown_text import code, fence, html, plain, row
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome
from torchfix_codemods.report.standing import Standing, standing, tally
from torchfix_codemods.report.text import count
from torchfix_codemods.rules.rule import Rule

_MOST_PLACES = 20
_MOST_KEPT = 20
_MOST_SKIPPED = 5

#: Why fixes are not in a pull request: `3 fixes ...`.
_REASONS = {
    Reason.WITHHELD: "withheld, for a run spoke against the change",
    Reason.NOT_VERIFIED: "left out, for no run confirmed the change, and only confirmed ones are asked for",
    Reason.DECLINED: "declined, by closing an earlier pull request without merging it",
    Reason.OVER_THE_CAP: "left for a later pull request, for this one is full",
    Reason.NOT_TRACKED: "left out, for git does not hold the file as it is here",
    Reason.SUGGESTION: "only suggested, for the author alone knows what was meant (`torchfix apply -i .` asks)",
    Reason.ABOVE_LEVEL: "left out, above the level that was asked for (`--up-to`)",
    Reason.NOT_PLANNED: "left out, in the way of another change: worth another look once that is merged",
}


def opening(proposal: Proposal) -> str:
    """What this is, for somebody who has never heard of it; how much of it; and that people decide."""
    fixes = [fix for chapter in proposal.chapters for fix in chapter.fixes]
    files = {path for chapter in proposal.chapters for path in chapter.files}
    commits = "one commit per rule" if len(proposal.chapters) > 1 else "one commit"
    return (
        f"**{count(len(fixes), 'fix')}** in {count(len(files), 'file')}, {commits}: {tally(f.shown for f in fixes)}."
        " Nothing here is merged automatically.\n\n"
        "torchfix looks for well-known mistakes of PyTorch programs. Below is what it found here, why it matters, the"
        " change that repairs it, and what running the program before and after the change has shown."
    )


def table(proposal: Proposal) -> Part:
    """The verdicts, by place; in short by rule, with the number of fixes in each file. What the words mean is below."""
    head = [row(("Rule", "Where", "Verdict", "What the runs showed")), row(["---"] * 4)]
    legend = _legend(fix for chapter in proposal.chapters for fix in chapter.fixes)
    by_place = [line for chapter in proposal.chapters for line in _rows(chapter)]
    by_rule = [_row_of_rule(chapter) for chapter in proposal.chapters]
    forms = ["\n".join([*head, *rows, "", legend]) for rows in (by_place, by_rule)]
    return Part(tuple(forms), ("place",))


def rule_parts(report: Report, chapter: Chapter) -> Iterator[Part]:
    """The section of a rule: why, what it does to the program, each fix, and how to disagree."""
    rule = chapter.rule
    numbers = f"{count(len(chapter.fixes), 'fix')}: {tally(fix.shown for fix in chapter.fixes)}"
    start = f"<details>\n<summary><b>{html(rule.code)}</b> {html(rule.summary)} ({numbers})</summary>"
    why = f"**Why.** {parts.section(rule, 'Why')}"
    effect, outlook = _effect(chapter.fixes), parts.section(rule, "What changes")
    if outlook:
        outlook = f"<details>\n<summary>What to expect of such a change</summary>\n\n{outlook}\n\n</details>"
    yield _part(((start, why, effect, outlook), (start, why, effect), (start, effect)), ("outlook", "why"))
    for fix in chapter.fixes:
        yield _fix(report, fix)
    yield Part((f"---\n\n{_refusal(rule)}\n\n</details>",))


def kept_part(proposal: Proposal) -> Part:
    """What is not in the pull request and why, fix by fix; in short the numbers."""
    unfixed = sum(finding.fix is None for finding in proposal.report.findings)
    groups = [(text, [kept for kept in proposal.kept if kept.reason is reason]) for reason, text in _REASONS.items()]
    heads = [(f"**{count(len(own), 'fix')}** {text}", own) for text, own in groups if own]
    if unfixed:
        heads.append((f"**{count(unfixed, 'finding')}** without a fix that is sure: `torchfix check .` says why", []))
    if not heads:
        return Part(("",))
    lists = "\n\n".join("\n".join([f"{head}:\n" if own else f"{head}.", *_kept_lines(own)]) for head, own in heads)
    counts = "\n".join(f"- {head}" for head, _ in heads)
    start = f"<details>\n<summary>Not in this pull request ({len(proposal.kept) + unfixed})</summary>"
    return _part(((start, lists, "</details>"), (start, counts, "</details>")), ("kept",))


def skipped(report: Report) -> str:
    """What was not looked at: silence about it would look like success."""
    said = []
    if report.skipped:
        shown = [f"{parts.span(item.path)} ({plain(item.reason)})" for item in report.skipped[:_MOST_SKIPPED]]
        more = len(report.skipped) - len(shown)
        said.append(f"{count(len(report.skipped), 'file')}: {', '.join(shown)}" + (f", {more:,} more" if more else ""))
    if report.left_out:
        said.append(f"parts of {count(len({(item.path, item.cell) for item in report.left_out}), 'cell')} of notebooks")
    if report.problems:
        said.append(f"{count(len(report.problems), 'file')} on which a rule failed")
    return f"**Not looked at:** {'; '.join(said)}." if said else ""


def reproduction(proposal: Proposal) -> str:
    """How to get the same on one's own machine."""
    select = ",".join(chapter.rule.code for chapter in proposal.chapters)
    levels = [fix.finding.level for chapter in proposal.chapters for fix in chapter.fixes]
    up_to = " --up-to suggestion" if Level.SUGGESTION in levels else ""
    lines = (
        f"pip install torchfix-codemods=={proposal.report.version}",
        f"torchfix apply . --select {select}{up_to} --dry-run  # prints the patch, writes nothing",
        f"torchfix verify . --select {select}{up_to}  # runs the program before and after",
    )
    return "**Do it yourself:**\n\n" + fence("\n".join(lines), "sh")


def manners(proposal: Proposal) -> str:
    """How this pull request behaves."""
    one = " To leave out one rule, revert its commit." if len(proposal.chapters) > 1 else ""
    return (
        "**This pull request** is kept up to date while it is open. Closing it, or deleting its branch, declines these"
        " fixes for good. Pushing to its branch stops the updates, and what you pushed stays."
        f"{one} It closes itself when nothing is left."
        " If it was opened with the token of a workflow, its checks may wait until somebody presses"
        ' "Approve workflows to run".'
    )


# --- the table -------------------------------------------------------------------------------------------------------


def _rows(chapter: Chapter) -> Iterator[str]:
    """A row for each thing that runs showed; fixes of which they showed the same share one."""
    shared: dict[tuple[str, str], list[Outcome]] = {}
    for fix in chapter.fixes:
        key = parts.verdict_word(fix.shown), parts.finding_of_run(fix.shown)
        shared.setdefault(key, []).append(fix)
    for number, ((word, showed), fixes) in enumerate(sorted(shared.items(), key=lambda item: _rank(item[1]))):
        name = f"**{plain(chapter.rule.code)}**" + ("" if number else f" {parts.prose(chapter.rule.summary)}")
        yield row((name, _places(fixes), word, showed))


def _rank(fixes: Sequence[Outcome]) -> int:
    return list(Standing).index(standing(fixes[0].shown))


def _places(fixes: Sequence[Outcome]) -> str:
    """Files with their lines: `model.py` L14, L20, `train.py` L3."""
    lines: dict[str, list[str]] = {}
    for fix in fixes[:_MOST_PLACES]:
        file, line = parts.where(fix)
        lines.setdefault(file, []).append(line)
    shown = [parts.located_in(file, own) for file, own in lines.items()]
    more = len(fixes) - _MOST_PLACES
    return ", ".join(shown) + (f" and {more:,} more" if more > 0 else "")


def _row_of_rule(chapter: Chapter) -> str:
    files = Counter(fix.path for fix in chapter.fixes)
    shown = [f"{parts.span(path)} ({number:,})" for path, number in files.most_common(3)]
    more = f" and {count(len(files) - 3, 'more file')}" if len(files) > 3 else ""
    kinds = Counter(standing(fix.shown) for fix in chapter.fixes)
    words = ", ".join(f"{kind.sign} {kinds[kind]:,} {kind.value}" for kind in Standing if kinds[kind])
    name = f"**{plain(chapter.rule.code)}** {parts.prose(chapter.rule.summary)}"
    return row((name, ", ".join(shown) + more, words, ""))


def _legend(fixes: Iterable[Outcome]) -> str:
    kinds = {standing(fix.shown) for fix in fixes}
    return "\n".join(f"- {kind.sign} **{kind.value}**: {kind.meaning}" for kind in Standing if kind in kinds)


# --- the section of a rule -------------------------------------------------------------------------------------------


def _fix(report: Report, fix: Outcome) -> Part:
    """One fix: what, where, the reasoning, the change, what was measured."""
    title = parts.prose(fix.finding.fix.title) if fix.finding.fix else ""
    head = f"---\n\n**{parts.located(fix)}** {title}"
    showed = f"{parts.verdict_word(fix.shown)}: {parts.finding_of_run(fix.shown)}"
    reasoning = (head, parts.prose(fix.finding.message), "\n".join(parts.chain(fix)))
    change = parts.diff(report, fix.edits)
    measured = _measured(report, fix)
    forms = ((*reasoning, change, *measured), (*reasoning, change, showed), (*reasoning, showed), ())
    return _part(forms, ("evidence", "diff", "reasoning"))


def _part(forms: Iterable[Iterable[str]], lost: tuple[str, ...]) -> Part:
    """A part from the paragraphs of each of its forms."""
    return Part(tuple("\n\n".join(filter(None, form)) for form in forms), lost)


def _measured(report: Report, fix: Outcome) -> tuple[str, ...]:
    """All that runs showed; the reason alone where a table of numbers follows."""
    numbers = "\n".join(parts.evidence(fix.shown)) if fix.shown else ""
    said = parts.prose(fix.shown.reason) if fix.shown and numbers else parts.finding_of_run(fix.shown)
    scripts = report.verification.scripts if report.verification else ()
    ran = parts.how_it_ran(fix.shown, scripts) if fix.shown else ""
    return f"{parts.verdict_word(fix.shown)}: {said}", numbers, ran


def _effect(fixes: Sequence[Outcome]) -> str:
    levels = sorted({fix.finding.level for fix in fixes})
    told = "; ".join(f"{parts.EFFECTS[level]} (level {level.label})" for level in levels)
    return f"**Effect on the program:** {told}."


def _refusal(rule: Rule) -> str:
    comment, setting = code(f"# torchfix: ignore[{rule.name}]"), code(f'ignore = ["{rule.code}"]')
    return (
        f"**Not wanted?** {comment} at the end of the line leaves that place alone; {setting} under `[tool.torchfix]`"
        " in `pyproject.toml` switches the rule off."
    )


def _kept_lines(own: Sequence[Kept]) -> Iterator[str]:
    for kept in own[:_MOST_KEPT]:
        finding, why = kept.outcome.finding, _why_kept(kept)
        said = f"{parts.located(kept.outcome)} {plain(finding.code)} {parts.prose(finding.message)}"
        yield f"- {said}: {why}" if why else f"- {said}"
    if len(own) > _MOST_KEPT:
        yield f"- and {len(own) - _MOST_KEPT:,} more"


def _why_kept(kept: Kept) -> str:
    shown = kept.outcome.shown
    if shown is None or kept.reason not in (Reason.WITHHELD, Reason.NOT_VERIFIED):
        return parts.prose(kept.detail)
    return f"{parts.verdict_word(shown)}, {parts.finding_of_run(shown)}"
