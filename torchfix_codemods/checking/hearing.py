"""From what rules say of one state of the texts to what people hear: each mistake once, with an id, unless silenced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from torchfix_codemods.checking.fingerprint import settle
from torchfix_codemods.checking.in_notebooks import cautious
from torchfix_codemods.checking.scope import Scope
from torchfix_codemods.checking.silence import Silence
from torchfix_codemods.findings import Finding
from torchfix_codemods.source.notebooks import Notebook
from torchfix_codemods.source.old_names import as_written


@dataclass(frozen=True)
class Hearing:
    """What counts for every state of the texts: `name_of` gives the names of files that ids are made with,
    `ignored_in` the selectors that the settings ignore in a file."""

    name_of: Callable[[str], str]
    ignored_in: Callable[[str], Sequence[str]]

    def settled(self, findings: Iterable[Finding], text: Callable[[str], str | None]) -> list[Finding]:
        """Each finding once, by place, with its id; `text` gives the texts that rules have read."""
        return settle(findings, lambda path: text(path) or "", self.name_of)

    def heard(
        self,
        findings: Iterable[Finding],
        text: Callable[[str], str | None],
        written: Callable[[str], str],
        notebooks: Mapping[str, Notebook],
        scope: Scope,
    ) -> list[Finding]:
        """The findings that nobody has switched off, each without a fix that must not be made.

        `text` gives the texts that rules have read, `written` those that the edits of `notebooks` are made in.
        """
        silence = Silence(lambda path: text(path) or "", self.ignored_in)
        found = (as_written(silence.withhold(finding)) for finding in findings if not silence.covers(finding))
        return [scope.bounded(cautious(finding, notebooks, written)) for finding in found]
