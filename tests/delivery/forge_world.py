"""A repository with mistakes on a forge, a human who works on it, and runs of ours: all parts are the real ones.

Git pushes go to a real git server, requests to the stand-in of GitHub's API over the same bare repository.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from forge_pulls import PullState
from forge_server import ForgeServer
from forge_tools import REPOSITORY, TOKEN, WEB_FLOW, git, start, write
from git_server import GitServer

from torchfix_codemods import pipeline
from torchfix_codemods.delivery.forge.github import GitHub
from torchfix_codemods.delivery.git.remote import Remote
from torchfix_codemods.delivery.git.repository import Repository
from torchfix_codemods.delivery.model import Proposal
from torchfix_codemods.delivery.open import looked_at
from torchfix_codemods.delivery.proposing.choice import Options
from torchfix_codemods.delivery.proposing.proposals import proposals
from torchfix_codemods.delivery.proposing.verdicts import Told
from torchfix_codemods.delivery.pulls.publish import Publisher, Result, Terms
from torchfix_codemods.findings import Level
from torchfix_codemods.rules.registry import all_rules
from torchfix_codemods.source.settings import Settings

FIXES = "torchfix/fixes"
CODES = frozenset(rule.code for rule in all_rules())

PROGRAM = """\
import torch
import torch.nn.functional as F
from torch import nn

layer = nn.Linear(8, 3)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for step in range(4):
    x, y = torch.randn(20, 8), torch.randint(0, 3, (20,))
    loss = F.cross_entropy(layer(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
SOFTMAX = PROGRAM.replace("layer(x)", "F.softmax(layer(x), dim=1)")
RETAIN = PROGRAM.replace("backward()", "backward(retain_graph=True)")
#: One mistake each, by the code of the rule that knows it.
MISTAKES = {
    "TFC101": SOFTMAX,
    "TFC102": SOFTMAX.replace("softmax", "log_softmax"),
    "TFC103": PROGRAM.replace(
        "F.cross_entropy(layer(x), y)",
        "F.binary_cross_entropy_with_logits(torch.sigmoid(layer(x)), F.one_hot(y, 3).float())",
    ),
    "TFC104": PROGRAM.replace("cross_entropy", "nll_loss"),
    "TFC203": RETAIN,
    "TFC204": PROGRAM.replace("    optimizer.zero_grad()\n", ""),
}


def only(results: list[Result]) -> Result:
    """The one result of a run with one branch."""
    (result,) = results
    return result


class World:
    """One repository, `main` of which holds `train.py` with a softmax before the loss."""

    def __init__(self, folder: Path, files: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.server = GitServer(folder / "server", TOKEN)
        self.bare = self.server.bare(REPOSITORY)
        self.work = folder / "work"
        start(self.work, self.bare)
        self.forge = ForgeServer(self.bare, REPOSITORY, TOKEN)
        self.naps: list[float] = []
        self.commit(files or {"train.py": SOFTMAX})

    def __enter__(self) -> World:
        self.server.__enter__()
        self.forge.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.forge.__exit__()
        self.server.__exit__()

    @property
    def url(self) -> str:
        """Where git pushes to."""
        return f"{self.server.url}/{REPOSITORY}.git"

    @property
    def pull(self) -> PullState:
        """The newest pull request."""
        return self.forge.pulls[max(self.forge.pulls)]

    def head(self, branch: str = FIXES) -> str | None:
        """The commit of a branch on the forge."""
        return self.forge.sha(branch)

    def show(self, name: str, branch: str = FIXES) -> str:
        """The text of a file on a branch of the forge."""
        return git(self.bare, "show", f"{branch}:{name}")

    def commit(self, files: Mapping[str, str], message: str = "Change") -> str:
        """A human's commit on main, pushed."""
        sha = write(self.work, dict(files), message)
        git(self.work, "push", "-q", str(self.bare), "main")
        return sha

    def push(self, branch: str, files: Mapping[str, str], **people: tuple[str, str]) -> str:
        """A commit of somebody on top of a branch of the forge, pushed there."""
        git(self.work, "fetch", "-q", str(self.bare), branch)
        git(self.work, "checkout", "-q", "--detach", "FETCH_HEAD")
        sha = write(self.work, dict(files), "Mine", **people)
        git(self.work, "push", "-q", str(self.bare), f"HEAD:refs/heads/{branch}")
        git(self.work, "checkout", "-q", "main")
        return sha

    def set_branch(self, branch: str, revision: str) -> None:
        """Somebody puts a branch of the forge elsewhere."""
        git(self.work, "fetch", "-q", str(self.bare), "+refs/heads/*:refs/remotes/forge/*")
        git(self.work, "push", "-q", "-f", str(self.bare), f"{revision}:refs/heads/{branch}")

    def update_branch(self, branch: str = FIXES, slip: Mapping[str, str] | None = None) -> str:
        """Press "Update branch": GitHub merges main into the branch; `slip` are changes slipped into the merge."""
        git(self.work, "fetch", "-q", str(self.bare), branch)
        git(self.work, "checkout", "-q", "--detach", "FETCH_HEAD")
        git(self.work, "merge", "-q", "--no-ff", "--no-commit", "main", committer=WEB_FLOW)
        for name, text in (slip or {}).items():
            (self.work / name).write_text(text)
            git(self.work, "add", name)
        git(self.work, "commit", "-q", "-m", f"Merge branch 'main' into {branch}", committer=WEB_FLOW)
        git(self.work, "push", "-q", str(self.bare), f"HEAD:refs/heads/{branch}")
        sha = git(self.work, "rev-parse", "HEAD")
        git(self.work, "checkout", "-q", "main")
        return sha

    def publisher(self, work: Path | None = None, **terms: object) -> Publisher:
        """The parties of a run on the clone `work`, fresh as in a new process."""
        repository = Repository(work or self.work)
        known = {"base": "main", "base_sha": repository.head(), "labels": ("torchfix",), **terms}
        remote = Remote(repository, self.url, TOKEN)
        github = GitHub(self.forge.url, REPOSITORY, TOKEN, self.naps.append)
        return Publisher(Terms(**known), repository, remote, github)  # type: ignore[arg-type]

    def proposals(self, publisher: Publisher, up_to: Level = Level.BEHAVIOR) -> list[Proposal]:
        """What there is to propose for the clone of `publisher`."""
        return self._proposed(publisher, _analysis(publisher, up_to=up_to))

    def _proposed(self, publisher: Publisher, analysis: pipeline.Analysis) -> list[Proposal]:
        options = Options(group_by="rule" if publisher.terms.by_rule else "all")
        declined = publisher.declined({finding.code for finding in analysis.findings})
        return proposals(analysis, Told(), options, publisher.repository.committable, declined)

    def run(self, work: Path | None = None, up_to: Level = Level.BEHAVIOR, **terms: object) -> list[Result]:
        """One whole run of ours."""
        publisher = self.publisher(work, **terms)
        analysis = _analysis(publisher, up_to=up_to)
        return publisher.publish(self._proposed(publisher, analysis), looked_at(analysis))

    def run_on(self, *paths: str, codes: Collection[str] = CODES, **terms: object) -> list[Result]:
        """A run of ours over some paths only, or with some rules only."""
        publisher = self.publisher(whole=False, **terms)
        analysis = _analysis(publisher, paths, codes)
        return publisher.publish(self._proposed(publisher, analysis), looked_at(analysis))

    def planned(self, *paths: str, **terms: object) -> list[str]:
        """One dry run, over some paths or all."""
        publisher = self.publisher(whole=not paths, **terms)
        analysis = _analysis(publisher, paths or (".",))
        return publisher.planned(self._proposed(publisher, analysis), looked_at(analysis), REPOSITORY)


def _analysis(
    publisher: Publisher,
    paths: tuple[str, ...] = (".",),
    codes: Collection[str] = CODES,
    up_to: Level = Level.BEHAVIOR,
) -> pipeline.Analysis:
    rules = tuple(rule for rule in all_rules() if rule.code in codes)
    request = pipeline.Request(paths, publisher.repository.root, rules, up_to=up_to, settings=Settings())
    return pipeline.analyse(request)
