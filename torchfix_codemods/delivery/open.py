"""From a request to open pull requests: what `torchfix pr` and the Action's `mode: pr` both do.

Nothing of the repository is imported, run or installed here. Every rewrite is made anew from the files of the checkout;
a report that is given only says how runs of these rewrites went.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torchfix_codemods.delivery.action.runner import Runner
from torchfix_codemods.delivery.forge.github import GitHub
from torchfix_codemods.delivery.git.remote import Remote
from torchfix_codemods.delivery.git.repository import Repository
from torchfix_codemods.delivery.model import Proposal
from torchfix_codemods.delivery.names import BRANCH, check_branch
from torchfix_codemods.delivery.proposing.choice import Options, verdicts_for
from torchfix_codemods.delivery.proposing.held import refuse_dirty
from torchfix_codemods.delivery.proposing.proposals import proposals
from torchfix_codemods.delivery.proposing.verdicts import Told, read_verdicts
from torchfix_codemods.delivery.pulls.decide import Seen, decide
from torchfix_codemods.delivery.pulls.publish import Publisher, Result, Terms, draft_of
from torchfix_codemods.delivery.pulls.steps import line_of
from torchfix_codemods.delivery.target import TOKENS, Target
from torchfix_codemods.pipeline import Analysis, Progress, Request, analyse
from torchfix_codemods.report.text import count
from torchfix_codemods.source.errors import UsageError, WriteRefused


@dataclass(frozen=True)
class Wish:
    """What pull requests are asked for. `base` "" is the default branch; `report` is where verdicts are read from.

    With `dry_run` nothing is written or sent; without a token nothing is read from the forge then either.
    """

    options: Options = field(default_factory=Options)
    report: Path | None = None
    base: str = ""
    branch: str = BRANCH
    labels: tuple[str, ...] = ("torchfix",)
    draft: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Delivery:
    """What became of the proposals; `planned` are the calls of a dry run, `notes` are lines for people."""

    analysis: Analysis
    proposals: tuple[Proposal, ...]
    results: tuple[Result, ...] = ()
    planned: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def open_pull_requests(
    request: Request,
    wish: Wish,
    clone: Repository,
    target: Target,
    environ: Mapping[str, str],
    progress: Progress = lambda stage, done, total: None,
) -> Delivery:
    """Open, update or close the pull requests of a repository until they say what its files need.

    `request` must be made at the top of `clone`. Raises `UsageError` and `WriteRefused` where something is not as it
    must be (nothing was sent then), `GitFailed` and `ForgeFailed` where git or the forge failed.
    """
    if wish.options.require == "verified" and wish.report is None:
        raise UsageError("only verified fixes are asked for, and no report of runs is given that says which are")
    online = bool(target.token) or not wish.dry_run
    told = read_verdicts(wish.report) if wish.report else Told()
    publisher = _publisher(wish, clone, target, environ) if online else None
    codes = {rule.code for rule in request.rules}
    analysis = analyse(request, progress)
    fixable = {finding.code for finding in analysis.findings if finding.fix is not None}
    declined = publisher.declined(fixable) if publisher else frozenset[str]()
    refuse_dirty(clone, _paths(analysis))
    found = tuple(proposals(analysis, told, wish.options, clone.committable, declined))
    notes = tuple(_notes(analysis, told))
    if publisher is None:
        return Delivery(analysis, found, planned=_offline(found, wish, clone, target), notes=notes)
    if wish.dry_run:
        planned = tuple(publisher.planned(found, codes, target.repository))
        return Delivery(analysis, found, planned=planned, notes=notes)
    return Delivery(analysis, found, tuple(publisher.publish(found, codes)), notes=notes)


def _publisher(wish: Wish, clone: Repository, target: Target, environ: Mapping[str, str]) -> Publisher:
    """The parties, once it is certain that we may propose to the base branch. Raises `UsageError`, `WriteRefused`."""
    reason = Runner(environ).only_reads()
    if reason and not wish.dry_run:
        raise UsageError(f"no pull request can be opened from here: {reason}")
    if not target.token:
        raise UsageError(f"a pull request needs a token in one of the variables {', '.join(TOKENS)}")
    remote = Remote(clone, target.remote, target.token)
    base = wish.base or remote.default_branch()
    check_branch(wish.branch, base)
    _refuse_unpushed(clone, remote, check_branch(base))
    return Publisher(_terms(wish, clone, base), clone, remote, GitHub(target.api_url, target.repository, target.token))


def _refuse_unpushed(clone: Repository, remote: Remote, base: str) -> None:
    """Raise `WriteRefused` unless HEAD is on the base branch: its own commits would go into the pull request too."""
    there = remote.head_of(base)
    if there is None:
        raise UsageError(f"there is no branch {base} at {remote.url}")
    if there == clone.head() or clone.is_ancestor(clone.head(), remote.fetch(base)):
        return
    raise WriteRefused(
        f"the commit that is checked out is not on {base} at {remote.url}: push it or check {base} out first, or name "
        "the branch that it is on with --base"
    )


def _terms(wish: Wish, clone: Repository, base: str) -> Terms:
    return Terms(base, clone.head(), wish.branch, wish.labels, wish.draft, wish.options.group_by == "rule")


def _offline(found: Sequence[Proposal], wish: Wish, clone: Repository, target: Target) -> tuple[str, ...]:
    """What would be sent where nothing of ours stands on the forge."""
    terms = _terms(wish, clone, wish.base or "(the default branch)")
    drafts = [draft_of(proposal, terms, clone) for proposal in found if proposal.chapters]
    steps = [step for draft in drafts for step in decide(Seen(draft.branch), draft).steps]
    return tuple(line_of(step, target.repository) for step in steps)


def _paths(analysis: Analysis) -> set[str]:
    """The files that some fix of the level asked for would change."""
    limit = analysis.request.up_to
    wished = (finding.fix for finding in analysis.findings if finding.fix and finding.level <= limit)
    return {edit.path for fix in wished for edit in fix.edits}


def _notes(analysis: Analysis, told: Told) -> Iterator[str]:
    yield from told.notes
    other = len(told.verdicts) - len(verdicts_for(analysis, told))
    if other:
        yield (
            f"{count(other, 'verdict')} of the report not used: other code, other rules, or `torchfix verify` was not "
            "run at the top of the repository"
        )
    for problem in analysis.problems:
        yield f"{problem.path}: the rule {problem.rule} failed"
