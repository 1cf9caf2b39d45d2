"""The whole way on one page: read this first.

    discover -> read -> gate -> rules (on candidates, over processes) -> settle -> silence -> plan
        -> verify (asked for) -> patch or write

`analyse` goes as far as findings, `make_plan` decides which fixes are made, `verification` runs the program before and
after each of them and `withhold` takes those out that the runs speak against, `patch` and `file_changes` say what is
left means for the files, `report_of` puts everything into the one `Report`. Nothing here writes, prints or asks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from torchfix_codemods import __version__
from torchfix_codemods.analysis.gate import is_candidate, speaks_of_torch
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Edit, Finding, LeftOut, Level, Problem, Skipped
from torchfix_codemods.report.model import Report, named_paths
from torchfix_codemods.rewrite import plan as planning
from torchfix_codemods.rewrite.byte_edits import byte_edits, splice
from torchfix_codemods.rewrite.compose import PlannedEdit, planned_by_path
from torchfix_codemods.rewrite.edits import apply_edits, conflicts, place
from torchfix_codemods.rewrite.hunks import file_patch
from torchfix_codemods.rewrite.plan import Plan
from torchfix_codemods.rules.fingerprint import settle
from torchfix_codemods.rules.in_notebooks import cautious
from torchfix_codemods.rules.pool import check_all
from torchfix_codemods.rules.registry import all_rules, builtin, pairs
from torchfix_codemods.rules.rule import Rule
from torchfix_codemods.rules.run import checker
from torchfix_codemods.rules.silence import Silence, misspelled
from torchfix_codemods.source.atomic import FileChange
from torchfix_codemods.source.discovery import discover
from torchfix_codemods.source.git import repository_root
from torchfix_codemods.source.notebooks import Notebook
from torchfix_codemods.source.old_names import as_written, readable
from torchfix_codemods.source.reader import Reader
from torchfix_codemods.source.settings import Settings
from torchfix_codemods.source.text import Source, decode
from torchfix_codemods.source.verify_settings import VerifySettings
from torchfix_codemods.verify.model import Verification

#: Files that no rule can find anything in are parsed too, for their syntax errors, up to so many bytes of them.
PARSED_FOR_ERRORS = 4_000_000

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Request:
    """What is wanted: which files, which rules, how far fixes may go. `given` is a name and bytes (standard input)."""

    paths: tuple[str, ...]
    cwd: Path
    rules: tuple[Rule, ...]
    up_to: Level = Level.BEHAVIOR
    settings: Settings = field(default_factory=Settings)
    exclude: tuple[str, ...] = ()
    given: tuple[str, bytes] | None = None
    jobs: int = 1


@dataclass(frozen=True)
class Analysis:
    """What was found. `sources` holds every file that a finding names, as it was when it was analysed."""

    request: Request
    reader: Reader
    seen: int
    skipped: tuple[Skipped, ...]
    findings: tuple[Finding, ...]
    suppressed: int
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]
    sources: Mapping[str, Source]
    producers: frozenset[str]
    timings: dict[str, float]
    left_out: tuple[LeftOut, ...] = ()

    def text(self, path: str) -> str:
        """The text of a file that a finding names. Raises `KeyError` for others."""
        return self.sources[path].text

    @cached_property
    def notebooks(self) -> dict[str, Notebook]:
        """The notebooks among the files that findings name."""
        return _notebooks(self.sources)


def analyse(request: Request, progress: Progress = lambda stage, done, total: None) -> Analysis:
    """Everything up to the findings. Raises `UsageError` for a path that is not there."""
    timings: dict[str, float] = {}
    with _timed(timings, "discover"):
        reader, skipped = _reader(request)
    with _timed(timings, "read"):
        gated = _gate(request, reader, progress)
        candidates, others, marked = gated.candidates, gated.others, gated.marked
    with _timed(timings, "rules"):
        checked = check_all(
            candidates,
            lambda: checker(reader.paths, reader.text, request.rules, lambda: reader.skipped),
            request.jobs,
            lambda done: progress("analysing", done, len(candidates)),
        )
        unparsed = _syntax_errors([*others, *checked.dismissed], reader)
    findings = settle(checked.findings, lambda path: reader.text(path) or "")
    sources = {path: source for path in named_paths(findings) if (source := reader.source(path))}
    findings = [finding for finding in findings if all(path in sources for path in named_paths([finding]))]
    silence = _silence(request, reader, reader.text)
    heard = [as_written(silence.withhold(finding)) for finding in findings if not silence.covers(finding)]
    notebooks = _notebooks(sources)
    heard = [cautious(finding, notebooks, lambda path: sources[path].text) for finding in heard]
    known = {item.path: item for item in (*skipped, *checked.skipped, *unparsed, *reader.skipped.values())}
    return Analysis(
        request=request,
        reader=reader,
        seen=len({*reader.paths, *known}),
        skipped=tuple(known[path] for path in sorted(known)),
        findings=tuple(heard),
        suppressed=len(findings) - len(heard),
        problems=checked.problems,
        warnings=tuple(misspelled(marked, lambda path: reader.text(path) or "", pairs(all_rules()), reader.place)),
        sources=sources,
        producers=checked.producers,
        timings=timings,
        left_out=gated.left_out,
    )


def make_plan(analysis: Analysis, accepts: Callable[[Finding], bool] | None = None) -> Plan:
    """Which fixes are made, to a fixed point; by default those up to the level asked for."""
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
    wish = Wish(analysis.request.settings, analysis.request.cwd, analysis.request.paths, scripts, args, overrides)
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
    if source.notebook is not None:
        return source.notebook.holds(text) and planning.parses_as_python(source.path, readable(text))
    try:
        source.encode(text)
    except UnicodeEncodeError:
        return False
    return planning.parses_as_python(source.path, readable(text))


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
    )


def _reader(request: Request) -> tuple[Reader, tuple[Skipped, ...]]:
    """The files of the run, or the one that was given, and what discovery skipped."""
    if request.given is not None:
        source = decode(*request.given)
        return (Reader((), [source]), ()) if isinstance(source, Source) else (Reader(()), (source,))
    settings = request.settings
    found = discover(
        request.paths,
        exclude=request.exclude,
        cwd=request.cwd,
        project=settings.root,
        project_exclude=settings.exclude,
    )
    return Reader(found.files), found.skipped


@dataclass(frozen=True)
class _Gated:
    """Files in which a rule may find something, the others, those with our mark, and what cells were left out."""

    candidates: list[str]
    others: list[str]
    marked: list[str]
    left_out: tuple[LeftOut, ...]


def _gate(request: Request, reader: Reader, progress: Progress) -> _Gated:
    candidates: list[str] = []
    others: list[str] = []
    marked: list[str] = []
    left_out: list[LeftOut] = []
    # The gate knows our rules only; with somebody else's every file is a candidate.
    gated = all(builtin(rule) for rule in request.rules)
    speaks = request.given is not None
    for number, path in enumerate(reader.paths, 1):
        source = reader.source(path)
        if source is None:
            continue
        speaks = speaks or speaks_of_torch(source.code)
        if not gated or is_candidate(source.code):
            candidates.append(path)
        else:
            others.append(path)
        if b"torchfix:" in source.code:
            marked.append(path)
        if source.notebook is not None:
            left_out += source.notebook.left_out
        progress("reading", number, len(reader.paths))
    if gated and not speaks:
        candidates, others = [], [*candidates, *others]
    return _Gated(candidates, others, marked, tuple(left_out))


def _notebooks(sources: Mapping[str, Source]) -> dict[str, Notebook]:
    return {path: source.notebook for path, source in sources.items() if source.notebook is not None}


def _syntax_errors(paths: Sequence[str], reader: Reader) -> tuple[Skipped, ...]:
    """What cannot be parsed of the files that no rule looked at; nothing where these are many."""
    sizes = (len(source.code) for path in paths if (source := reader.source(path)))
    if any(total > PARSED_FOR_ERRORS for total in accumulate(sizes)):
        return ()
    project = Project(reader.paths, reader.text)
    for path in paths:
        project.parse_whole(path)
    return tuple(project.skipped.values())


def _silence(request: Request, reader: Reader, text: Callable[[str], str | None]) -> Silence:
    """What comments and settings switch off in files with these texts."""

    def ignored(path: str) -> tuple[str, ...]:
        file = reader.files.get(path)
        return request.settings.ignored_in(file.real if file else request.cwd / path)

    return Silence(lambda path: text(path) or "", ignored)


def _refind(analysis: Analysis, texts: Mapping[str, str]) -> list[Finding]:
    """The findings once some files have new texts: only files that changed or had findings are looked at again."""
    reader, rules = analysis.reader, analysis.request.rules

    def text(path: str) -> str | None:
        return readable(texts[path]) if path in texts else reader.text(path)

    again = sorted({*texts, *analysis.producers})
    checked = check_all(again, lambda: checker(reader.paths, text, rules, dict), 1, lambda done: None)
    silence = _silence(analysis.request, reader, text)
    found = settle(checked.findings, lambda path: text(path) or "")
    known = [finding for finding in found if all(path in analysis.sources for path in _edited(finding))]
    heard = [as_written(silence.withhold(finding)) for finding in known if not silence.covers(finding)]
    return [cautious(finding, analysis.notebooks, lambda path: text(path) or "") for finding in heard]


def _edited(finding: Finding) -> set[str]:
    return {edit.path for edit in finding.fix.edits} if finding.fix else set()


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        timings[stage] = timings.get(stage, 0.0) + time.perf_counter() - start
