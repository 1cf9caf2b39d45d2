"""What a rule is: a name for people, a stable code, and one stateless function. Its page stands beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from torchfix_codemods.findings import Finding, Level

if TYPE_CHECKING:
    from torchfix_codemods.analysis.parsed import ParsedFile
    from torchfix_codemods.analysis.project import Project

Check = Callable[["ParsedFile", "Project"], Iterator[Finding]]

#: Headings (level 2) without which a page is not complete.
REQUIRED_SECTIONS = ("Why", "What changes", "Safety", "Examples")


@dataclass(frozen=True)
class Rule:
    """One known mistake.

    `level` is the highest that a default fix of the rule has; a finding carries its own. `check` keeps no state: it is
    called once per candidate file, in any order and in any process, and hands out findings whose `id` is empty.
    """

    code: str
    name: str
    summary: str
    level: Level
    check: Check

    @property
    def page_path(self) -> Path:
        """Where the page stands: beside the module of `check`, named as the rule is."""
        module_file = import_module(self.check.__module__).__file__
        assert module_file is not None, "a rule's check is a function of a module"
        return Path(module_file).with_name(self.name.replace("-", "_") + ".md")

    def page(self) -> Page:
        """The rule's page. Raises `OSError` where a third party's rule has none."""
        return read_page(self.page_path.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Page:
    """A rule's Markdown page: explanation, documentation, pull request text and test cases at once."""

    title: str
    text: str
    sections: dict[str, str]

    @property
    def missing(self) -> tuple[str, ...]:
        """The required headings that the page lacks, or under which it says nothing."""
        return tuple(heading for heading in REQUIRED_SECTIONS if not self.sections.get(heading))


def read_page(text: str) -> Page:
    """Cut a page at its headings of level 2; what looks like a heading inside a code fence is none."""
    title, heading, fence = "", "", ""
    bodies: dict[str, list[str]] = {"": []}
    for line in text.splitlines():
        mark = re.match(r"\s*(`{3,}|~{3,})", line)
        if mark and (not fence or line.strip() == fence):
            fence = "" if fence else mark[1]
        if not fence and line.startswith("# ") and not title:
            title = line[2:].strip()
        elif not fence and line.startswith("## "):
            heading = line[3:].strip()
            bodies.setdefault(heading, [])
        else:
            bodies[heading].append(line)
    return Page(title, text, {name: "\n".join(body).strip() for name, body in bodies.items()})
