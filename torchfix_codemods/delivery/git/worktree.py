"""From the bytes in a work tree to those that git would keep, without running a filter."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path


def worktree_form(new: bytes, raw: bytes, blob: bytes) -> bytes | None:
    """What to commit for a file of the work tree that held `raw`, is `new` now, and is `blob` in the last commit.

    The three ways in which git writes a file out: as it is; with CRLF for LF (`core.autocrlf`, `eol=crlf`), which is
    turned back; or through a filter (Git LFS, nbstripout, `$Id$`, another encoding). The last gives None: the filter
    is a program of the person's settings, and running it is not ours to decide.
    """
    if raw == blob:
        return new
    return new.replace(b"\r\n", b"\n") if raw == with_crlf(blob) else None


def with_crlf(blob: bytes) -> bytes | None:
    """`blob` as git writes it out where lines end in CRLF; None where it has CRs, and git leaves it alone."""
    return None if b"\r" in blob else blob.replace(b"\n", b"\r\n")


def blob_id(content: bytes, id_length: int) -> str:
    """The id that git gives `content`; `id_length` is that of the repository's ids in hex digits (40 or 64)."""
    digest = hashlib.sha1 if id_length == 40 else hashlib.sha256
    return digest(b"blob %d\0" % len(content) + content).hexdigest()


def plain_bytes(path: Path) -> bytes | None:
    """The bytes of a regular file, None where there is none or a link stands in its place."""
    # Links are not followed, a pipe doesn't hang, and Windows changes no line ends.
    flags = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
    try:
        file = os.open(path, os.O_RDONLY | flags)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        return None
    with os.fdopen(file, "rb") as opened:
        return opened.read()
