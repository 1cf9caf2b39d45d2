"""What the author has switched off: by a comment, by `skip-file`, or by `per-file-ignores` in the settings."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache

from torchfix_codemods.findings import Edit, Finding
from torchfix_codemods.source.selection import means
from torchfix_codemods.source.suppress import Suppressions, lines_around


class Silence:
    """Answers for the findings of one state of the texts; what it reads of a file it reads once.

    `text_of` gives the text of a path, `ignored_in` the selectors that the settings ignore in it.
    """

    def __init__(self, text_of: Callable[[str], str], ignored_in: Callable[[str], Sequence[str]]) -> None:
        self.ignored_in = ignored_in
        self._text = text_of
        self._suppressions = cache(lambda path: Suppressions.of(text_of(path)))
        self._tree = cache(lambda path: ast.parse(text_of(path)))

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is switched off where it stands."""
        path = finding.location.path
        if any(means(selector, finding.rule, finding.code) for selector in self.ignored_in(path)):
            return True
        suppressions = self._suppressions(path)
        if suppressions.skip_file or not suppressions.by_line:
            return suppressions.skip_file
        line = _line_of(self._text(path), finding.location.start)
        statement, headers = lines_around(self._tree(path), line)
        return suppressions.covers(line, finding.rule, finding.code, headers, statement)

    def withhold(self, finding: Finding) -> Finding:
        """The finding without its fix where that would change a file which says `skip-file`."""
        if finding.fix is None:
            return finding
        closed = [edit.path for edit in finding.fix.edits if self._suppressions(edit.path).skip_file]
        if not closed:
            return finding
        reason = f"the fix would change {closed[0]}, which says `torchfix: skip-file`"
        return replace(finding, fix=None, no_fix_reason=reason)


def misspelled(
    paths: Iterable[str],
    text_of: Callable[[str], str],
    rules: Sequence[tuple[str, str]],
    place: Callable[[str, int], str],
) -> Iterator[str]:
    """A line for each suppression comment that does not do what its author hoped; `place` says where a line stands."""
    for path in paths:
        suppressions = Suppressions.of(text_of(path))
        unknown = [(line, f"'{name}' is no rule") for line, name in suppressions.unknown(rules)]
        for line, text in sorted((*suppressions.warnings, *unknown)):
            yield f"{place(path, line)}: {text}"


def _line_of(text: str, offset: int) -> int:
    """The line (from 1) of an offset, as Python counts lines."""
    before = text[:offset]
    return 1 + before.count("\n") + before.count("\r") - before.count("\r\n")


def comment_out(findings: Iterable[Finding], text_of: Callable[[str], str]) -> tuple[list[Edit], list[Finding]]:
    """Edits that insert a suppression comment above the statement of each finding, and findings where none fits.

    One comment for all rules of one statement. It is inserted only where the code stays what it was (a statement may
    begin on a line on which a long string ends).
    """
    wanted: dict[tuple[str, int], list[Finding]] = {}
    for finding in findings:
        path = finding.location.path
        text = text_of(path)
        line = _line_of(text, finding.location.start)
        statement, _ = lines_around(ast.parse(text), line)
        wanted.setdefault((path, min(statement)), []).append(finding)
    edits, failed = [], []
    for (path, line), group in wanted.items():
        edit = _comment(path, text_of(path), line, sorted({finding.rule for finding in group}))
        if edit is None:
            failed += group
        else:
            edits.append(edit)
    return edits, failed


def _comment(path: str, text: str, line: int, names: Sequence[str]) -> Edit | None:
    starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]
    start = starts[line - 1]
    indent = re.compile(r"[ \t\f]*").match(text, start)
    newline = re.compile(r"\r\n|\r|\n").search(text)
    assert indent is not None, "the pattern matches the empty text too"
    new = f"{indent[0]}# torchfix: ignore[{', '.join(names)}]{newline[0] if newline else chr(10)}"
    after = text[:start] + new + text[start:]
    return Edit(path, start, start, new) if _same_code(text, after) else None


def _same_code(before: str, after: str) -> bool:
    try:
        return ast.dump(ast.parse(before)) == ast.dump(ast.parse(after))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
