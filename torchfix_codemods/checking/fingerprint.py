"""One finding per mistake, in the order of the files, each with an id that survives shifted lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

from torchfix_codemods.findings import Finding, Location

_Place = tuple[str, Location]


def settle(
    findings: Iterable[Finding], text_of: Callable[[str], str], name_of: Callable[[str], str] = lambda path: path
) -> list[Finding]:
    """The findings sorted by place, duplicates removed, ids filled in.

    `text_of` gives the text of a shown path, `name_of` the name by which ids know it (see `stable_paths`).

    Two files that use one model find its mistake twice; of the two the more cautious stays: no fix rather than a fix,
    the higher level rather than the lower.
    """
    kept: dict[_Place, Finding] = {}
    for finding in findings:
        place = (finding.rule, finding.location)
        if place not in kept or _caution(finding) > _caution(kept[place]):
            kept[place] = finding
    ordered = sorted(kept.values(), key=lambda finding: (finding.location, finding.code))
    return _identified(ordered, text_of, name_of)


def _caution(finding: Finding) -> tuple[bool, int]:
    return finding.fix is None, finding.level


def _identified(
    findings: Iterable[Finding], text_of: Callable[[str], str], name_of: Callable[[str], str]
) -> list[Finding]:
    """An id is a hash of the rule, the path, the first line of the place without its spacing, and a running number."""
    seen: Counter[tuple[str, str, str]] = Counter()
    result = []
    for finding in findings:
        path = finding.location.path
        key = (finding.rule, name_of(path), "".join(_line_at(text_of(path), finding.location.start).split()))
        seen[key] += 1
        result.append(replace(finding, id=_hashed("\0".join((*key, str(seen[key]))))))
    return result


def _hashed(text: str) -> str:
    from hashlib import sha1  # dear to import, and most runs over clean code find nothing

    return sha1(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()[:16]


def _line_at(text: str, offset: int) -> str:
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    ends = [end for end in (text.find("\n", offset), text.find("\r", offset)) if end != -1]
    return text[start : min(ends, default=len(text))]
