"""`[tool.torchfix]` of pyproject.toml, checked key by key: a typing mistake is an error, never ignored."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from torchfix_codemods.findings import Level
from torchfix_codemods.source.errors import SettingsError
from torchfix_codemods.source.setting_values import Wrong, flag, one_of, read_table, string, strings
from torchfix_codemods.source.verify_settings import VerifySettings, verify_settings


@dataclass(frozen=True)
class Settings:
    """The settings of a project; the command line goes over them. None and empty mean: not set."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    up_to: Level | None = None
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    allow_dirty: bool = False
    baseline: str | None = None
    verify: VerifySettings = field(default_factory=VerifySettings)
    file: Path | None = None

    @property
    def root(self) -> Path | None:
        """The folder from which the patterns count."""
        return self.file.parent if self.file else None

    @property
    def baseline_file(self) -> Path | None:
        """The file of the findings that are known."""
        return self.root / self.baseline if self.root is not None and self.baseline is not None else None

    def level(self, asked: Level | None) -> Level:
        """The highest level of a fix that is made: what is asked for goes over the settings."""
        wished = self.up_to if asked is None else asked
        return Level.BEHAVIOR if wished is None else wished

    def ignored_in(self, real: Path) -> tuple[str, ...]:
        """The selectors of the rules that `per-file-ignores` switches off in one file (its real path)."""
        if self.root is None or not self.per_file_ignores:
            return ()
        below = real.is_relative_to(self.root)
        path = real.relative_to(self.root).as_posix() if below else real.name
        return tuple(s for pattern, codes in self.per_file_ignores if _matches(pattern, path) for s in codes)


def load_settings(start: Path) -> Settings:
    """The settings for `start` (a file or folder): the nearest pyproject.toml upwards with `[tool.torchfix]`.

    Raises `SettingsError`: broken TOML (with its line), an unknown key, a wrong type.
    """
    folder = Path(os.path.realpath(start))
    for candidate in (folder, *folder.parents):
        file = candidate / "pyproject.toml"
        table = _table_of(file)
        if table is not None:
            return _checked(file, table)
    return Settings()


def settings_of(file: Path) -> Settings:
    """The settings that this pyproject.toml holds. Raises `SettingsError`, also where it has no `[tool.torchfix]`."""
    table = _table_of(file)
    if table is None:
        raise SettingsError(f"{file}: there is no [tool.torchfix]")
    return _checked(Path(os.path.realpath(file)), table)


def _table_of(file: Path) -> dict[str, Any] | None:
    """The table of `file`, None if there is none. A file that doesn't name us is not even parsed."""
    try:
        raw = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise SettingsError(f"{file}: {(error.strerror or str(error)).lower()}") from error
    if b"torchfix" not in raw:
        return None
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        tool = toml.loads(raw.decode("utf-8-sig")).get("tool", {})
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file}: not UTF-8, as TOML has to be") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{file}: {error}") from error
    table = tool.get("torchfix") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise SettingsError(f"{file}: tool.torchfix must be a table")
    return table


def _checked(file: Path, table: dict[str, Any]) -> Settings:
    try:
        return Settings(**read_table(table, _READERS), file=file)
    except Wrong as wrong:
        raise SettingsError(f"{file}: [tool.torchfix] {wrong}") from None


_LEVELS = {level.label: level for level in Level}
_level_label = one_of(_LEVELS)


def _level(value: object) -> Level:
    return _LEVELS[_level_label(value)]


def _ignores(value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(value, dict):
        raise Wrong('must be a table of lists, such as {"tests/**" = ["TFC303"]}')
    for pattern in value:
        _test_pattern(pattern)
    try:
        return tuple((pattern, strings(selectors)) for pattern, selectors in value.items())
    except Wrong as wrong:
        raise Wrong(f"each value {wrong}") from None


_READERS: dict[str, Callable[[object], object]] = {
    "select": strings,
    "ignore": strings,
    "exclude": strings,
    "up-to": _level,
    "per-file-ignores": _ignores,
    "allow-dirty": flag,
    "baseline": string,
    "verify": verify_settings,
}


def _test_pattern(pattern: str) -> None:
    try:
        if not pattern.removeprefix("!").strip():
            raise ValueError
        _matches(pattern, "any.py")
    except ValueError:
        raise Wrong(f"'{pattern}' is no valid pattern") from None


@lru_cache(maxsize=4096)
def _matches(pattern: str, path: str) -> bool:
    """A pattern in the style of .gitignore; `!` before it means every other file."""
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines([pattern.removeprefix("!")]).match_file(path) != pattern.startswith("!")
