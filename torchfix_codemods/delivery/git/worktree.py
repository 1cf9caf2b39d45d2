"""From the bytes in a work tree to those that git would keep, without running a filter."""

from __future__ import annotations


def worktree_form(new: bytes, raw: bytes, blob: bytes) -> bytes | None:
    """What to commit for a file of the work tree that held `raw`, is `new` now, and is `blob` in the last commit.

    The three ways in which git writes a file out: as it is; with CRLF for LF (`core.autocrlf`, `eol=crlf`), which is
    turned back; or through a filter (Git LFS, nbstripout, `$Id$`, another encoding). The last gives None: the filter
    is a program of the person's settings, and running it is not ours to decide.
    """
    if raw == blob:
        return new
    return new.replace(b"\r\n", b"\n") if raw == _with_crlf(blob) else None


def _with_crlf(blob: bytes) -> bytes | None:
    """`blob` as git writes it out where lines end in CRLF; None where it has CRs, and git leaves it alone."""
    return None if b"\r" in blob else blob.replace(b"\n", b"\r\n")
