"""A program around a few functions only, for questions whose answer the rest of the files can't change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from torchfix_codemods.analysis.importers import MAX_FILES
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.program import Program
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.reach import reach_of
from torchfix_codemods.analysis.values import FunctionRef


class NarrowProgram(Program):
    """The file, its functions that speak of one of the `words`, and those importers that call one of the `names`.

    Importers of importers are left out: what their callers give to them is unknown here.
    """

    def __init__(self, project: Project, path: str, words: Iterable[str], names: Iterable[str]) -> None:
        wanted = sorted(set(names))
        self._called = re.compile(_alternatives(wanted)) if wanted else None
        own = sorted(set(words))
        self._interests = _alternatives(own)
        self._own = re.compile(self._interests)
        self._words = re.compile(_alternatives([*own, *wanted]))
        super().__init__(project, path)

    def _closure(self) -> tuple[list[str], bool]:
        if self._called is None:
            return [self.path], True
        importers = reach_of(self.project).importers(self.path)
        users = [other for other in importers if self._called.search(self.project.read(other) or "")]
        return [*users[: MAX_FILES - 1][::-1], self.path], len(users) < MAX_FILES

    def _is_interesting(self, source: str) -> bool:
        return self._own.search(source) is not None or super()._is_interesting(source)

    def _roots(self, file: ParsedFile) -> Iterator[FunctionRef]:
        for ref in super()._roots(file):
            if self._words.search(file.source(self.machine.node_of(ref))):
                yield ref


def _alternatives(words: list[str]) -> str:
    return r"\b(?:" + "|".join(map(re.escape, words)) + r")\b"
