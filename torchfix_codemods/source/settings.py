"""`[tool.torchfix]` of pyproject.toml, checked key by key: a typing mistake is an error, never ignored."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from torchfix_codemods.findings import Level
from torchfix_codemods.source.errors import SettingsError
from torchfix_codemods.source.nearest import did_you_mean

_VERIFY_KEYS = ("script", "args", "prepare", "env", "files", "limits")


@dataclass(frozen=True)
class Settings:
    """The settings of a project; the command line goes over them. None and empty mean: not set."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    up_to: Level | None = None
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    allow_dirty: bool = False
    verify: Mapping[str, object] = field(default_factory=dict)
    file: Path | None = None

    @property
    def root(self) -> Path | None:
        """The folder from which the patterns count."""
        return self.file.parent if self.file else None

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
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in _READERS:
            raise SettingsError(f"{file}: [tool.torchfix] unknown key '{key}'{did_you_mean(key, _READERS)}")
        try:
            values[key.replace("-", "_")] = _READERS[key](value)
        except _Wrong as wrong:
            raise SettingsError(f"{file}: [tool.torchfix] {key}: {wrong}") from None
    return Settings(**values, file=file)


class _Wrong(Exception):
    """What a value should have been."""


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _Wrong("must be a list of strings")
    return tuple(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("must be true or false")
    return value


def _level(value: object) -> Level:
    labels = {level.label: level for level in Level}
    if not isinstance(value, str) or value not in labels:
        hint = did_you_mean(value, labels) if isinstance(value, str) else ""
        raise _Wrong(f"must be one of {', '.join(labels)}{hint}")
    return labels[value]


def _ignores(value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not isinstance(value, dict):
        raise _Wrong('must be a table of lists, such as {"tests/**" = ["TFC303"]}')
    for pattern in value:
        _test_pattern(pattern)
    try:
        return tuple((pattern, _strings(selectors)) for pattern, selectors in value.items())
    except _Wrong as wrong:
        raise _Wrong(f"each value {wrong}") from None


def _verify(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _Wrong("must be a table")
    for key in value:
        if key not in _VERIFY_KEYS:
            raise _Wrong(f"unknown key '{key}'{did_you_mean(key, _VERIFY_KEYS)}")
    return value


_READERS: dict[str, Callable[[object], object]] = {
    "select": _strings,
    "ignore": _strings,
    "exclude": _strings,
    "up-to": _level,
    "per-file-ignores": _ignores,
    "allow-dirty": _flag,
    "verify": _verify,
}


def _test_pattern(pattern: str) -> None:
    try:
        if not pattern.removeprefix("!").strip():
            raise ValueError
        _matches(pattern, "any.py")
    except ValueError:
        raise _Wrong(f"'{pattern}' is no valid pattern") from None


@lru_cache(maxsize=4096)
def _matches(pattern: str, path: str) -> bool:
    """A pattern in the style of .gitignore; `!` before it means every other file."""
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines([pattern.removeprefix("!")]).match_file(path) != pattern.startswith("!")
