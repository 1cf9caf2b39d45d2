"""Bring proposals to the forge: look, decide, carry out.

Everything is read and decided before anything is written, so that a refusal leaves all as it was. Whatever fails on the
way leaves a state from which the next run goes on: a branch without its pull request gets it then.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from torchfix_codemods.delivery.body import text
from torchfix_codemods.delivery.errors import LeaseLost
from torchfix_codemods.delivery.forge.github import Pull
from torchfix_codemods.delivery.forge.refusals import AlreadyExists
from torchfix_codemods.delivery.model import Operation, Proposal, Reason
from torchfix_codemods.delivery.pulls import notes
from torchfix_codemods.delivery.pulls.carry_out import carry_out
from torchfix_codemods.delivery.pulls.decide import Decision, Draft, Seen, decide, decide_end, declined
from torchfix_codemods.delivery.pulls.marker import Marker, read_marker
from torchfix_codemods.delivery.pulls.ownership import is_ours
from torchfix_codemods.delivery.pulls.parties import Forge, Remote, Repository
from torchfix_codemods.delivery.pulls.steps import line_of

#: Pull requests that may be open at a time, with one for each rule.
MOST_OPEN = 5


@dataclass(frozen=True)
class Terms:
    """What holds for all pull requests of a run.

    `base` is the branch that they are for, `base_sha` the commit on it that they stand on.

    `branch` is that of the pull request; with one for each rule (`by_rule`) it is the beginning of their names.
    """

    base: str
    base_sha: str
    branch: str = "torchfix/fixes"
    labels: tuple[str, ...] = ()
    draft: bool = False
    by_rule: bool = False


@dataclass(frozen=True)
class Result:
    """What became of one branch. `number` and `url` are those of its pull request (None and "" without one).

    `head_sha` is our last commit on it. `detail` and `warnings` are lines for people.
    """

    operation: Operation
    branch: str
    number: int | None = None
    url: str = ""
    title: str = ""
    head_sha: str = ""
    detail: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Publisher:
    """The parties of one run. All methods raise `ForgeFailed` and `GitFailed`, with cause and cure."""

    terms: Terms
    repository: Repository
    remote: Remote
    forge: Forge

    def declined(self, codes: Collection[str]) -> frozenset[str]:
        """The ids of findings that somebody declined before; `codes` are those of the rules that found something."""
        branches = (self.terms.branch, *(branch_of_rule(self.terms.branch, code) for code in sorted(codes)))
        return declined(pull for branch in branches for pull in self.forge.pulls(branch))

    def publish(self, proposals: Sequence[Proposal], codes: Collection[str]) -> list[Result]:
        """Open, update or close pull requests until they are what `proposals` say; one without chapters says nothing.

        `codes` are those of the rules that looked for something: only their pull requests are closed where nothing is
        left. Raises `BranchTaken` too.
        """
        return list(self.published(proposals, codes))

    def published(self, proposals: Sequence[Proposal], codes: Collection[str]) -> Iterator[Result]:
        """The same, branch by branch: where a later one fails, the results of those before are known."""
        decisions = self.decisions(proposals, codes)
        for decision in decisions:
            yield self._carry_out(decision)
        if not decisions:
            declined = any(kept.reason is Reason.DECLINED for proposal in proposals for kept in proposal.kept)
            yield Result(Operation.SKIPPED_DECLINED if declined else Operation.NONE, self.terms.branch)

    def planned(self, proposals: Sequence[Proposal], codes: Collection[str], repository: str) -> list[str]:
        """What `publish` would send, a line each; reads, and writes nothing. `repository` is `owner/name`."""
        return [line_of(step, repository) for each in self.decisions(proposals, codes) for step in each.steps]

    def decisions(self, proposals: Sequence[Proposal], codes: Collection[str]) -> list[Decision]:
        """What to do for each branch: what ends first, then the proposals in their order. Reads only."""
        drafts = [draft_of(proposal, self.terms, self.repository) for proposal in proposals if proposal.chapters]
        ends = list(self._ends({draft.branch for draft in drafts}, codes))
        wanted = [decide(self._look(draft.branch, draft.sha), draft) for draft in drafts]
        staying = sum(decision.operation is Operation.SKIPPED_EDITED for decision in ends)
        return [*ends, *(_capped(wanted, MOST_OPEN - staying) if self.terms.by_rule else wanted)]

    def _ends(self, wanted: Collection[str], codes: Collection[str]) -> Iterator[Decision]:
        """The open pull requests for which there is no proposal any more."""
        rules = {branch_of_rule(self.terms.branch, code) for code in codes}
        reason = notes.ELSEWHERE if wanted else notes.NOTHING_LEFT
        for branch in self.remote.branches(self.terms.branch):
            if branch in wanted or not (branch == self.terms.branch or branch in rules):
                continue
            same_kind = self.terms.by_rule == (branch in rules)
            decision = decide_end(self._look(branch, None), notes.NOTHING_LEFT if same_kind else reason)
            if decision.operation is not Operation.NONE:
                yield decision

    def _look(self, branch: str, wanted: str | None) -> Seen:
        """What stands on the forge; who made the commits is asked only where they are others than `wanted`."""
        # Of several open ones that to our base branch counts.
        pulls = tuple(sorted(self.forge.pulls(branch), key=lambda pull: pull.base_ref != self.terms.base))
        head = self.remote.head_of(branch)
        if head is None or head == wanted:
            return Seen(branch, head, pulls)
        head = self.remote.fetch(branch)
        opened = Seen(branch, head, pulls).open
        if opened is None and any(pull.merged and pull.head_sha == head for pull in pulls):
            return Seen(branch, head, pulls)  # squashed: its commits are nowhere else, and nobody needs them
        return Seen(branch, head, pulls, self._is_ours(head, opened))

    def _is_ours(self, head: str, pull: Pull | None) -> bool:
        marker = read_marker(pull.body) if pull else None
        if is_ours(self.repository, head, [self.terms.base_sha], marker):
            return True
        # It may stand on commits that the clone lacks, or on another branch.
        return is_ours(self.repository, head, self._bases(pull, head), marker)

    def _bases(self, pull: Pull | None, head: str) -> list[str]:
        """Commits of the branches that a pull request is or was for, as they are on the remote now."""
        names = dict.fromkeys((self.terms.base, pull.base_ref if pull else self.terms.base))
        there = [name for name in names if self.remote.head_of(name) is not None]
        tip = self.repository.read(head)
        below = self.repository.read(tip.parents[0]) if len(tip.parents) > 1 else tip
        # Our commits bear the date of the commit that they stand on: a shallow clone must reach back to it.
        return [self.terms.base_sha, *(self.remote.fetch(name, below.committer.date) for name in there)]

    def _carry_out(self, decision: Decision) -> Result:
        """Carry out; where somebody was faster, look again and try once more."""
        try:
            return self._result(decision)
        except (LeaseLost, AlreadyExists):
            draft = decision.draft
            if draft is None:
                raise
            return self._result(decide(self._look(draft.branch, draft.sha), draft))

    def _result(self, decision: Decision) -> Result:
        pull, warnings = carry_out(decision, self.remote, self.forge)
        sha = decision.draft.sha if decision.draft and pull else ""
        number, url, title = (pull.number, pull.url, pull.title) if pull else (None, "", "")
        return Result(decision.operation, decision.branch, number, url, title, sha, decision.detail, warnings)


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
