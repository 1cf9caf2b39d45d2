"""The examples on the rule pages, read as test cases.

A page `torchfix_codemods/rules/<rule_name>.md` begins with `# rule-name (TFC000)` and one sentence, and has the
sections Why, What changes, Safety and Examples. Under Examples every heading of level 3 is one example:

    ### P3 `forward` returns softmax, the loss stands in the same file

    Prose, where it helps.

    Finding: train.py:12
    Run: softmax-gone, floor-gone

    ```python title="train.py" run
    (the text before)
    ```

    ```python title="train.py" after
    (the text afterwards)
    ```

The first word of the heading is the number of the case (`P3`, `N9`, `V1b`), unique on its page. An example is a small
project: one or more titled blocks are its files. What the tool has to do with it is said by lines of `Key: value`
between the heading and the first block:

* `Finding: train.py:12, model.py:3`: where the mistakes stand (lines of the *before* text), all of them and no others.
* `Left alone: <reason>`: a look-alike. No finding of this rule, no change.
* `Suggestion: <what is said>`: a finding, but nothing that the tool writes on its own; a block marked
  `after suggestion` holds what `--up-to suggestion` makes of it.
* neither of the two: a fix. Blocks marked `after` hold the files that change; those without one stay as they are.
* `Run: <claim>, ...`: the block marked `run` is executed, before and (where there is a fix) after, and each claim of
  `claims.py` must hold between the two runs.
* `Verdict: <name>: <reason>; ...`: what the runs before and after showed (written by scripts/page_verdicts.py).
* `Prints: <text>`: the last run's output contains this text.

Comments inside the blocks belong to the example: whether they survive is part of the test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

RULES_FOLDER = Path(__file__).parent.parent / "torchfix_codemods" / "rules"
Kind = Literal["fix", "leave", "suggestion"]

_FENCE = re.compile(r'^```python title="(?P<title>[^"]+)"(?P<words>(?: (?:run|after|suggestion))*)$')
_KEY = re.compile(r"^(Finding|Left alone|Suggestion|Run|Verdict|Prints): (.+)$")


class PageError(ValueError):
    """A page that does not have the form above; the message begins with its name and line."""


@dataclass(frozen=True)
class Example:
    """One small project and what the tool has to do with it. Texts by file name; lines from 1."""

    page: str
    rule: str
    number: str
    title: str
    line: int
    before: dict[str, str]
    changed: dict[str, str]
    suggested: dict[str, str]
    findings: tuple[tuple[str, int], ...] = ()
    left_alone: str | None = None
    suggestion: str | None = None
    program: str | None = None
    claims: tuple[str, ...] = ()
    prints: str | None = None
    verdict: str = ""

    @property
    def id(self) -> str:
        """How the test is called: `softmax-before-cross-entropy-P3`."""
        return f"{self.rule}-{self.number}"

    @property
    def kind(self) -> Kind:
        """What the tool does: rewrite, nothing at all, or report only."""
        if self.left_alone is not None:
            return "leave"
        return "fix" if self.suggestion is None else "suggestion"

    @property
    def after(self) -> dict[str, str]:
        """Every file as a plain `apply` leaves it."""
        return {**self.before, **self.changed}

    @property
    def after_suggestion(self) -> dict[str, str]:
        """Every file as `apply --up-to suggestion` leaves it."""
        return {**self.after, **self.suggested}


@dataclass
class _Draft:
    """An example while its lines are read."""

    number: str
    title: str
    line: int
    keys: dict[str, str] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)
    suggested: dict[str, str] = field(default_factory=dict)
    program: str | None = None

    def texts_for(self, words: list[str]) -> dict[str, str]:
        """The mapping that a block with these words belongs to."""
        if "after" not in words:
            return self.before
        return self.suggested if "suggestion" in words else self.changed


def pages() -> list[Path]:
    """Every rule page, in the order of the names."""
    return sorted(RULES_FOLDER.glob("*.md"))


def all_examples() -> list[Example]:
    """Every example of every page."""
    return [example for page in pages() for example in read_examples(page.name, page.read_text(encoding="utf-8"))]


def read_examples(page: str, text: str) -> list[Example]:
    """The examples of one page. Raises `PageError` where the page breaks the form."""
    rule = page.removesuffix(".md").replace("_", "-")
    examples = [_finish(page, rule, draft) for draft in _drafts(page, text.splitlines())]
    numbers = [example.number for example in examples]
    for example in examples:
        if numbers.count(example.number) > 1:
            raise PageError(f"{page}:{example.line}: the number {example.number} is used twice")
    return examples


def _drafts(page: str, lines: list[str]) -> Iterator[_Draft]:
    draft: _Draft | None = None
    index = lines.index("## Examples") + 1 if "## Examples" in lines else len(lines)
    while index < len(lines):
        line = lines[index]
        if line.startswith("### "):
            if draft is not None:
                yield draft
            number, _, title = line[4:].partition(" ")
            draft = _Draft(number, title, index + 1)
        elif line.startswith("```"):
            if draft is None:
                raise PageError(f"{page}:{index + 1}: a block before the first example")
            index = _read_block(page, lines, index, draft)
        elif draft is not None and (match := _KEY.match(line)):
            draft.keys[match[1]] = match[2]
        index += 1
    if draft is not None:
        yield draft


def _read_block(page: str, lines: list[str], start: int, draft: _Draft) -> int:
    """Put the block that opens at `start` into the draft; the index of its last line."""
    match = _FENCE.match(lines[start])
    if match is None:
        raise PageError(f"{page}:{start + 1}: not a block of an example: {lines[start]}")
    try:
        end = lines.index("```", start + 1)
    except ValueError:
        raise PageError(f"{page}:{start + 1}: the block is never closed") from None
    title, words = match["title"], match["words"].split()
    texts = draft.texts_for(words)
    if title in texts:
        raise PageError(f"{page}:{start + 1}: {title} stands here twice")
    texts[title] = "".join(line + "\n" for line in lines[start + 1 : end])
    if "run" in words:
        draft.program = title
    return end


def _finish(page: str, rule: str, draft: _Draft) -> Example:
    keys = draft.keys
    example = Example(
        page=page,
        rule=rule,
        number=draft.number,
        title=draft.title,
        line=draft.line,
        before=draft.before,
        changed=draft.changed,
        suggested=draft.suggested,
        findings=tuple(_place(page, draft, place) for place in _words(keys.get("Finding"))),
        left_alone=keys.get("Left alone"),
        suggestion=keys.get("Suggestion"),
        program=draft.program,
        claims=tuple(_words(keys.get("Run"))),
        prints=keys.get("Prints"),
        verdict=keys.get("Verdict", ""),
    )
    if problem := _problem(example):
        raise PageError(f"{page}:{draft.line}: {draft.number} {problem}")
    return example


def _words(value: str | None) -> list[str]:
    return [word.strip() for word in value.split(",")] if value else []


def _place(page: str, draft: _Draft, place: str) -> tuple[str, int]:
    path, _, line = place.rpartition(":")
    if path not in draft.before or not line.isdigit():
        raise PageError(f"{page}:{draft.line}: {draft.number} has no file and line {place!r}")
    return path, int(line)


def _problem(example: Example) -> str | None:
    """What is wrong with the whole example, None if nothing is."""
    strangers = (example.changed.keys() | example.suggested.keys()) - example.before.keys()
    checks = {
        "has no files": not example.before,
        "changes files that it does not have": bool(strangers),
        "is left alone and a suggestion at once": None not in (example.left_alone, example.suggestion),
        "is left alone, but has findings or a text afterwards": example.kind == "leave"
        and bool(example.findings or example.changed or example.suggested),
        "names no finding": example.kind != "leave" and not example.findings,
        "is a fix, but nothing changes": example.kind == "fix" and example.after == example.before,
        "is a suggestion, but has a plain text afterwards": example.kind == "suggestion" and bool(example.changed),
        "has a text for a suggestion, but is none": example.kind != "suggestion" and bool(example.suggested),
        "has a program without claims, or claims without a program": (example.program is None) == bool(example.claims),
    }
    return next((problem for problem, holds in checks.items() if holds), None)
