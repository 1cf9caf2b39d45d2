"""What a proposal says to people: the title and the body of its pull request, and the messages of its commits.

The same proposal gives the same text: no time of day and no seconds, so what is proposed again changes nothing.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable

from torchfix_codemods import __version__
from torchfix_codemods.delivery.body.fitting import Part, fitted, size
from torchfix_codemods.delivery.body.sections import (
    kept_part,
    manners,
    opening,
    reproduction,
    rule_parts,
    skipped,
    table,
)
from torchfix_codemods.delivery.model import Chapter, Proposal
from torchfix_codemods.report.markdown_parts import section
from torchfix_codemods.report.outcome import Outcome
from torchfix_codemods.report.standing import Standing, standing, tally
from torchfix_codemods.report.text import count
from torchfix_codemods.source.errors import printable

#: Longest body, in UTF-16 units; forges refuse 65,536.
LIMIT = 60_000
_LONGEST_TITLE = 200
_SUBJECT = 72
_MOST_FILES = 20
_MOST_MESSAGES = 3
_WHY = 250
#: Room for the note on what was dropped.
_NOTE = 500

#: What is dropped from a body that is too long, in this order, and how the note calls it.
_DROPPED = {
    "outlook": "what to expect of {}",
    "evidence": "the measurements of {}",
    "diff": "the diff of {}",
    "kept": "the list of what is not in this pull request",
    "reasoning": "the description of {}",
    "place": "the lines of the table",
    "why": "the reason for {}",
}
_OF_RULES = ("outlook", "why")


def title(proposal: Proposal) -> str:
    """The title of the pull request: `torchfix: 5 fixes in 3 files (4 verified)`, or the rule of one that has one."""
    fixes = _fixes(proposal.chapters)
    if proposal.rule is not None:
        text = f"torchfix {proposal.rule.code}: {proposal.rule.summary} ({count(len(fixes), 'fix')})"
    else:
        verified = sum(standing(fix.shown) is Standing.VERIFIED for fix in fixes)
        told = f"{count(len(fixes), 'fix')} in {count(len(_files(proposal.chapters)), 'file')}"
        text = f"torchfix: {told} ({verified} verified)"
    return textwrap.shorten(inert(text), _LONGEST_TITLE, placeholder=" ...")


def message(chapter: Chapter) -> str:
    """The message of a commit: what is changed and why, files, verdicts, the rule as a trailer. It mentions nobody."""
    messages = dict.fromkeys(inert(fix.finding.message) for fix in chapter.fixes)
    facts = (f"Files: {_listed(sorted(chapter.files))}", f"Verdicts: {tally(fix.shown for fix in chapter.fixes)}")
    paragraphs = (
        _subject(chapter),
        "\n".join(map(_wrapped, list(messages)[:_MOST_MESSAGES])),
        _wrapped(inert(_beginning(section(chapter.rule, "Why"), _WHY))),
        "\n".join(map(_wrapped, facts)),
        f"Torchfix-Rule: {inert(chapter.rule.code)}\nTorchfix-Version: {__version__}",
    )
    return "\n\n".join(filter(None, paragraphs)) + "\n"


def body(proposal: Proposal, marker: str) -> str:
    """The body of the pull request as GitHub's Markdown, at most `LIMIT` long, with `marker` as its last line."""
    parts = [
        Part((opening(proposal),)),
        table(proposal),
        *(part for chapter in proposal.chapters for part in rule_parts(proposal.report, chapter)),
        kept_part(proposal),
        Part((skipped(proposal.report),)),
        Part((reproduction(proposal),)),
        Part((manners(proposal),)),
    ]
    room = LIMIT - size(marker) - _NOTE - 2 * len(parts)
    texts, lost = fitted(parts, room, tuple(_DROPPED))
    texts[2:2] = [_note(lost)]
    return "\n\n".join([*filter(None, texts), marker])


def inert(text: str) -> str:
    """Words for a commit or a title: one line in which nothing mentions, refers, closes an issue or skips a check."""
    text = " ".join(printable(" ".join(text.split())).replace("@", "").split())
    text = re.sub(r"#(?=\d)", "# ", text)
    text = re.sub(r"GH-(?=\d)", "GH ", text, flags=re.IGNORECASE)
    text = re.sub(r"\[(skip ci|ci skip|no ci|skip actions|actions skip)\]", r"(\1)", text, flags=re.IGNORECASE)
    return text.replace("://", ": //")


def _subject(chapter: Chapter) -> str:
    """What the commit does, in one line of at most 72 characters: the fix if all are the same, else the rule."""
    titles = {inert(fix.finding.fix.title) for fix in chapter.fixes if fix.finding.fix}
    what = titles.pop() if len(titles) == 1 else ""
    if what:
        what = what[:1].lower() + what[1:] if what[1:2].islower() else what
    else:
        what = f"{inert(chapter.rule.summary)} ({count(len(chapter.fixes), 'place')})"
    return textwrap.shorten(f"torchfix {inert(chapter.rule.code)}: {what}", _SUBJECT, placeholder=" ...")


def _beginning(text: str, length: int) -> str:
    """As many of the first sentences as have about this length together, at least one."""
    first, *more = re.split(r"(?<=[.!?]) (?=[A-Z`])", text.split("\n\n")[0])
    for sentence in more:
        if len(first) + len(sentence) >= length:
            break
        first = f"{first} {sentence}"
    return first


def _listed(paths: list[str]) -> str:
    shown = ", ".join(map(inert, paths[:_MOST_FILES]))
    return shown if len(paths) <= _MOST_FILES else f"{shown} and {len(paths) - _MOST_FILES} more"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, _SUBJECT, break_long_words=False, break_on_hyphens=False)


def _note(lost: Counter[str]) -> str:
    """What the limit has cost, and where it can be read."""
    told = [
        text.format(count(lost[what], "rule" if what in _OF_RULES else "fix"))
        for what, text in _DROPPED.items()
        if lost[what]
    ]
    if not told:
        return ""
    missing = ", ".join(told)
    return (
        f"> This text ends at {LIMIT:,} characters. Left out: {missing}. The diffs are those of the commits, and the"
        " report of the run that opened this pull request has all of it."
    )


def _fixes(chapters: Iterable[Chapter]) -> list[Outcome]:
    return [fix for chapter in chapters for fix in chapter.fixes]


def _files(chapters: Iterable[Chapter]) -> set[str]:
    return {path for chapter in chapters for path in chapter.files}
