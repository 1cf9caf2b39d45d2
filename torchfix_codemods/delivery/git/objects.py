"""What git's own objects say: entries of a tree, and commits."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

#: The modes of a plain file and of an executable one. Links (120000) and submodules (160000) are never touched.
PLAIN_MODES = frozenset({"100644", "100755"})

_PERSON = re.compile(r"(?P<name>.*) <(?P<mail>.*)> (?P<seconds>-?\d+) (?P<zone>\S+)")
_ZONE = re.compile(r"[+-]\d{4}")


@dataclass(frozen=True)
class Tracked:
    """A plain file of a commit: its mode and the id of its content."""

    mode: str
    blob: str


@dataclass(frozen=True)
class Person:
    """Who made a commit, and when: `date` is seconds since 1970 and a zone, as in `1700000000 +0100`."""

    name: str
    mail: str
    date: str


@dataclass(frozen=True)
class Commit:
    """One commit. `message` is whole, with its trailers."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str


def tree_entries(listed: bytes) -> Iterator[tuple[str, str, str]]:
    """Path, mode and id of each record of `ls-tree -z`."""
    for record in listed.split(b"\0"):
        if record:
            facts, _, path = record.partition(b"\t")
            mode, _, sha = facts.decode("ascii").split(" ", 2)
            yield os.fsdecode(path), mode, sha


def read_commit(sha: str, content: bytes) -> Commit:
    """The commit whose object (as of `cat-file commit`) is `content`. Raises `ValueError` for a damaged one."""
    head, _, message = content.decode("utf-8", "replace").partition("\n\n")
    lines = [line.partition(" ")[::2] for line in head.split("\n")]
    first = dict(reversed(lines))
    if not {"tree", "author", "committer"} <= set(first):
        raise ValueError(f"commit {sha} lacks a part")
    return Commit(
        sha=sha,
        tree=first["tree"],
        parents=tuple(value for name, value in lines if name == "parent"),
        author=_person(first["author"]),
        committer=_person(first["committer"]),
        message=message,
    )


def _person(text: str) -> Person:
    found = _PERSON.fullmatch(text)
    if found is None:
        raise ValueError(f"not a person and a date: {text}")
    # What git itself would make of an odd one in a new commit.
    zone = found["zone"] if _ZONE.fullmatch(found["zone"]) and found["zone"] != "-0000" else "+0000"
    return Person(found["name"], found["mail"], f"{found['seconds']} {zone}")
