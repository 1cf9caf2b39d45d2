"""Which formats a report can be written in, by name and by suffix. A writer is imported when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import PurePath
from typing import cast

from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome

#: A report, and what became of each finding, as one text with a final newline.
Writer = Callable[[Report, Sequence[Outcome]], str]

#: Name of a format -> `module:function` below this package.
_WRITERS = {
    "json": "json:write_json",
    "sarif": "sarif:write_sarif",
    "github": "github:write_github",
    "gitlab": "gitlab:write_gitlab",
    "junit": "junit:write_junit",
    "markdown": "markdown:write_markdown",
    "html": "html:write_html",
}
#: What `--output-format` takes; the page is for a file.
PRINTED = ("text", *(name for name in _WRITERS if name != "html"))
#: What `--report FILE` writes, by the name's end.
BY_SUFFIX = {".json": "json", ".sarif": "sarif", ".md": "markdown", ".html": "html", ".xml": "junit"}


def writer(name: str) -> Writer:
    """The writer of a format. Raises `KeyError` for an unknown name."""
    module, _, function = _WRITERS[name].partition(":")
    return cast(Writer, getattr(import_module(f"torchfix_codemods.report.{module}"), function))


def format_of(file: PurePath) -> str | None:
    """The name of the format in which a file of this name is written, None where its suffix says nothing."""
    return BY_SUFFIX.get(file.suffix.lower())
