"""The files and the log of a step, as the runner reads them."""

from __future__ import annotations

import re


def read_outputs(text: str) -> dict[str, str]:
    """A file of outputs as the runner reads it: `name<<mark`, lines, `mark`."""
    found: dict[str, str] = {}
    lines = iter(text.split("\n")[:-1])
    for line in lines:
        name, mark = line.split("<<", 1)
        value: list[str] = []
        for inner in lines:
            if inner == mark:
                break
            value.append(inner)
        found[name] = "\n".join(value)
    return found


def obeyed(log: str) -> list[str]:
    """The lines of a log that a runner takes for commands: none between stop-commands and its mark."""
    mark, found = None, []
    for line in re.split(r"\r\n|\r|\n", log):
        stripped = line.lstrip()
        if mark is not None:
            mark = None if stripped == f"::{mark}::" else mark
        elif stripped.startswith("::stop-commands::"):
            mark = stripped.removeprefix("::stop-commands::")
        elif stripped.startswith("::") or "##[" in line:
            found.append(line)
    assert mark is None, "the runner was left deaf"
    return found
