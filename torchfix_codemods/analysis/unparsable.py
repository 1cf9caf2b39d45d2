"""Texts that Python cannot parse, and why: what is said of a file that is skipped."""

from __future__ import annotations

import ast
import re
import warnings

from torchfix_codemods.findings import Skipped


def quietly_parsed(text: str) -> ast.Module:
    """The tree of a text, without a word about the user's invalid escapes: they are not ours to print."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def unparsable(path: str, text: str) -> Skipped | None:
    """Why a text cannot be parsed; None where it can."""
    try:
        quietly_parsed(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return skipped(path, error)
    return None


def skipped(path: str, error: Exception) -> Skipped:
    """A file that was not analysed for an error of the parser."""
    match error:
        case SyntaxError():
            reason, detail = "syntax-error", f"line {error.lineno}: {error.msg}{_renamed(error)}"
            if "too many" in (error.msg or ""):
                reason = "too-deep"
        case ValueError():
            reason, detail = "syntax-error", str(error)
        case _:
            reason, detail = "too-deep", "nested more deeply than Python's own parser can follow"
    return Skipped(path, reason, detail)


def _renamed(error: SyntaxError) -> str:
    """What to write instead, where a program of before Python 3.7 uses a word that has become a keyword since."""
    old = re.search(r"\basync\s*=", error.text or "")
    return " (`async` is a keyword since Python 3.7: torch calls it non_blocking today)" if old else ""
