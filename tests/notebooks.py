"""Notebooks for tests, in every way in which their JSON may be written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

PYTHON = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
PICTURE = {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo=" * 50 + "\n"}, "metadata": {}}


def code(source: str, *, as_list: bool = True, **more: Any) -> dict[str, Any]:
    """A code cell that has an output."""
    lines: Any = source.splitlines(keepends=True) if as_list else source
    cell = {"cell_type": "code", "execution_count": 7, "metadata": {}, "outputs": [PICTURE], "source": lines}
    return cell | more


def prose(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": [source]}


def notebook(*cells: str | dict[str, Any], metadata: Any = None, nbformat: int = 4, **style: Any) -> bytes:
    """The bytes of a notebook, in the style of Jupyter unless `style` (of `json.dumps`) says otherwise."""
    whole = {
        "cells": [code(cell) if isinstance(cell, str) else cell for cell in cells],
        "metadata": PYTHON if metadata is None else metadata,
        "nbformat": nbformat,
        "nbformat_minor": 5,
    }
    text = json.dumps(whole, **{"indent": 1, "ensure_ascii": False, **style}) + "\n"
    return text.encode("utf-8", "surrogatepass")


def sources(raw: bytes) -> list[str]:
    """The sources of all cells."""
    return ["".join(cell["source"]) for cell in json.loads(raw.decode("utf-8-sig"))["cells"]]


def besides_sources(raw: bytes) -> Any:
    """All that a notebook holds but the sources of its code cells, in the order of its keys."""
    whole = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=list)
    for key, cells in whole:
        if key == "cells":
            for cell in cells:
                if ("cell_type", "code") in cell:
                    cell[:] = [(name, None if name == "source" else value) for name, value in cell]
    return whole


def lines_changed(before: bytes, after: bytes) -> Sequence[tuple[bytes, bytes]]:
    """Pairs of lines that differ, of texts with as many lines."""
    pairs = zip(before.split(b"\n"), after.split(b"\n"), strict=True)
    return [(old, new) for old, new in pairs if old != new]
