"""Which findings count in a run: those in the given files, on changed lines, and not known from a baseline.

A finding is on a changed line when its place is, or a link of its chain: who changes the loss in train.py hears of
the softmax in model.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from torchfix_codemods.findings import Finding, Location
from torchfix_codemods.source.changes import Changes
from torchfix_codemods.source.raw_lines import raw_lines
from torchfix_codemods.source.reader import Reader
from torchfix_codemods.source.text import Source


@dataclass(frozen=True)
class Scope:
    """What counts. `given` are the paths in which findings may stand (None: all), `changed` says whether a place was
    changed (None: nobody asked), `known` are the ids of a baseline."""

    given: frozenset[str] | None = None
    changed: Callable[[Location], bool] | None = None
    known: frozenset[str] = frozenset()

    def bounded(self, finding: Finding) -> Finding:
        """The finding without its fix where that would change a file which was not given.

        Its level stays: what is wrong does not depend on the files that were given.
        """
        edited = {edit.path for edit in finding.fix.edits} if finding.fix is not None else set()
        others = sorted(edited - (edited if self.given is None else self.given))
        if not others:
            return finding
        reason = f"its fix also changes {', '.join(others)}, which {'was' if len(others) == 1 else 'were'} not given"
        return replace(finding, fix=None, no_fix_reason=reason)

    def sort_out(self, findings: Iterable[Finding]) -> Sorted:
        """The findings that count, and those that don't."""
        sorted_out = Sorted(self, [], [], [], [])
        for finding in findings:
            if self.given is not None and finding.location.path not in self.given:
                sorted_out.elsewhere.append(finding)
            elif not self.is_on_changed_lines(finding):
                sorted_out.outside.append(finding)
            elif finding.id in self.known:
                sorted_out.known.append(finding)
            else:
                sorted_out.counted.append(finding)
        return sorted_out

    def is_on_changed_lines(self, finding: Finding) -> bool:
        """Whether its place, or that of one of its steps, was changed; True where nobody asked."""
        places = (finding.location, *(step.location for step in finding.steps))
        return self.changed is None or any(map(self.changed, places))


@dataclass(frozen=True)
class Sorted:
    """Findings that count; that stand on unchanged lines; that are known; that stand in files which were not given."""

    scope: Scope
    counted: list[Finding] = field(default_factory=list)
    outside: list[Finding] = field(default_factory=list)
    known: list[Finding] = field(default_factory=list)
    elsewhere: list[Finding] = field(default_factory=list)

    @property
    def narrowed(self) -> bool:
        """Whether there is anything that does not count."""
        return self.scope != Scope()

    def admits(self, finding: Finding) -> bool:
        """Whether a finding of a text that fixes have changed counts; its places are those of the unchanged text.

        Ids cannot tell: once the first of two alike lines is repaired, the second one inherits its id.
        """
        if (finding.code, finding.location) in self._places:
            return True
        left_out = self._left_out.get((finding.code, finding.location.path), ())
        if any(_is_within(place, finding.location) for place in left_out):
            return False
        return bool(self.scope.sort_out([replace(finding, id="")]).counted)

    @cached_property
    def _places(self) -> frozenset[tuple[str, Location]]:
        """The codes and places of what counts."""
        return frozenset((finding.code, finding.location) for finding in self.counted)

    @cached_property
    def _left_out(self) -> Mapping[tuple[str, str], list[Location]]:
        """The places of what does not count, by code and path."""
        found: defaultdict[tuple[str, str], list[Location]] = defaultdict(list)
        for finding in (*self.outside, *self.known, *self.elsewhere):
            found[finding.code, finding.location.path].append(finding.location)
        return found


def places_changed(changes: Changes, reader: Reader, sources: Mapping[str, Source]) -> Callable[[Location], bool]:
    """Whether lines of a place were changed; False for a place in a text that is not at hand."""

    def changed(place: Location) -> bool:
        source, file = sources.get(place.path), reader.files.get(place.path)
        if source is None or file is None:
            return False
        return changes.touch(file.real, *raw_lines(source, place.start, place.end))

    return changed


def _is_within(inner: Location, outer: Location) -> bool:
    """Whether a place is another one, or stood in the text that was replaced as a whole and in which that was found."""
    return outer.start <= inner.start and inner.end <= outer.end
