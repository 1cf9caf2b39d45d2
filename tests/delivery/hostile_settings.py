"""Settings and programs that a repository, its checkout or a person can have; each program leaves a trace when run."""

from __future__ import annotations

from pathlib import Path

from git_clones import git

HOOKS = (
    *("pre-push", "pre-commit", "post-commit", "commit-msg", "prepare-commit-msg", "post-index-change"),
    *("reference-transaction", "post-checkout", "post-merge", "post-rewrite", "pre-auto-gc", "push-to-checkout"),
)


class Traces:
    """Programs that note their names in a folder, and which of them were run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def program(self, name: str, path: Path | None = None, then: str = "cat") -> str:
        """A shell script that notes `name` and the environment it was given; its path."""
        path = path or self.folder / f"{name}.sh"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\nenv > '{self.folder}/ran-{name}'\n{then}\n")
        path.chmod(0o755)
        return str(path)

    @property
    def ran(self) -> list[str]:
        """The names of those that were run, sorted."""
        return sorted(path.name.removeprefix("ran-") for path in self.folder.glob("ran-*"))


def plant_programs(clone: Path, traces: Traces, *scope: str) -> None:
    """Make every program that git may start for a commit, a fetch or a push one of `traces`.

    `scope` is `--global` for the person's settings, nothing for those of the clone.
    """
    where = "".join(scope).strip("-") or "clone"
    for hook in HOOKS:
        traces.program(f"{where}-hook-{hook}", clone / ".git/hooks" / hook)
        traces.program(f"{where}-path-{hook}", traces.folder / f"{where}-hooks" / hook)
    settings = {
        "core.hooksPath": str(traces.folder / f"{where}-hooks"),
        "core.fsmonitor": traces.program(f"{where}-fsmonitor"),
        "core.askPass": traces.program(f"{where}-askpass", then="true"),
        "core.editor": traces.program(f"{where}-editor"),
        "core.pager": traces.program(f"{where}-pager"),
        "core.sshCommand": traces.program(f"{where}-ssh"),
        "core.alternateRefsCommand": traces.program(f"{where}-alternates", then="true"),
        "credential.helper": "!" + traces.program(f"{where}-credentials"),
        "gpg.program": traces.program(f"{where}-gpg", then="exit 1"),
        "filter.f.clean": traces.program(f"{where}-clean"),
        "filter.f.smudge": traces.program(f"{where}-smudge"),
        "filter.f.process": traces.program(f"{where}-process"),
        "diff.f.textconv": traces.program(f"{where}-textconv"),
        "diff.external": traces.program(f"{where}-diff"),
        "merge.f.driver": traces.program(f"{where}-merge", then="true"),
    }
    for name, value in settings.items():
        git(clone, "config", *scope, name, value)


def bend_commits(clone: Path, *scope: str) -> None:
    """Settings that change what an ordinary commit looks like."""
    settings = {
        "user.name": "Mallory",
        "user.email": "mallory@example.com",
        "commit.gpgSign": "true",
        "push.gpgSign": "if-asked",
        "log.showSignature": "true",
        "i18n.commitEncoding": "latin1",
        "core.autocrlf": "true",
        "core.commentChar": "t",
        "commit.template": "/dev/null",
        "commit.cleanup": "strip",
        "push.default": "matching",
        "push.followTags": "true",
        "push.recurseSubmodules": "on-demand",
        "push.pushOption": "merge_request.create",
        "fetch.recurseSubmodules": "true",
        "core.quotePath": "true",
        "core.abbrev": "5",
        "color.ui": "always",
        "column.ui": "always",
    }
    for name, value in settings.items():
        git(clone, "config", *scope, name, value)
