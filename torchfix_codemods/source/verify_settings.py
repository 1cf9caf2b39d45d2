"""`[tool.torchfix.verify]`: how the programs of a project are run before and after a fix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

from torchfix_codemods.source.setting_values import (
    Wrong,
    commands,
    count,
    flag,
    names,
    one_of,
    read_table,
    seconds,
    string,
    variables,
    words,
)

#: Where a run may take place, and in which isolation.
DEVICES = ("auto", "cuda", "cpu-redirect")
SANDBOXES = ("auto", "bubblewrap", "namespaces", "audit-hook")
#: What stands in for what is missing. All but text, which is wanted expressly: a random corpus says little of a loss.
STANDINS = ("torchvision", "datasets", "inert", "folders", "terminal", "text")


@dataclass(frozen=True)
class VerifySettings:
    """How programs are run: `[tool.torchfix.verify]`, one table of its `scripts`, or what a command line says.

    None means not set, so that an empty list can take back what another place sets. Paths are as written; `inner`
    and `outer` are iterations, `seconds` is wall time, `memory` GiB, `batch` samples (see `verify.model.Limits`).
    A table of `scripts` has exactly one `script` and no `scripts`.
    """

    script: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    prepare: tuple[tuple[str, ...], ...] | None = None
    env: tuple[tuple[str, str], ...] | None = None
    files: tuple[str, ...] | None = None
    folder: str | None = None
    python: str | None = None
    inner: int | None = None
    outer: int | None = None
    steps: int | None = None
    forwards: int | None = None
    seconds: float | None = None
    batch: int | None = None
    memory: int | None = None
    device: str | None = None
    sandbox: str | None = None
    standins: tuple[str, ...] | None = None
    text: bool | None = None
    scripts: tuple[VerifySettings, ...] | None = None

    def over(self, base: VerifySettings) -> VerifySettings:
        """These settings, and those of `base` for what they leave open; variables of the environment add up."""
        names = [part.name for part in fields(self)]
        values = {name: getattr(base if getattr(self, name) is None else self, name) for name in names}
        if self.env is not None and base.env is not None:
            values["env"] = tuple((dict(base.env) | dict(self.env)).items())
        return VerifySettings(**values)


def _standins(value: object) -> tuple[str, ...]:
    if value is False:
        return ()
    if not isinstance(value, list):
        raise Wrong("must be false or a list of kinds")
    return tuple(map(one_of(STANDINS), value))


_PROGRAM_READERS: dict[str, Callable[[object], object]] = {
    "script": names,
    "args": words,
    "prepare": commands,
    "env": variables,
    "files": names,
    "folder": string,
    "python": string,
    "inner": count(1),
    "outer": count(1),
    "steps": count(1),
    "forwards": count(1),
    "seconds": seconds,
    "batch": count(0),
    "memory": count(0),
    "device": one_of(DEVICES),
    "sandbox": one_of(SANDBOXES),
    "standins": _standins,
    "text": flag,
}


def _programs(value: object) -> tuple[VerifySettings, ...]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Wrong("must be a list of tables, each with its script")
    programs = []
    for number, table in enumerate(value, 1):
        try:
            program = VerifySettings(**read_table(table, _PROGRAM_READERS))
            if program.script is None or len(program.script) != 1:
                raise Wrong("needs one script")
        except Wrong as wrong:
            raise Wrong(f"table {number}: {wrong}") from None
        programs.append(program)
    return tuple(programs)


def verify_settings(value: object) -> VerifySettings:
    """The table as read. Raises `Wrong`."""
    if not isinstance(value, dict):
        raise Wrong("must be a table")
    return VerifySettings(**read_table(value, {**_PROGRAM_READERS, "scripts": _programs}))
