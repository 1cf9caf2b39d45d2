"""The correct programs of the corpus, and runs of them and of their mutants."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from corpus_runner import Runner  # noqa: E402

from evaluate_parts.spots import Spots  # noqa: E402
from torchfix_codemods.source.text import Source, decode  # noqa: E402

CORPUS = ROOT / "corpus"


@dataclass(frozen=True)
class Program:
    """A program as it should be: its files (`after/`), its entry and its arguments.

    `known` are findings without a fix that are right to be there, by code and path: `expected.json` says so.
    """

    name: str
    entry: str
    args: tuple[str, ...]
    known: frozenset[tuple[str, str]]
    files: Mapping[str, Source] = field(repr=False)

    @cached_property
    def spots(self) -> dict[str, Spots]:
        """The files as mutators see them; what one file binds to a name holds in the others too."""
        alone = {path: Spots(path, source.text) for path, source in self.files.items()}
        objects = {name: kind for spots in alone.values() for name, kind in spots.objects.items()}
        return {path: Spots(path, spots.text, objects) for path, spots in alone.items()}

    def texts(self) -> dict[str, bytes]:
        """The bytes of every file."""
        return {path: source.raw for path, source in self.files.items()}


def programs(corpus: Path = CORPUS) -> list[Program]:
    """Every program of the corpus, as it should be. Raises `OSError` and `ValueError` for a corpus that is none."""
    return [_program(expected.parent) for expected in sorted(corpus.glob("*/expected.json"))]


def _program(folder: Path) -> Program:
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    files = {}
    for path in sorted((folder / "after").rglob("*.py")):
        name = path.relative_to(folder / "after").as_posix()
        source = decode(name, path.read_bytes())
        if not isinstance(source, Source):
            raise ValueError(f"{path}: {source.reason}")
        files[name] = source
    known = frozenset((found["code"], found["path"]) for found in expected["findings"] if not found["fix"])
    return Program(folder.name, expected["entry"], tuple(expected["args"]), known, files)


@contextmanager
def written(texts: Mapping[str, bytes]) -> Iterator[Path]:
    """A folder of its own with these files."""
    with tempfile.TemporaryDirectory(prefix="evaluate-") as name:
        folder = Path(name)
        for path, text in texts.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(text)
        yield folder


class Runs:
    """Runs of programs by their texts. `kept` is a file that keeps what they showed: a run is not repeated."""

    def __init__(self, runner: Runner, kept: Path | None = None) -> None:
        self.runner, self.kept = runner, kept
        known = json.loads(kept.read_text(encoding="utf-8")) if kept is not None and kept.exists() else {}
        self._known: dict[str, dict[str, Any]] = known

    def of(self, program: Program, texts: Mapping[str, bytes], *, lines: bool = False) -> dict[str, Any]:
        """What the run showed."""
        whole = json.dumps([program.entry, program.args, lines, [[p, t.hex()] for p, t in sorted(texts.items())]])
        key = hashlib.sha256(whole.encode()).hexdigest()
        if key not in self._known:
            with written(texts) as folder:
                self._known[key] = self.runner.run(folder, program.entry, list(program.args), lines=lines)
        return self._known[key]

    def keep(self) -> None:
        """Write what is known to the file."""
        if self.kept is not None:
            self.kept.write_text(json.dumps(self._known), encoding="utf-8")
