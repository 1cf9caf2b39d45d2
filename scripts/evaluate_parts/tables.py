"""Figures for people: aligned columns, or a table for the README."""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[object]]) -> str:
    """The rows as columns of one width each; the first row is the heading."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in texts) for column in range(len(texts[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in texts)
    return "\n".join(lines)


def markdown(rows: Sequence[Sequence[object]]) -> str:
    """The rows as a Markdown table; the first row is the heading."""
    heading, *rest = (f"| {' | '.join(map(str, row))} |" for row in rows)
    return "\n".join([heading, "|---" * len(rows[0]) + "|", *rest])


def share(part: int, whole: int) -> str:
    """A share with two decimals, `-` of nothing."""
    return f"{part / whole:.2f}" if whole else "-"
