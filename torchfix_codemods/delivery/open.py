"""From a request to open pull requests: what `torchfix pr` and the Action's `mode: pr` both do.

Nothing of the repository is imported, run or installed here. Every rewrite is made anew from the files of the checkout;
a report that is given only says how runs of these rewrites went.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from torchfix_codemods.delivery.action.runner import Runner
from torchfix_codemods.delivery.forge.github import GitHub
from torchfix_codemods.delivery.git.remote import Remote
from torchfix_codemods.delivery.git.repository import Repository
from torchfix_codemods.delivery.model import Proposal
from torchfix_codemods.delivery.names import BRANCH, check_branch
from torchfix_codemods.delivery.proposing.choice import Options, verdicts_for
from torchfix_codemods.delivery.proposing.held import refuse_dirty
from torchfix_codemods.delivery.proposing.proposals import proposals, report_of_all
from torchfix_codemods.delivery.proposing.verdicts import Told, read_verdicts
from torchfix_codemods.delivery.pulls.acts import line_of
from torchfix_codemods.delivery.pulls.decide import Seen, decide
from torchfix_codemods.delivery.pulls.publish import Looked, Publisher, Result, Terms, draft_of
from torchfix_codemods.delivery.target import TOKENS, Target
from torchfix_codemods.delivery.top import is_whole
from torchfix_codemods.pipeline import Analysis, Progress, Request, analyse
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.text import count
from torchfix_codemods.source.errors import OutsideFailed, TorchfixError, UsageError, WriteRefused


@dataclass(frozen=True)
class Wish:
    """What pull requests are asked for. `base` "" is the default branch; `report` is where verdicts are read from.

    The paths of the report count from `made_in`, or from the top of the repository. With `dry_run` nothing is written
    or sent; without a token nothing is read from the forge then either.
    """

    options: Options = field(default_factory=Options)
    report: Path | None = None
    made_in: Path | None = None
    base: str = ""
    branch: str = BRANCH
    labels: tuple[str, ...] = ("torchfix",)
    draft: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Delivery:
    """What became of the proposals; `planned` are the calls of a dry run, `notes` are lines for people.

    `report` is that of the whole analysis, its plan holds the fixes of all proposals. With a `failure` the `results`
    are those of before it, and the rest was not carried out.
    """

    analysis: Analysis
    proposals: tuple[Proposal, ...]
    report: Report
    results: tuple[Result, ...] = ()
    planned: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    failure: TorchfixError | None = None


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
    must be (nothing was sent then). Where git or the forge fails, what is known by then comes back with the `failure`.
    """
    if wish.options.require == "verified" and wish.report is None:
        raise UsageError("only verified fixes are asked for, and no report of runs is given that says which are")
    told = read_verdicts(wish.report, wish.made_in) if wish.report else Told()
    online = bool(target.token) or not wish.dry_run
    terms = _terms(request, wish, clone)
    publisher, failure = _publisher(wish, terms, clone, target, environ) if online else (None, None)
    analysis = analyse(request, progress)
    _refuse_problems(analysis)
    refuse_dirty(clone, _paths(analysis))
    declined: frozenset[str] = frozenset()
    if publisher is not None:
        declined, failure = _declined(publisher, analysis)
    found = tuple(proposals(analysis, told, wish.options, clone.committable, declined))
    notes = tuple(_notes(analysis, told))
    delivery = Delivery(analysis, found, report_of_all(analysis, told, found), notes=notes, failure=failure)
    if failure is not None:
        return delivery
    if publisher is None:
        return replace(delivery, planned=_offline(found, terms, clone, target))
    if wish.dry_run:
        planned = publisher.planned(found, looked_at(analysis), target.repository)
        return replace(delivery, planned=tuple(planned))
    return _published(delivery, publisher)


def _published(delivery: Delivery, publisher: Publisher) -> Delivery:
    """The delivery with what became of each pull request, up to the first failure."""
    analysis, results = delivery.analysis, list[Result]()
    try:
        for result in publisher.published(delivery.proposals, looked_at(analysis)):
            results.append(result)
    except TorchfixError as error:
        return replace(delivery, results=tuple(results), failure=error)
    return replace(delivery, results=tuple(results))


def looked_at(analysis: Analysis) -> Looked:
    """What the rules have looked at, of the files from the top, and what of them they could not read."""
    codes = frozenset(rule.code for rule in analysis.request.rules)
    unread = frozenset(item.path for item in analysis.unread)
    return Looked(codes, frozenset(analysis.inputs.given) - unread, unread)


def _refuse_problems(analysis: Analysis) -> None:
    """Raise `WriteRefused` where a rule failed: what it did not find is not gone."""
    for problem in analysis.problems:
        detail = problem.detail.partition("\n")[0]
        raise WriteRefused(f"{problem.path}: the rule {problem.rule} failed, and nothing is proposed: {detail}")


def _declined(publisher: Publisher, analysis: Analysis) -> tuple[frozenset[str], OutsideFailed | None]:
    """The fixes that somebody declined, of the rules that found something; or why that can't be said."""
    fixable = {finding.code for finding in analysis.findings if finding.fix is not None}
    try:
        return publisher.declined(fixable), None
    except OutsideFailed as error:
        return frozenset(), error


def _publisher(
    wish: Wish, terms: Terms, clone: Repository, target: Target, environ: Mapping[str, str]
) -> tuple[Publisher | None, OutsideFailed | None]:
    """The parties, or why they can't be reached. Raises `UsageError`, `WriteRefused` where we may not propose."""
    reason = Runner(environ).only_reads()
    if reason and not wish.dry_run:
        raise UsageError(f"no pull request can be opened from here: {reason}")
    if not target.token:
        raise UsageError(f"a pull request needs a token in one of the variables {', '.join(TOKENS)}")
    remote = Remote(clone, target.remote, target.token)
    try:
        base = terms.base or remote.default_branch()
        check_branch(terms.branch, base)
        _refuse_unpushed(clone, remote, check_branch(base))
    except OutsideFailed as error:
        return None, error
    github = GitHub(target.api_url, target.repository, target.token)
    return Publisher(replace(terms, base=base), clone, remote, github), None


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


def _terms(request: Request, wish: Wish, clone: Repository) -> Terms:
    """The terms of a wish; the base is "" where that is to be the default branch."""
    return Terms(
        base=wish.base,
        base_sha=clone.head(),
        branch=wish.branch,
        labels=wish.labels,
        draft=wish.draft,
        by_rule=wish.options.group_by == "rule",
        whole=is_whole(request),
    )


def _offline(found: Sequence[Proposal], terms: Terms, clone: Repository, target: Target) -> tuple[str, ...]:
    """What would be sent where nothing of ours stands on the forge."""
    terms = replace(terms, base=terms.base or "(the default branch)")
    drafts = [draft_of(proposal, terms, clone) for proposal in found if proposal.chapters]
    acts = [act for draft in drafts for act in decide(Seen(draft.branch), draft).acts]
    return tuple(line_of(act, target.repository) for act in acts)


def _paths(analysis: Analysis) -> set[str]:
    """The files that some fix of the level asked for would change."""
    limit = analysis.request.up_to
    wished = (finding.fix for finding in analysis.findings if finding.fix and finding.level <= limit)
    return {edit.path for fix in wished for edit in fix.edits}


def _notes(analysis: Analysis, told: Told) -> Iterator[str]:
    yield from told.notes
    other = len(told.verdicts) - len(verdicts_for(analysis, told))
    if other:
        yield f"{count(other, 'verdict')} of the report not used: other code, other rules, or a run in another folder"
