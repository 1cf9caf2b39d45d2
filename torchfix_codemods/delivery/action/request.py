"""From the inputs of the Action to what the pipeline takes."""

from __future__ import annotations

import os
import shutil
import sys
from functools import partial
from pathlib import Path

from torchfix_codemods.checking.pool import available_jobs
from torchfix_codemods.delivery.action.inputs import AUTO, REQUIRED, Inputs
from torchfix_codemods.delivery.action.runner import Runner
from torchfix_codemods.pipeline import Request
from torchfix_codemods.rules.registry import wished_rules
from torchfix_codemods.source.around import holding_folder
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.git import repository_root
from torchfix_codemods.source.revisions import commit_of
from torchfix_codemods.source.run_git import run_git
from torchfix_codemods.source.settings import Settings, load_settings, settings_of
from torchfix_codemods.source.verify_settings import VerifySettings


def request_of(inputs: Inputs, runner: Runner, cwd: Path) -> Request:
    """The request of a step, its inputs over the settings. Raises `UsageError` and `SettingsError`."""
    settings = settings_of(cwd / inputs.config) if inputs.config else load_settings(holding_folder(cwd, inputs.paths))
    return Request(
        paths=inputs.paths,
        cwd=cwd,
        rules=wished_rules(settings, inputs.select, inputs.ignore),
        up_to=settings.level(inputs.up_to),
        settings=settings,
        exclude=inputs.exclude,
        jobs=available_jobs(),
        since=revision(inputs.changed_since, runner, cwd),
        baseline=cwd / inputs.baseline if inputs.baseline else settings.baseline_file,
    )


def revision(asked: str, runner: Runner, cwd: Path) -> str | None:
    """The revision since which lines count as changed; None where all lines count.

    `auto` is what a pull request is merged into. GitHub checks its merge out, whose first parent that is: with
    `fetch-depth: 2` it is there, while the commit that the event names may be an older one, and is not.
    """
    if asked != AUTO:
        return asked or None
    if not runner.on_pull_request:
        return None
    base = _parent(runner, cwd) or runner.base_of_pull_request()
    if not base or not _commit(cwd, base):
        raise UsageError("changed-since auto: the clone ends before the pull request; give checkout `fetch-depth: 2`")
    return base


def _parent(runner: Runner, cwd: Path) -> str:
    """`HEAD^1` where HEAD is the merge that GitHub made of a pull request; else nothing."""
    environ = runner.environ
    is_merge = environ.get("GITHUB_REF", "").endswith("/merge") and _commit(cwd, "HEAD") == environ.get("GITHUB_SHA")
    return "HEAD^1" if is_merge and _commit(cwd, "HEAD^2") else ""


def _commit(cwd: Path, name: str) -> str | None:
    """The commit of this name, None where there is none. Raises `GitFailed` where git does not look."""
    try:
        return commit_of(partial(run_git, repository_root(cwd) or cwd, literal=False), name)
    except UsageError:
        return None


def overrides_of(inputs: Inputs, settings: Settings, cwd: Path) -> VerifySettings:
    """What the inputs say of runs, over the settings. Raises `UsageError` where `sandbox: required` can't be had."""
    return VerifySettings(
        python=_python(inputs, settings, cwd), seconds=inputs.timeout, sandbox=_sandbox(inputs.sandbox)
    )


def _sandbox(asked: str) -> str | None:
    """The layer to ask for; None leaves it to the settings, whose own default is the strongest there is."""
    from torchfix_codemods.verify.sandbox.layers import reach

    if asked == "auto":
        return None
    if asked != REQUIRED:
        return asked
    reached = reach("auto")
    if not {"files", "network"} <= set(reached.holds):
        raise UsageError(
            f"sandbox required: this runner allows only {reached.text}, which is no border against malice; on hosted "
            "Ubuntu runners a step `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` allows namespaces"
        )
    return reached.name


def _python(inputs: Inputs, settings: Settings, cwd: Path) -> str | None:
    """The interpreter with the user's torch; None leaves it to the settings and the environments of the project.

    Without any of these it is `python3`, where actions/setup-python puts it: ours has no torch.
    """
    from torchfix_codemods.verify.interpreter import interpreter

    if inputs.python:
        return inputs.python if os.path.basename(inputs.python) == inputs.python else str(cwd / inputs.python)
    if settings.verify.python is not None or interpreter(None, settings.root or cwd) != sys.executable:
        return None
    return "python3" if shutil.which("python3") else None
