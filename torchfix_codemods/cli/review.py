"""The review, apart from its prompt: a value for the state and one pure function from a key to the next state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from torchfix_codemods.findings import Finding, Fix


class Answer(Enum):
    """What was said to one fix."""

    YES = "y"
    NO = "n"
    IGNORE = "i"


KEYS = {
    "y": "apply this fix",
    "n": "leave it",
    "a": "apply this one and all later ones of this rule",
    "f": "apply this one and all later ones in this file",
    "u": "undo the last answer",
    "e": "explain the rule",
    "i": "ignore here: insert a suppression comment",
    "q": "quit the questions, and write what was accepted",
    "?": "show this help",
}

Answers = tuple[Answer | None, ...]


@dataclass(frozen=True)
class Review:
    """A list of findings that have a fix, one answer for each, and the way back."""

    findings: tuple[Finding, ...]
    conflict: Callable[[Fix, Fix], bool]
    answers: Answers
    history: tuple[Answers, ...] = ()
    quit: bool = False

    @property
    def position(self) -> int | None:
        """The index of the question to ask now; None when there is none left.

        A fix that touches what an accepted fix touches is not asked: it waits for the text as it will be.
        """
        if self.quit:
            return None
        open_questions = (i for i, answer in enumerate(self.answers) if answer is None and not self._waits(i))
        return next(open_questions, None)

    def chosen(self, answer: Answer) -> tuple[Finding, ...]:
        """The findings that got this answer, in order."""
        return tuple(f for f, given in zip(self.findings, self.answers, strict=True) if given is answer)

    def _waits(self, index: int) -> bool:
        fix = self.findings[index].fix
        taken = (other.fix for other in self.chosen(Answer.YES))
        return fix is not None and any(self.conflict(fix, other) for other in taken if other is not None)

    def _answer(self, index: int, answer: Answer) -> Review:
        answers = (*self.answers[:index], answer, *self.answers[index + 1 :])
        return replace(self, answers=answers)


def start(findings: tuple[Finding, ...], conflict: Callable[[Fix, Fix], bool]) -> Review:
    """A review of these findings with nothing answered; `conflict` says whether two fixes touch the same text."""
    return Review(findings, conflict, (None,) * len(findings))


def press(review: Review, key: str) -> Review:
    """The state after one key. Keys that only show something (`e`, `?`) and unknown ones change nothing."""
    index = review.position
    if index is None:
        return review
    match key:
        case "y" | "n" | "i":
            return _remember(review, review._answer(index, Answer(key)))
        case "a":
            return _remember(review, _accept_like(review, index, lambda f, now: f.rule == now.rule))
        case "f":
            return _remember(review, _accept_like(review, index, lambda f, now: f.location.path == now.location.path))
        case "u" if review.history:
            return replace(review, answers=review.history[-1], history=review.history[:-1])
        case "q":
            return replace(review, quit=True)
        case _:
            return review


def _remember(before: Review, after: Review) -> Review:
    return replace(after, history=(*before.history, before.answers))


def _accept_like(review: Review, index: int, alike: Callable[[Finding, Finding], bool]) -> Review:
    """Accept the question and the later ones like it, but none of a higher level: nobody has seen those yet."""
    now = review.findings[index]
    for later in range(index, len(review.findings)):
        finding = review.findings[later]
        wanted = alike(finding, now) and finding.level <= now.level and review.answers[later] is None
        if wanted and not review._waits(later):
            review = review._answer(later, Answer.YES)
    return review
