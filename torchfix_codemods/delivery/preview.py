"""What would be opened, as text for people: titles, bodies, commits with their patches, and the planned calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torchfix_codemods.delivery.body import text
from torchfix_codemods.delivery.model import Chapter, Proposal
from torchfix_codemods.source.errors import printable

_RULE = b"-" * 100 + b"\n"
_MARKER = "<!-- torchfix:v1 ... -->"


def preview(proposals: Iterable[Proposal], planned: Iterable[str]) -> bytes:
    """All of it; the patches byte for byte as `git apply` takes them, one on top of the other."""
    pieces = [piece for proposal in proposals if proposal.chapters for piece in _proposal(proposal)]
    calls = list(planned)
    lines = [*(f"    {printable(line)}" for line in calls), *([] if calls else ["    nothing"])]
    return b"".join([*pieces, _RULE, _encoded("planned calls:\n" + "\n".join(lines) + "\n")])


def _proposal(proposal: Proposal) -> Iterator[bytes]:
    yield _RULE
    yield _encoded(f"title: {text.title(proposal)}\n")
    yield _encoded(f"\n{text.body(proposal, _MARKER)}\n")
    for number, chapter in enumerate(proposal.chapters, 1):
        yield from _commit(chapter, f"commit {number} of {len(proposal.chapters)}")


def _commit(chapter: Chapter, name: str) -> Iterator[bytes]:
    files = ", ".join(map(printable, sorted(chapter.files)))
    yield _RULE
    yield _encoded(f"{name}: {files}\n\n{text.message(chapter)}\n")
    yield chapter.patch


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
