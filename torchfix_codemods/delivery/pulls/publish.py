"""Bring proposals to the forge: look, decide, carry out.

Everything is read and decided before anything is written, so that a refusal leaves all as it was. Whatever fails on the
way leaves a state from which the next run goes on: a branch without its pull request gets it then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from torchfix_codemods.delivery.body import text
from torchfix_codemods.delivery.errors import LeaseLost
from torchfix_codemods.delivery.forge.github import GitHub, Pull
from torchfix_codemods.delivery.forge.refusals import AlreadyExists
from torchfix_codemods.delivery.git.remote import Remote
from torchfix_codemods.delivery.git.repository import Repository
from torchfix_codemods.delivery.model import Operation, Proposal, Reason
from torchfix_codemods.delivery.names import BRANCH
from torchfix_codemods.delivery.pulls import notes
from torchfix_codemods.delivery.pulls.acts import line_of
from torchfix_codemods.delivery.pulls.carry_out import carry_out
from torchfix_codemods.delivery.pulls.decide import (
    NARROW,
    Decision,
    Draft,
    Seen,
    decide,
    decide_end,
    declined,
    narrowed,
    overtaken,
)
from torchfix_codemods.delivery.pulls.marker import Marker, read_marker
from torchfix_codemods.delivery.pulls.ownership import Ours, ours
from torchfix_codemods.source.errors import printable

#: Pull requests that may be open at a time, with one for each rule.
MOST_OPEN = 5

#: What of the things that we have on a branch a run did not look at, in words; "" where it looked at all of them.
Missed = Callable[[Seen], str]


@dataclass(frozen=True)
class Looked:
    """What a run looked at: for what the rules with these codes find, in these files (paths from the top).

    `unread` are those of the files of the repository that it would have looked at, and that can't be read or parsed.
    """

    codes: frozenset[str]
    files: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Terms:
    """What holds for all pull requests of a run.

    `base` is the branch that they are for, `base_sha` the commit on it that they stand on.

    `branch` is that of the pull request; with one for each rule (`by_rule`) it is the beginning of their names.

    `whole` says that the run looked at the whole repository, for all that its settings want.
    """

    base: str
    base_sha: str
    branch: str = BRANCH
    labels: tuple[str, ...] = ()
    draft: bool = False
    by_rule: bool = False
    whole: bool = True


@dataclass(frozen=True)
class Result:
    """What became of one branch. `number` and `url` are those of its pull request (None and "" without one).

    `detail` and `warnings` are lines for people.
    """

    operation: Operation
    branch: str
    number: int | None = None
    url: str = ""
    title: str = ""
    detail: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Publisher:
    """The parties of one run. All methods raise `ForgeFailed` and `GitFailed`, with cause and cure."""

    terms: Terms
    repository: Repository
    remote: Remote
    forge: GitHub

    def declined(self, codes: Collection[str]) -> frozenset[str]:
        """The ids of findings that somebody declined before; `codes` are those of the rules that found something."""
        branches = (self.terms.branch, *(branch_of_rule(self.terms.branch, code) for code in sorted(codes)))
        return declined(pull for branch in branches for pull in self.forge.pulls(branch))

    def publish(self, proposals: Sequence[Proposal], looked: Looked) -> list[Result]:
        """Open, update or close pull requests until they are what `proposals` say; one without chapters says nothing.

        Only pull requests of the rules that looked for something are closed where nothing is left. The files that they
        looked at count where these were not the whole repository.
        """
        return list(self.published(proposals, looked))

    def published(self, proposals: Sequence[Proposal], looked: Looked) -> Iterator[Result]:
        """The same, branch by branch: where a later one fails, the results of those before are known."""
        missed = partial(self._missed, looked)
        decisions = self._decisions(proposals, looked.codes, missed)
        for decision in decisions:
            yield self._carry_out(decision, missed)
        if not decisions:
            declined = any(kept.reason is Reason.DECLINED for proposal in proposals for kept in proposal.kept)
            yield Result(Operation.SKIPPED_DECLINED if declined else Operation.NONE, self.terms.branch)

    def planned(self, proposals: Sequence[Proposal], looked: Looked, repository: str) -> list[str]:
        """What `publish` would send, a line each, and why nothing is sent for a branch; reads, and writes nothing.

        `repository` is `owner/name`.
        """
        decisions = self._decisions(proposals, looked.codes, partial(self._missed, looked))
        return [line for decision in decisions for line in _planned(decision, repository)]

    def _decisions(self, proposals: Sequence[Proposal], codes: Collection[str], missed: Missed) -> list[Decision]:
        """What to do for each branch: what ends first, then the proposals in their order. Reads only."""
        drafts = [draft_of(proposal, self.terms, self.repository) for proposal in proposals if proposal.chapters]
        ends = list(self._ends({draft.branch for draft in drafts}, codes, missed))
        wanted = [self._decision(draft, missed) for draft in drafts]
        staying = sum(decision.operation is not Operation.CLOSED for decision in ends)
        return [*ends, *(_capped(wanted, MOST_OPEN - staying) if self.terms.by_rule else wanted)]

    def _decision(self, draft: Draft, missed: Missed) -> Decision:
        seen = self._look(draft.branch, draft.sha)
        decision = decide(seen, draft)
        if decision.operation is Operation.CREATED and (path := self._outdated(draft)):
            return overtaken(decision, self.terms.base, path)
        return narrowed(decision, why) if (why := missed(seen)) else decision

    def _ends(self, wanted: Collection[str], codes: Collection[str], missed: Missed) -> Iterator[Decision]:
        """The open pull requests for which there is no proposal any more."""
        rules = {branch_of_rule(self.terms.branch, code) for code in codes}
        reason = notes.ELSEWHERE if wanted else notes.NOTHING_LEFT
        for branch in self.remote.branches(self.terms.branch):
            if branch in wanted or not (branch == self.terms.branch or branch in rules):
                continue
            same_kind = self.terms.by_rule == (branch in rules)
            seen = self._look(branch, None)
            decision = decide_end(seen, notes.NOTHING_LEFT if same_kind else reason)
            if decision.operation is not Operation.NONE:
                yield narrowed(decision, why) if (why := missed(seen)) else decision

    def _missed(self, looked: Looked, seen: Seen) -> str:
        """What of the things on a branch the run did not look at; what is gone from the base counts as looked at."""
        if seen.ours is None:
            return ""
        files = frozenset(self.repository.tracked(seen.ours.files))
        if unread := sorted(looked.unread & files):
            return f"{printable(unread[0])} cannot be read or parsed"
        if self.terms.whole or (seen.ours.rules <= looked.codes and files <= looked.files):
            return ""
        return NARROW

    def _look(self, branch: str, wanted: str | None) -> Seen:
        """What stands on the forge; who made the commits is asked only where they are others than `wanted`."""
        # Of several open ones that to our base branch counts.
        found = sorted(self.forge.pulls(branch), key=lambda pull: pull.base_ref != self.terms.base)
        theirs = tuple(pull for pull in found if pull.open and self._is_theirs(pull))
        pulls = tuple(pull for pull in found if pull not in theirs)
        head = self.remote.head_of(branch)
        if head is None:
            return Seen(branch, None, pulls, in_the_way=self.remote.in_the_way(branch) or "", theirs=theirs)
        seen = Seen(branch, head, pulls, theirs=theirs)
        if head == wanted or (seen.open is None and any(_was_merged(pull, head) for pull in pulls)):
            return seen  # or squashed: its commits are nowhere else, and nobody needs them
        head, own = self._fetched(branch, seen.open)
        return Seen(branch, head, pulls, own, self._is_newer(own, seen.open), theirs=theirs)

    def _is_theirs(self, pull: Pull) -> bool:
        """Whether somebody has opened a pull request for a branch of their choice."""
        return pull.base_ref != self.terms.base and read_marker(pull.body) is None

    def _fetched(self, branch: str, pull: Pull | None) -> tuple[str, Ours | None]:
        """The head of a branch, and what we have on it; on the base branches that its pull request is or was for."""
        names = dict.fromkeys((self.terms.base, pull.base_ref if pull else self.terms.base))
        there = [name for name in names if self.remote.head_of(name) is not None]
        head, *bases = self.remote.fetch_together(branch, there)
        marker = read_marker(pull.body) if pull else None
        return head, ours(self.repository, head, [*bases, self.terms.base_sha], marker)

    def _is_newer(self, found: Ours | None, pull: Pull | None) -> bool:
        """Whether a run on a later commit of the same base branch has made what we have on a branch."""
        if found is None or found.base == self.terms.base_sha or (pull and pull.base_ref != self.terms.base):
            return False
        return self.repository.is_ancestor(self.terms.base_sha, found.base)

    def _outdated(self, draft: Draft) -> str:
        """A file of a proposal that is another one on the base branch by now, "" where there is none.

        An old run that is run again would propose once more what was merged since.
        """
        if self.remote.head_of(self.terms.base) in (None, self.terms.base_sha):
            return ""
        files = self.repository.changed(self.terms.base_sha, draft.sha)
        here = self.repository.tracked(files, self.terms.base_sha)
        there = self.repository.tracked(files, self.remote.fetch(self.terms.base))
        return next((path for path in files if here.get(path) != there.get(path)), "")

    def _carry_out(self, decision: Decision, missed: Missed) -> Result:
        """Carry out; where somebody was faster, look again and try once more."""
        try:
            return self._result(decision)
        except (LeaseLost, AlreadyExists):
            if decision.draft is None:
                raise
            return self._result(self._decision(decision.draft, missed))

    def _result(self, decision: Decision) -> Result:
        pull, warnings = carry_out(decision, self.remote, self.forge)
        number, url, title = (pull.number, pull.url, pull.title) if pull else (None, "", "")
        told = (*decision.warnings, *warnings)
        return Result(decision.operation, decision.branch, number, url, title, decision.detail, told)


def _was_merged(pull: Pull, head: str) -> bool:
    """Whether a pull request of ours was merged when its branch stood where it stands now."""
    return pull.merged and pull.head_sha == head and read_marker(pull.body) is not None


def branch_of_rule(branch: str, code: str) -> str:
    """The branch of a pull request with one rule only; not below `branch/`, where git has no room beside `branch`."""
    return f"{branch}-{re.sub('[^a-z0-9]+', '-', code.lower())}"


def draft_of(proposal: Proposal, terms: Terms, repository: Repository) -> Draft:
    """A proposal as commits on its base and as text. Raises `WriteRefused` for a file that may not be changed."""
    tip = terms.base_sha
    for chapter in proposal.chapters:
        tip = repository.commit(tip, chapter.files, text.message(chapter))
    # A mark of the final length, so that the body keeps to its limit.
    blank = Marker(terms.base_sha, tip, proposal.fingerprints, "0" * 64, "0" * 64, terms.labels)
    return Draft(
        branch=branch_of_rule(terms.branch, proposal.rule.code) if proposal.rule else terms.branch,
        sha=tip,
        base=terms.base,
        base_sha=terms.base_sha,
        title=text.title(proposal),
        text=text.body(proposal, str(blank)),
        fingerprints=proposal.fingerprints,
        labels=terms.labels,
        draft=terms.draft,
    )


def _planned(decision: Decision, repository: str) -> Iterator[str]:
    yield from (line_of(act, repository) for act in decision.acts)
    if not decision.acts:
        why = filter(None, (decision.detail, *decision.warnings))
        yield from (f"nothing for {decision.branch} ({decision.operation.value}): {words}" for words in why)


def _capped(decisions: Sequence[Decision], most: int) -> Iterator[Decision]:
    """The decisions, of which no more open pull requests than there is room for beside those that are open."""
    room = most - sum(decision.pull is not None for decision in decisions)
    for decision in decisions:
        if decision.operation is not Operation.CREATED:
            yield decision
            continue
        room -= 1
        detail = f"{MOST_OPEN} pull requests are open; this one follows when one of them is merged or closed"
        yield decision if room >= 0 else Decision(decision.branch, Operation.SKIPPED_CAP, detail=detail)
