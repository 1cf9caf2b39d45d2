"""Scans of folders of strangers' code: how much is found, how fast, and a sheet to label by hand."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from evaluate_parts.checking import Checked, Found, check, codes

COLUMNS = ("path", "line", "end_line", "rule", "level", "default", "message", "code", "label")


def scan(folders: Sequence[Path], root: Path) -> dict[str, Checked]:
    """Every folder, each as a project of its own. Raises `ValueError` for one that is none."""
    for folder in folders:
        if not folder.is_dir():
            raise ValueError(f"{folder}: not a folder")
    scanned = {}
    for folder in folders:
        name = os.path.relpath(folder, root).replace(os.sep, "/")
        scanned[name] = check(folder, prefix="" if name == "." else f"{name}/")
    return scanned


def rows(scanned: dict[str, Checked]) -> Iterator[tuple[object, ...]]:
    """Findings per rule, and per thousand lines."""
    lines = sum(checked.lines for checked in scanned.values())
    found = [found for checked in scanned.values() for found in checked.found]
    yield "rule", "name", "findings", "with a default fix", "findings per 1,000 lines"
    for code, name in codes().items():
        own = [one for one in found if one.code == code]
        per_thousand = f"{1000 * len(own) / lines:.3f}" if lines else "-"
        yield code, name, len(own), sum(one.default for one in own), per_thousand


def summary(scanned: dict[str, Checked]) -> Iterator[str]:
    """How much was read, what was skipped, how long it took."""
    every = list(scanned.values())
    yield (
        f"{len(every)} folders, {sum(c.files for c in every)} files, {sum(c.lines for c in every):,} lines, "
        f"{sum(c.seconds for c in every):.1f} s"
    )
    skipped: Counter[str] = Counter()
    for checked in every:
        skipped.update(checked.skipped)
    yield "skipped: " + (", ".join(f"{count} {reason}" for reason, count in skipped.most_common()) or "nothing")
    yield from (f"problem: {problem}" for checked in every for problem in checked.problems)


def write_sheet(scanned: dict[str, Checked], sheet: Path) -> None:
    """Every finding with an empty label: CSV, or JSONL by the suffix."""
    items = [_item(found) for checked in scanned.values() for found in checked.found]
    with sheet.open("w", encoding="utf-8", newline="") as file:
        if sheet.suffix == ".csv":
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(items)
        else:
            file.writelines(json.dumps(item, ensure_ascii=False) + "\n" for item in items)


def _item(found: Found) -> dict[str, object]:
    return {
        **{key: getattr(found, key) for key in ("path", "line", "end_line", "rule", "level", "default", "message")},
        "code": "\n".join(found.lines),
        "label": "",
    }
