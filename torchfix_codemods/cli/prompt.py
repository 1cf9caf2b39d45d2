"""The review at the keyboard: shows one fix after another on standard error and hands the keys to `review`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from torchfix_codemods.cli.console import Terminal
from torchfix_codemods.cli.keys import Keys
from torchfix_codemods.cli.render import outcome_texts
from torchfix_codemods.cli.review import KEYS, Answer, Review, press, start
from torchfix_codemods.cli.rules import show_page
from torchfix_codemods.findings import Finding
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome, outcomes
from torchfix_codemods.report.text import count
from torchfix_codemods.rewrite.edits import conflicts
from torchfix_codemods.rules.registry import find_rule
from torchfix_codemods.rules.rule import Rule

_CHOICES = "[y]es [n]o [a]ll of this rule [f]ile [u]ndo [e]xplain [i]gnore here [q]uit and write [?]"


def ask(terminal: Terminal, report: Report, rules: Sequence[Rule]) -> Review:
    """Ask about every fix of a report, suggestions too. Raises `KeyboardInterrupt` or `EOFError` when broken off."""
    shown = {outcome.finding.id: outcome for outcome in outcomes(report)}
    askable = tuple(finding for finding in report.findings if finding.fix)
    review = start(askable, lambda one, other: conflicts(one.edits, other.edits))
    asked: int | None = None
    with Keys() as keys:
        while (index := review.position) is not None:
            if index != asked:
                _show(terminal, shown[askable[index].id], report, index, len(askable))
                asked = index
            review = _heard(terminal, review, keys.read(f"{_CHOICES} "), askable[index], rules)
    _say(terminal, _told(review))
    return review


def _heard(terminal: Terminal, review: Review, key: str, finding: Finding, rules: Sequence[Rule]) -> Review:
    """What a key leads to; those that only show something are dealt with here."""
    if key == "e":
        show_page(find_rule(rules, finding.rule), terminal, on_stderr=True)
        return review
    if key not in KEYS or key == "?":
        for line in (f"{key}  {meaning}" for key, meaning in KEYS.items()):
            _say(terminal, line)
        return review
    after = press(review, key)
    if key == "u" and after == review:
        _say(terminal, "nothing to undo")
    return after


def _show(terminal: Terminal, outcome: Outcome, report: Report, index: int, total: int) -> None:
    console = terminal.console(sys.stderr)
    console.print()
    *lines, _ = outcome_texts(outcome, report)  # the last line says what became of it: that is the question
    for line in lines:
        console.print(line)
    _say(terminal, f"fix {index + 1} of {total}: {_title(outcome.finding)}")


def _title(finding: Finding) -> str:
    assert finding.fix is not None, "only fixes are asked about"
    files = {edit.path for edit in finding.fix.edits}
    return finding.fix.title + (f" (in {count(len(files), 'file')})" if len(files) > 1 else "")


def _told(review: Review) -> str:
    accepted, ignored = len(review.chosen(Answer.YES)), len(review.chosen(Answer.IGNORE))
    return f"{count(accepted, 'fix')} accepted" + (f", {ignored} to ignore" if ignored else "")


def _say(terminal: Terminal, line: str) -> None:
    # Questions are asked even of those who want it quiet.
    Terminal(terminal.color).say(line)
