"""The mark at the end of a pull request's body: what we know of it at the next run.

Everybody who may edit the body can change it, so it is read as strictly as any foreign file, and whoever uses it may
only do less because of it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields, replace

_MARK = re.compile(r"<!-- torchfix:v1 ([A-Za-z0-9+/=]*) -->")
_ENCODED = 32_000
_SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_HASH = re.compile(r"[0-9a-f]{64}")
_ID = re.compile(r"[0-9a-f]{16}")
_LABEL = 50
_TRIED = 8
#: No mark holds more findings and labels than that.
MOST_IDS = 500
MOST_LABELS = 20


@dataclass(frozen=True)
class Marker:
    """What a pull request is about.

    `base` and `head` are commits: that which the fixes stand on, and the last of ours. `fingerprints` are the ids of
    the findings; `title` and `body` are hashes of the texts that we gave it; `labels` are all that we ever gave it.
    `tried` are commits that we set out to put in the place of `head`, without having come to the end of it.
    """

    base: str
    head: str
    fingerprints: tuple[str, ...]
    title: str
    body: str
    labels: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()

    def trying(self, sha: str) -> Marker:
        """The mark for the time in which the branch may be at `sha` already, and may still be where it was."""
        return replace(self, tried=(*self.tried, sha)[-_TRIED:])

    def __str__(self) -> str:
        """The mark as it stands in a body: an HTML comment, invisible to readers."""
        data = json.dumps(asdict(self), sort_keys=True, separators=(",", ":")).encode()
        # Not the alphabet for addresses: `--` must not occur inside of a comment.
        return f"<!-- torchfix:v1 {base64.b64encode(data).decode('ascii')} -->"


def hash_of(text: str) -> str:
    """The hash of a title or of a body (without its mark); how lines end does not count."""
    return hashlib.sha256(text.replace("\r\n", "\n").encode("utf-8", "surrogatepass")).hexdigest()


def read_marker(body: str) -> Marker | None:
    """The last mark of a body; None where there is none or anything about it is odd."""
    marks = list(_MARK.finditer(body))
    if not marks or len(marks[-1][1]) > _ENCODED:
        return None
    try:
        told = json.loads(base64.b64decode(marks[-1][1], validate=True))
    except (ValueError, binascii.Error, RecursionError):
        return None
    return _checked(told) if isinstance(told, dict) else None


def with_marker(body: str, marker: Marker) -> str:
    """`body` with its last mark replaced by another; a body without any gets it as its last line."""
    marks = list(_MARK.finditer(body))
    if not marks:
        return f"{body.rstrip()}\n\n{marker}\n"
    return body[: marks[-1].start()] + str(marker) + body[marks[-1].end() :]


def without_marker(body: str) -> str:
    """`body` without its last mark and the blanks around it."""
    marks = list(_MARK.finditer(body))
    return (body[: marks[-1].start()].rstrip() + body[marks[-1].end() :]).rstrip() if marks else body.rstrip()


def _checked(told: dict[str, object]) -> Marker | None:
    base, head = _match(told, "base", _SHA), _match(told, "head", _SHA)
    title, body = _match(told, "title", _HASH), _match(told, "body", _HASH)
    ids, tried = _matches(told, "fingerprints", MOST_IDS, _ID), _matches(told, "tried", _TRIED, _SHA)
    labels = _texts(told, "labels", MOST_LABELS)
    known = {field.name for field in fields(Marker)}
    if not (base and head and title and body) or ids is None or tried is None or set(told) != known:
        return None
    if labels is None or not all(_is_label(label) for label in labels):
        return None
    return Marker(base, head, ids, title, body, labels, tried)


def _match(told: dict[str, object], key: str, pattern: re.Pattern[str]) -> str | None:
    value = told.get(key)
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _matches(told: dict[str, object], key: str, most: int, pattern: re.Pattern[str]) -> tuple[str, ...] | None:
    texts = _texts(told, key, most)
    return texts if texts is not None and all(pattern.fullmatch(text) for text in texts) else None


def _texts(told: dict[str, object], key: str, most: int) -> tuple[str, ...] | None:
    value = told.get(key)
    if not isinstance(value, list) or len(value) > most:
        return None
    texts = tuple(item for item in value if isinstance(item, str))
    return texts if len(texts) == len(value) else None


def _is_label(text: str) -> bool:
    return 0 < len(text) <= _LABEL and text.isprintable()
