"""From the inputs of the Action to what the pipeline takes."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from torchfix_codemods.delivery.inputs import REQUIRED, Inputs
from torchfix_codemods.pipeline import Request
from torchfix_codemods.rules.pool import available_jobs
from torchfix_codemods.rules.registry import all_rules, chosen_rules, pairs
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.selection import check_selectors, split_selectors
from torchfix_codemods.source.settings import Settings, load_settings, settings_of
from torchfix_codemods.source.verify_settings import VerifySettings


def request_of(inputs: Inputs, cwd: Path) -> Request:
    """The request of a step, its inputs over the settings. Raises `UsageError` and `SettingsError`."""
    settings = settings_of(cwd / inputs.config) if inputs.config else load_settings(_common_folder(cwd, inputs.paths))
    known = all_rules()
    for _, selectors in settings.per_file_ignores:
        check_selectors(pairs(known), split_selectors(selectors), origin=f"{settings.file}: per-file-ignores")
    ignored_by_settings = () if inputs.select else settings.ignore
    default = Request.up_to if settings.up_to is None else settings.up_to
    return Request(
        paths=inputs.paths,
        cwd=cwd,
        rules=chosen_rules(known, inputs.select or settings.select, (*inputs.ignore, *ignored_by_settings)),
        up_to=default if inputs.up_to is None else inputs.up_to,
        settings=settings,
        exclude=inputs.exclude,
        jobs=available_jobs(),
    )


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


def _common_folder(cwd: Path, paths: tuple[str, ...]) -> Path:
    """Where the search for the settings begins: the folder that holds all paths."""
    common = Path(os.path.commonpath([os.path.abspath(cwd / path) for path in paths]))
    return common if os.path.isdir(common) else common.parent
