"""The whole way on one page: read this first.

    discover -> read -> gate -> rules (on candidates, over processes) -> settle -> silence -> scope -> plan
        -> verify (asked for) -> patch or write

`analyse` goes as far as findings, `make_plan` decides which fixes are made, `verification` runs the program before and
after each of them and `withhold` takes those out that the runs speak against, `patch` and `file_changes` say what is
left means for the files, `report_of` puts everything into the one `Report`. Nothing here writes, prints or asks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from torchfix_codemods import __version__
from torchfix_codemods.checking import stages
from torchfix_codemods.checking.hearing import Hearing
from torchfix_codemods.checking.pool import Checked
from torchfix_codemods.checking.scope import Scope, Sorted, places_changed
from torchfix_codemods.checking.silence import misspelled
from torchfix_codemods.findings import Edit, Finding, LeftOut, Level, Problem, Skipped
from torchfix_codemods.report.model import Context, Narrowing, Report, named_paths
from torchfix_codemods.rewrite.byte_edits import byte_edits, splice
from torchfix_codemods.rewrite.compose import PlannedEdit, planned_by_path
from torchfix_codemods.rewrite.edits import apply_edits, conflicts, place
from torchfix_codemods.rewrite.hunks import file_patch
from torchfix_codemods.rules.registry import all_rules, pairs
from torchfix_codemods.rules.rule import Rule
from torchfix_codemods.source.around import holding_folder
from torchfix_codemods.source.atomic import FileChange
from torchfix_codemods.source.baseline import Known, gone, read_baseline
from torchfix_codemods.source.changes import Changes, changed_lines
from torchfix_codemods.source.git import repository_root
from torchfix_codemods.source.ignore import TAKEN
from torchfix_codemods.source.inputs import Inputs, Place, files_of, text_of
from torchfix_codemods.source.notebooks import Notebook
from torchfix_codemods.source.old_names import readable
from torchfix_codemods.source.reader import Reader
from torchfix_codemods.source.settings import Settings
from torchfix_codemods.source.stable_paths import stable_paths
from torchfix_codemods.source.text import Source
from torchfix_codemods.source.verify_settings import VerifySettings

if TYPE_CHECKING:
    from torchfix_codemods.rewrite.plan import Plan
    from torchfix_codemods.verify.model import Verification

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Request:
    """What is wanted: which files, which rules, how far fixes may go. `given` is a name and bytes (standard input).

    The patterns of `exclude` count from `exclude_from`; None is the working folder, from where the paths count.
    `project`: the project around the files is read too. `since` is a revision: only findings on lines that were changed
    since then count. `baseline` is a file of findings that don't.
    """

    paths: tuple[str, ...]
    cwd: Path
    rules: tuple[Rule, ...]
    up_to: Level = Level.BEHAVIOR
    settings: Settings = field(default_factory=Settings)
    exclude: tuple[str, ...] = ()
    exclude_from: Path | None = None
    given: tuple[str, bytes] | None = None
    jobs: int = 1
    project: bool = False
    since: str | None = None
    baseline: Path | None = None


@dataclass(frozen=True)
class Analysis:
    """What was found. `sources` holds every file that a finding names, as it was when it was analysed.

    `sorted_out` are the findings that count, and the others; `unread` is all that could not be read or parsed.
    """

    request: Request
    inputs: Inputs
    unread: tuple[Skipped, ...]
    sorted_out: Sorted
    suppressed: int
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]
    sources: Mapping[str, Source]
    producers: frozenset[str]
    timings: dict[str, float]
    left_out: tuple[LeftOut, ...]
    hearing: Hearing
    baseline: tuple[Known, ...] = ()

    @property
    def reader(self) -> Reader:
        """The files that were read."""
        return self.inputs.reader

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings that count."""
        return tuple(self.sorted_out.counted)

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What was not analysed of the given files."""
        return tuple(item for item in self.unread if not self.inputs.is_around(item.path))

    @property
    def seen(self) -> int:
        """How many files were given, or would have been."""
        return len({*self.inputs.given, *(item.path for item in self.skipped)})

    def text(self, path: str) -> str:
        """The text of a file that a finding names. Raises `KeyError` for others."""
        return self.sources[path].text

    @cached_property
    def notebooks(self) -> dict[str, Notebook]:
        """The notebooks among the files that findings name."""
        return _notebooks(self.sources)


def analyse(request: Request, progress: Progress = lambda stage, done, total: None) -> Analysis:
    """Everything up to the findings.

    Raises `UsageError` for a path, a revision or a baseline that is not there, `GitFailed` where git cannot tell.
    """
    timings: dict[str, float] = {}
    with _timed(timings, "discover"):
        baseline = read_baseline(request.baseline) if request.baseline else ()
        inputs = _inputs(request)
        changes = _changes(request, inputs)
    with _timed(timings, "read"):
        gated = stages.gate(inputs, request.rules, partial(progress, "reading"))
    with _timed(timings, "rules"):
        told = partial(progress, "analysing")
        checked = stages.check_gated(inputs, gated, request.rules, request.jobs, told)
    hearing = _hearing(request, inputs.reader)
    findings, sources = _with_sources(hearing.settled(checked.findings, inputs.reader.text), inputs.reader)
    scope = Scope(
        given=frozenset(inputs.given) if inputs.around else None,
        changed=None if changes is None else places_changed(changes, inputs.reader, sources),
        known=frozenset(entry.id for entry in baseline),
    )
    heard = hearing.heard(findings, inputs.reader.text, lambda path: sources[path].text, _notebooks(sources), scope)
    return Analysis(
        request=request,
        inputs=inputs,
        unread=_unread(inputs, checked),
        sorted_out=scope.sort_out(heard),
        suppressed=len(findings) - len(heard),
        problems=checked.problems,
        warnings=_warnings(inputs.reader, gated),
        sources=sources,
        producers=checked.producers,
        timings=timings,
        left_out=gated.left_out,
        hearing=hearing,
        baseline=baseline,
    )


def entries_of(analysis: Analysis) -> list[Known]:
    """All findings of a run as entries of a baseline, also those that are known."""
    found = (*analysis.sorted_out.counted, *analysis.sorted_out.known)
    return [Known(analysis.hearing.name_of(f.location.path), f.rule, f.id, f.message) for f in found]


def with_all_known(analysis: Analysis) -> Analysis:
    """The analysis as it would be with a baseline of all its findings."""
    sorted_out = analysis.sorted_out
    known = [*sorted_out.known, *sorted_out.counted]
    return replace(analysis, sorted_out=replace(sorted_out, counted=[], known=known))


def make_plan(analysis: Analysis, accepts: Callable[[Finding], bool] | None = None) -> Plan:
    """Which fixes are made, to a fixed point; by default those up to the level asked for."""
    from torchfix_codemods.rewrite import plan as planning

    limit = analysis.request.up_to

    def wished(finding: Finding) -> bool:
        return finding.level <= limit

    with _timed(analysis.timings, "plan"):
        return planning.make_plan(
            analysis.findings,
            texts=analysis.text,
            refind=lambda texts: _refind(analysis, texts),
            accepts=accepts or wished,
            parses=lambda path, text: is_sound(analysis.sources[path], text),
            admits=analysis.sorted_out.admits if analysis.sorted_out.narrowed else None,
        )


def verification(
    analysis: Analysis,
    plan: Plan,
    scripts: tuple[str, ...] = (),
    args: tuple[str, ...] | None = None,
    overrides: VerifySettings | None = None,
    told: Callable[[str, int, int], None] = lambda phase, done, about: None,
) -> Verification:
    """What runs of the program show about each fix of a plan. Raises `UsageError` for a script that is not there.

    `scripts` (none: those that reach the changed files) are run with `args`; `overrides` go over the settings.
    """
    from torchfix_codemods.verify.checking import verify
    from torchfix_codemods.verify.tasks import Files, Wish

    files = Files(
        text=analysis.text,
        encode=lambda path, text: analysis.sources[path].encode(text),
        real=lambda path: Path(os.path.realpath(analysis.reader.files[path].real)),
    )
    asked = analysis.request
    wish = Wish(asked.settings, asked.cwd, asked.paths, scripts, args, overrides, asked.project)
    findings = {item.finding.id: item.finding for item in plan.accepted}
    with _timed(analysis.timings, "verify"):
        return verify(findings.values(), plan.edits, files, wish, told)


def withhold(analysis: Analysis, plan: Plan, verification: Verification, *, require_verified: bool) -> Plan:
    """The plan without the fixes that the runs speak against; with `require_verified` only those that one confirms."""
    verdicts = verification.verdicts
    wished = {
        item.finding.id
        for item in plan.accepted
        if (verdict := verdicts.get(item.finding.id)) is not None
        and not verdict.withheld
        and (verdict.verified or not require_verified)
    }
    if wished == {item.finding.id for item in plan.accepted}:
        return plan
    return make_plan(analysis, lambda finding: finding.id in wished)


def with_comments(analysis: Analysis, plan: Plan, comments: Sequence[Edit]) -> tuple[Plan, list[Edit]]:
    """The plan with further insertions into the unchanged texts, and those that would disturb one of its edits."""
    fits = [edit for edit in comments if not conflicts([edit], (item.edit for item in plan.edits))]
    edits = sorted([*plan.edits, *(PlannedEdit(edit, frozenset()) for edit in fits)], key=lambda p: place(p.edit))
    texts = {
        path: (analysis.text(path), apply_edits(analysis.text(path), [item.edit for item in items]))
        for path, items in planned_by_path(edits).items()
    }
    sound = all(is_sound(analysis.sources[path], after) for path, (_, after) in texts.items())
    if not sound:
        return plan, list(comments)
    return replace(plan, texts=texts, edits=tuple(edits)), [edit for edit in comments if edit not in fits]


def patch(analysis: Analysis, plan: Plan) -> bytes:
    """One patch for all files, empty where nothing changes.

    Paths are relative to the top of the git repository, as those of `git diff`: of others `git apply` in a subfolder
    says nothing and does nothing. Outside of a repository they are relative to the working folder.
    """
    cwd = Path(os.path.realpath(analysis.request.cwd))
    root = repository_root(cwd)
    prefix = cwd.relative_to(root).as_posix() if root else ""
    pieces = []
    for path, edits in sorted(planned_by_path(plan.edits).items()):
        source = analysis.sources[path]
        pieces.append(file_patch(path, source.raw, byte_edits(source, edits), prefix=prefix))
    return b"".join(pieces)


def file_changes(analysis: Analysis, plan: Plan) -> list[FileChange]:
    """What is to be written where."""
    return [
        FileChange(path, analysis.reader.files[path].real, source.raw, splice(source.raw, byte_edits(source, edits)))
        for path, edits in sorted(planned_by_path(plan.edits).items())
        if (source := analysis.sources[path])
    ]


def rewritten(analysis: Analysis, plan: Plan, path: str) -> bytes | None:
    """The bytes of one file with the plan carried out, None where the file could not be read."""
    source = analysis.reader.source(path)
    if source is None:
        return None
    return splice(source.raw, byte_edits(source, planned_by_path(plan.edits).get(path, [])))


def is_sound(source: Source, text: str) -> bool:
    """Whether a file may get this text: it parses, its encoding holds it, a notebook keeps its cells."""
    from torchfix_codemods.rewrite.plan import parses_as_python

    if source.notebook is not None:
        return source.notebook.holds(text) and parses_as_python(source.path, readable(text))
    try:
        source.encode(text)
    except UnicodeEncodeError:
        return False
    return parses_as_python(source.path, readable(text))


def report_of(
    analysis: Analysis, plan: Plan | None = None, exit_code: int = 0, verification: Verification | None = None
) -> Report:
    """The report of a run, for every writer."""
    return Report(
        version=__version__,
        seen=analysis.seen,
        skipped=analysis.skipped,
        findings=analysis.findings,
        texts={path: source.text for path, source in analysis.sources.items()},
        notebooks=analysis.notebooks,
        left_out=analysis.left_out,
        suppressed=analysis.suppressed,
        plan=plan,
        problems=analysis.problems,
        warnings=analysis.warnings,
        timings=analysis.timings,
        exit_code=exit_code,
        verification=verification,
        narrowing=_narrowing(analysis),
        context=_context(analysis),
    )


def _inputs(request: Request) -> Inputs:
    """The files of the run, or the one that was given."""
    from_here = Place(request.cwd, request.settings, request.exclude, request.exclude_from)
    if request.given is not None:
        return text_of(from_here, *request.given, project=request.project)
    return files_of(from_here, request.paths, project=request.project)


def _changes(request: Request, inputs: Inputs) -> Changes | None:
    """What was changed since the revision that was asked for."""
    if request.since is None:
        return None
    folder = holding_folder(request.cwd, request.paths)
    odd = [inputs.reader.files[path].real for path in inputs.given if not path.endswith(TAKEN)]
    return changed_lines(folder, request.since, odd)


def _with_sources(findings: Iterable[Finding], reader: Reader) -> tuple[list[Finding], dict[str, Source]]:
    """The findings all of whose files can still be read as they were, and these files."""
    every = list(findings)
    sources = {path: source for path in named_paths(every) if (source := reader.source(path))}
    return [finding for finding in every if all(path in sources for path in named_paths([finding]))], sources


def _unread(inputs: Inputs, checked: Checked) -> tuple[Skipped, ...]:
    """All that could not be read or parsed, each file once."""
    found = {item.path: item for item in (*inputs.skipped, *checked.skipped, *inputs.reader.skipped.values())}
    return tuple(found[path] for path in sorted(found))


def _warnings(reader: Reader, gated: stages.Gated) -> tuple[str, ...]:
    return tuple(misspelled(gated.marked, lambda path: reader.text(path) or "", pairs(all_rules()), reader.place))


def _hearing(request: Request, reader: Reader) -> Hearing:
    """How files are named in ids, and what the settings ignore in them."""

    def real(path: str) -> Path:
        file = reader.files.get(path)
        return file.real if file is not None else Path(os.path.realpath(request.cwd / path))

    name_of = stable_paths(request.cwd, request.settings.root, lambda path: str(real(path)))
    return Hearing(name_of, lambda path: request.settings.ignored_in(real(path)))


def _narrowing(analysis: Analysis) -> Narrowing | None:
    """How much does not count; None where nobody asked for less than everything."""
    request, sorted_out = analysis.request, analysis.sorted_out
    if request.since is None and request.baseline is None and not sorted_out.known:
        return None
    found = [*sorted_out.counted, *sorted_out.outside, *sorted_out.known]
    read = {*analysis.inputs.given} - {item.path for item in analysis.unread}
    paths = map(analysis.hearing.name_of, read if analysis.baseline else ())
    stale = gone(analysis.baseline, (f.id for f in found), (rule.name for rule in request.rules), paths)
    return Narrowing(len(sorted_out.outside), len(sorted_out.known), len(stale))


def _context(analysis: Analysis) -> Context | None:
    """The files around the given ones; None where only these were read."""
    if not analysis.inputs.around:
        return None
    around = analysis.inputs.is_around
    return Context(analysis.inputs.around, tuple(item for item in analysis.unread if around(item.path)))


def _notebooks(sources: Mapping[str, Source]) -> dict[str, Notebook]:
    return {path: source.notebook for path, source in sources.items() if source.notebook is not None}


def _refind(analysis: Analysis, texts: Mapping[str, str]) -> list[Finding]:
    """The findings once some files have new texts: only files that changed or had findings are looked at again."""
    reader = analysis.reader

    def text(path: str) -> str | None:
        return readable(texts[path]) if path in texts else reader.text(path)

    again = sorted({*texts, *analysis.producers})
    checked = stages.check(analysis.inputs, again, text, analysis.request.rules)
    found = analysis.hearing.settled(checked.findings, text)
    known = [finding for finding in found if all(path in analysis.sources for path in _edited(finding))]
    scope = analysis.sorted_out.scope
    return analysis.hearing.heard(known, text, lambda path: text(path) or "", analysis.notebooks, scope)


def _edited(finding: Finding) -> set[str]:
    return {edit.path for edit in finding.fix.edits} if finding.fix else set()


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        timings[stage] = timings.get(stage, 0.0) + time.perf_counter() - start
