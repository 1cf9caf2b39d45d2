"""From the files of a run to what rules say of them: the gate, the rules, and the syntax errors of the others.

What only a candidate needs is imported when there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from types import MappingProxyType
from typing import TYPE_CHECKING

from torchfix_codemods.analysis.gate import Topic, speaks_of_torch, topics
from torchfix_codemods.analysis.unparsable import unparsable
from torchfix_codemods.checking.collector import collect_many, uncollected
from torchfix_codemods.checking.deep_calls import with_room
from torchfix_codemods.checking.pool import Checked, check_all
from torchfix_codemods.findings import Finding, LeftOut, Skipped
from torchfix_codemods.rules import import_rules
from torchfix_codemods.rules.registry import builtin
from torchfix_codemods.rules.rule import Rule
from torchfix_codemods.source.inputs import Inputs
from torchfix_codemods.source.old_names import WORD
from torchfix_codemods.source.text import Source

if TYPE_CHECKING:
    from torchfix_codemods.analysis.project import Project

#: Files that no rule can find anything in are parsed too, for their syntax errors, up to so many bytes of them.
PARSED_FOR_ERRORS = 4_000_000


#: Hears how many are done, of how many.
Told = Callable[[int, int], None]


@dataclass(frozen=True)
class Gated:
    """Files in which a rule may find something, the others, those with our mark, and what cells were left out.

    `topics` are those of the candidates which the rules read as they are.
    """

    candidates: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    marked: list[str] = field(default_factory=list)
    left_out: tuple[LeftOut, ...] = ()
    topics: dict[str, Topic] = field(default_factory=dict)


def gate(inputs: Inputs, rules: Sequence[Rule], told: Told) -> Gated:
    """The given files sorted out by their bytes; `told` hears how many were read, of how many.

    A rule of ours finds what stands in the file that it looks at, so of a project the given files are enough. With
    somebody else's rule every file is a candidate, and so is every one that uses a given file.
    """
    gated = all(builtin(rule) for rule in rules)
    found = Gated()
    left_out: list[LeftOut] = []
    # What comes through standard input may get torch from a file that nobody reads.
    speaks = any(path not in inputs.reader.files for path in inputs.given)
    for number, path in enumerate(inputs.given, 1):
        source = inputs.reader.source(path)
        if source is None:
            continue
        speaks = speaks or speaks_of_torch(source.code)
        about = topics(source.code)
        (found.candidates if about or not gated else found.others).append(path)
        if about and _is_read_as_written(source):
            found.topics[path] = about
        if b"torchfix:" in source.code:
            found.marked.append(path)
        if source.notebook is not None:
            left_out += source.notebook.left_out
        told(number, len(inputs.given))
    if gated and found.candidates and not (speaks or _project_speaks(inputs)):
        return replace(found, candidates=[], others=[*found.candidates, *found.others], left_out=tuple(left_out))
    users = () if gated else _users(inputs)
    return replace(found, candidates=[*found.candidates, *users], left_out=tuple(left_out))


def _is_read_as_written(source: Source) -> bool:
    """Whether the bytes at which the gate looks are those of the text that rules read."""
    return source.encoding == "utf-8" and not source.bom and WORD not in source.text


def check_gated(inputs: Inputs, gated: Gated, rules: Sequence[Rule], jobs: int, told: Told) -> Checked:
    """What rules say of the candidates, and the syntax errors of the files that they did not look at."""
    reader = inputs.reader
    checked = Checked()
    if gated.candidates:
        checked = check(
            inputs, gated.candidates, reader.text, rules, lambda: reader.skipped, jobs, told, about=gated.topics
        )
    unparsed = _syntax_errors(inputs, [*gated.others, *checked.dismissed])
    return replace(checked, skipped=(*checked.skipped, *unparsed))


def check(
    inputs: Inputs,
    paths: Sequence[str],
    text: Callable[[str], str | None],
    rules: Sequence[Rule],
    unread: Callable[[], Mapping[str, Skipped]] = dict,
    jobs: int = 1,
    told: Told = lambda done, number: None,
    about: Mapping[str, Topic] = MappingProxyType({}),
) -> Checked:
    """What rules say of these files of the inputs, whose texts `text` gives; see `checker` and `check_all`.

    `about` is what the gate found in files.
    """
    from torchfix_codemods.analysis.closer import note_topics
    from torchfix_codemods.analysis.project import Project

    seen_as = inputs.seen_as or {path: path for path in inputs.reader.paths}
    shown = {seen: path for path, seen in seen_as.items()}
    project = Project(shown, lambda seen: text(shown[seen]) if seen in shown else None)
    note_topics(project, {seen_as[path]: found for path, found in about.items()})
    seen = [seen_as[path] for path in paths]
    with uncollected():
        checked = with_room(lambda: _checked(project, seen, rules, unread, jobs, told))
    return checked if inputs.seen_as is None else _renamed(checked, lambda seen: shown.get(seen, seen))


def _checked(
    project: Project,
    paths: Sequence[str],
    rules: Sequence[Rule],
    unread: Callable[[], Mapping[str, Skipped]],
    jobs: int,
    told: Told,
) -> Checked:
    """What rules say of files of a project: first which of them a closer look leaves, then those."""
    from torchfix_codemods.analysis.closer import forget_looks
    from torchfix_codemods.checking.run import checker

    dismissed = _dismissed(project, paths, rules, told)
    forget_looks(project)
    collect_many()
    left, done = [path for path in paths if path not in dismissed], len(dismissed)
    import_rules(rules if left else ())
    checked = check_all(left, lambda: checker(project, rules, unread), jobs, lambda more: told(done + more, len(paths)))
    return replace(checked, dismissed=tuple(dismissed))


def _dismissed(project: Project, paths: Sequence[str], rules: Sequence[Rule], told: Told) -> dict[str, None]:
    """Files in which a closer look than the gate's shows that no rule of ours has a finding.

    One process looks at all of them: what it learns of the project is worth more than the time of another one.
    """
    from torchfix_codemods.analysis.closer import topics_of

    found: dict[str, None] = {}
    if all(builtin(rule) for rule in rules):
        for path in paths:
            if not topics_of(project, path):
                found[path] = None
                told(len(found), len(paths))
    return found


def _syntax_errors(inputs: Inputs, paths: Sequence[str]) -> tuple[Skipped, ...]:
    """What cannot be parsed of the files that no rule looked at; nothing where these are many."""
    reader = inputs.reader
    sizes = (len(source.code) for path in paths if (source := reader.source(path)))
    if any(total > PARSED_FOR_ERRORS for total in accumulate(sizes)):
        return ()
    texts = ((path, reader.text(path)) for path in paths)
    return tuple(found for path, text in texts if text is not None and (found := unparsable(path, text)))


def _project_speaks(inputs: Inputs) -> bool:
    """Whether a file around the given ones says torch: they may get it from there."""
    around = sorted({*inputs.reader.paths} - {*inputs.given})
    return any(speaks_of_torch(source.code) for path in around if (source := inputs.reader.source(path)) is not None)


def _users(inputs: Inputs) -> Iterator[str]:
    """The other files that import a given one, directly or not."""
    if not inputs.around:
        return
    from torchfix_codemods.analysis.importers import all_importers
    from torchfix_codemods.analysis.project import Project

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
