"""Reading the files of a run as often as needed, without keeping them, and noticing when one has changed."""

from __future__ import annotations

from collections.abc import Iterable

from torchfix_codemods.findings import Skipped
from torchfix_codemods.source.discovery import FoundFile
from torchfix_codemods.source.old_names import readable
from torchfix_codemods.source.text import Source, read


class Reader:
    """The texts of a run by shown path; `paths` are all of these, in order.

    What cannot be read is kept in `skipped`, with its reason.

    A file that differs from what was read the first time is skipped from then on: offsets into the old text would
    hit the wrong place in the new one.
    """

    def __init__(self, files: Iterable[FoundFile], given: Iterable[Source] = ()) -> None:
        self.files = {file.path: file for file in files}
        self.skipped: dict[str, Skipped] = {}
        self._given = {source.path: source for source in given}
        self.paths = sorted({*self.files, *self._given})
        self._digests: dict[str, int] = {}
        self._texts: dict[str, str] = {}  # of notebooks: their code is small, and reading them is dear

    def source(self, path: str) -> Source | None:
        """The file, None where it cannot be read or is none of this run."""
        if path in self._given:
            return self._given[path]
        if path in self.skipped or path not in self.files:
            return None
        source = read(self.files[path])
        if isinstance(source, Source):
            # Python's own hash is 64 bits wide and free; it stays the same in forked processes.
            if self._digests.setdefault(path, hash(source.raw)) == hash(source.raw):
                if source.notebook is not None:
                    self._texts[path] = source.text
                return source
            source = Skipped(path, "changed-while-reading", "it is no longer what was read before")
        self.skipped[path] = source
        return None

    def place(self, path: str, line: int) -> str:
        """Where a line of a text stands, as people read it: the line of a file, or of a cell of a notebook."""
        source = self.source(path)
        if source is None or source.notebook is None:
            return f"{path}:{line}"
        return source.notebook.place(path, line)

    def text(self, path: str) -> str | None:
        """The decoded text as it is analysed (see `old_names`), None as for `source`."""
        if path in self._texts:
            return readable(self._texts[path])
        source = self.source(path)
        return None if source is None else readable(source.text)
