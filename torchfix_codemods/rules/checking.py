"""From the files of a run to what rules say of them: the gate, the rules, and the syntax errors of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from torchfix_codemods.analysis.gate import is_candidate, speaks_of_torch
from torchfix_codemods.analysis.importers import all_importers
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Finding, LeftOut, Skipped
from torchfix_codemods.rules.pool import Checked, check_all
from torchfix_codemods.rules.registry import builtin
from torchfix_codemods.rules.rule import Rule
from torchfix_codemods.rules.run import checker
from torchfix_codemods.source.inputs import Inputs

#: Files that no rule can find anything in are parsed too, for their syntax errors, up to so many bytes of them.
PARSED_FOR_ERRORS = 4_000_000


@dataclass(frozen=True)
class Gated:
    """Files in which a rule may find something, the others, those with our mark, and what cells were left out."""

    candidates: list[str]
    others: list[str]
    marked: list[str]
    left_out: tuple[LeftOut, ...]


def gate(inputs: Inputs, rules: Sequence[Rule], told: Callable[[int], None]) -> Gated:
    """The given files sorted out by their bytes; `told` hears how many were read.

    A rule of ours finds what stands in the file that it looks at, so of a project the given files are enough. With
    somebody else's rule every file is a candidate, and so is every one that uses a given file.
    """
    gated = all(builtin(rule) for rule in rules)
    found = Gated([], [], [], ())
    left_out: list[LeftOut] = []
    speaks = False
    for number, path in enumerate(inputs.given, 1):
        source = inputs.reader.source(path)
        if source is None:
            continue
        speaks = speaks or speaks_of_torch(source.code)
        (found.candidates if not gated or is_candidate(source.code) else found.others).append(path)
        if b"torchfix:" in source.code:
            found.marked.append(path)
        if source.notebook is not None:
            left_out += source.notebook.left_out
        told(number)
    if gated and found.candidates and not (speaks or _project_speaks(inputs)):
        return Gated([], [*found.candidates, *found.others], found.marked, tuple(left_out))
    users = () if gated else _users(inputs)
    return replace(found, candidates=[*found.candidates, *users], left_out=tuple(left_out))


def check(
    inputs: Inputs,
    paths: Sequence[str],
    text: Callable[[str], str | None],
    rules: Sequence[Rule],
    unread: Callable[[], Mapping[str, Skipped]] = dict,
    jobs: int = 1,
    done: Callable[[int], None] = lambda number: None,
) -> Checked:
    """What rules say of these files of the inputs, whose texts `text` gives; see `checker` and `check_all`."""
    if inputs.seen_as is None:
        return check_all(paths, lambda: checker(inputs.reader.paths, text, rules, unread), jobs, done)
    seen_as = inputs.seen_as
    shown = {seen: path for path, seen in seen_as.items()}

    def read(seen: str) -> str | None:
        return text(shown[seen]) if seen in shown else None

    seen_paths = sorted(shown)
    checked = check_all([seen_as[path] for path in paths], lambda: checker(seen_paths, read, rules, unread), jobs, done)
    return _renamed(checked, lambda seen: shown.get(seen, seen))


def syntax_errors(inputs: Inputs, paths: Sequence[str]) -> tuple[Skipped, ...]:
    """What cannot be parsed of the files that no rule looked at; nothing where these are many."""
    reader = inputs.reader
    sizes = (len(source.code) for path in paths if (source := reader.source(path)))
    if any(total > PARSED_FOR_ERRORS for total in accumulate(sizes)):
        return ()
    project = Project(reader.paths, reader.text)
    for path in paths:
        project.parse_whole(path)
    return tuple(project.skipped.values())


def _project_speaks(inputs: Inputs) -> bool:
    """Whether a file around the given ones says torch: they may get it from there."""
    around = sorted({*inputs.reader.paths} - {*inputs.given})
    return any(speaks_of_torch(source.code) for path in around if (source := inputs.reader.source(path)) is not None)


def _users(inputs: Inputs) -> Iterator[str]:
    """The other files that import a given one, directly or not."""
    if not inputs.around:
        return
    seen_as = inputs.seen_as or {path: path for path in inputs.reader.paths}
    shown = {seen: path for path, seen in seen_as.items()}
    project = Project(shown, lambda seen: inputs.reader.text(shown[seen]))
    for user in all_importers(project, [seen_as[path] for path in inputs.given]):
        yield shown[user]


def _renamed(checked: Checked, name: Callable[[str], str]) -> Checked:
    """The same with every path by another name."""
    return Checked(
        tuple(_finding(finding, name) for finding in checked.findings),
        tuple(replace(problem, path=name(problem.path)) for problem in checked.problems),
        tuple(replace(item, path=name(item.path)) for item in checked.skipped),
        frozenset(map(name, checked.producers)),
        tuple(map(name, checked.dismissed)),
    )


def _finding(finding: Finding, name: Callable[[str], str]) -> Finding:
    fix = finding.fix
    if fix is not None:
        fix = replace(fix, edits=tuple(replace(edit, path=name(edit.path)) for edit in fix.edits))
    return replace(
        finding,
        location=replace(finding.location, path=name(finding.location.path)),
        steps=tuple(replace(s, location=replace(s.location, path=name(s.location.path))) for s in finding.steps),
        fix=fix,
    )
