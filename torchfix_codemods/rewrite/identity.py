"""The same finding, known again in the text of a later pass.

Fingerprints count occurrences, so once the first of two alike lines is repaired the second one inherits its
fingerprint. A plan that trusted them would make a fix which somebody has rejected. What a finding can be
known by is its place in the original text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, count

from torchfix_codemods.findings import Finding, Location
from torchfix_codemods.rewrite.compose import Origins, PlannedEdit, planned_by_path

_Place = tuple[str, str, int, int]
_Key = tuple[_Place, int]


class Identities:
    """Hands out ids that stay the same through all passes, and in every plan for the same files.

    Findings of the first pass have their own; what only comes up later is named after its place.
    """

    def __init__(self) -> None:
        self._ids: dict[_Key, str] = {}
        self._places: dict[str, _Place] = {}

    def name(self, findings: Sequence[Finding], made: Iterable[PlannedEdit]) -> list[Finding]:
        """The findings with their lasting ids; `made` are the edits behind the text they were found in."""
        origins = {path: Origins(edits) for path, edits in planned_by_path(made).items()}
        keys = _numbered(_original_place(finding, origins) for finding in findings)
        propose = _place_name if self._ids else _own_name
        taken = {self._ids[key] for key in keys if key in self._ids}
        for finding, key in zip(findings, keys, strict=True):
            if key not in self._ids:
                again = finding.id not in taken and self._swallowed(finding.id, key[0])
                name = finding.id if again else propose(finding, key, self._places)
                self._ids[key] = name
                self._places.setdefault(name, key[0])
                taken.add(name)
        return [replace(finding, id=self._ids[key]) for finding, key in zip(findings, keys, strict=True)]

    def _swallowed(self, name: str, place: _Place) -> bool:
        """Whether the finding of this name stood inside a range that was rewritten as a whole, now known as `place`."""
        if name not in self._places:
            return False
        code, path, start, end = self._places[name]
        return (code, path) == place[:2] and place[2] <= start and end <= place[3]


def at_origin(findings: Iterable[Finding], made: Iterable[PlannedEdit]) -> Iterator[Finding]:
    """The findings with the places of the original text behind theirs; `made` are the edits since then."""
    origins = {path: Origins(edits) for path, edits in planned_by_path(made).items()}

    def original(place: Location) -> Location:
        known = origins.get(place.path)
        return place if known is None else Location(place.path, *known.span(place.start, place.end))

    for finding in findings:
        steps = tuple(replace(step, location=original(step.location)) for step in finding.steps)
        yield replace(finding, location=original(finding.location), steps=steps)


def _own_name(finding: Finding, key: _Key, used: Container[str]) -> str:
    names = chain([finding.id], (f"{finding.id}~{number}" for number in count(2)))
    return next(name for name in names if name not in used)


def _place_name(finding: Finding, key: _Key, used: Container[str]) -> str:
    from hashlib import sha1  # dear to import, and most runs over clean code find nothing

    return sha1(repr(key).encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()[:16]


def _numbered(places: Iterable[_Place]) -> list[_Key]:
    seen: Counter[_Place] = Counter()
    keys = []
    for place in places:
        seen[place] += 1
        keys.append((place, seen[place]))
    return keys


def _original_place(finding: Finding, origins: dict[str, Origins]) -> _Place:
    path, start, end = finding.location.path, finding.location.start, finding.location.end
    if path in origins:
        start, end = origins[path].span(start, end)
    return finding.code, path, start, end
