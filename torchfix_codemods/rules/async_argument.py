"""TFC501: an argument by the name `async`, which has been a keyword of Python since 3.7."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Edit, Finding, Level, Step
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules import ours
from torchfix_codemods.rules._shared import propose
from torchfix_codemods.source.old_names import METHODS, STAND_IN

IDENTITY = ("TFC501", "async-argument")
NEW_NAME = "non_blocking"


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Every call of torch's that has such an argument."""
    if Topic.OLD_NAME not in topics_of(project, file.path):
        return
    file.fill_functions_with(STAND_IN)
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            yield from (_finding(file, node, keyword) for keyword in node.keywords if keyword.arg == STAND_IN)


def _finding(file: ParsedFile, call: ast.Call, keyword: ast.keyword) -> Finding:
    def build() -> list[Edit]:
        return verbs.rename_keyword(file, call, STAND_IN, NEW_NAME)

    location = file.location(keyword)
    return propose(
        IDENTITY,
        Level.CRASH_FIX,
        location,
        "`async` is a keyword since Python 3.7: the whole file is a syntax error",
        [Step(location, f"torch calls this argument `{NEW_NAME}` since 0.4.1")],
        f"Call the argument `{NEW_NAME}`",
        build,
    )


RULE = ours(IDENTITY[0])
