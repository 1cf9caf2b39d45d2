"""TFC104: NLL wants log-probabilities and BCE probabilities; they get probabilities, or raw scores."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.program import program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.findings import Finding, Location
from torchfix_codemods.rules import ours
from torchfix_codemods.rules._activation_flow import project_says
from torchfix_codemods.rules._nll_of_probabilities import LOSS_WORD, of_logarithms, of_probabilities
from torchfix_codemods.rules._nll_of_scores import of_scores
from torchfix_codemods.rules._shared import is_test_code

_SOURCES = Topic.ACTIVATION | Topic.LOG


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Softmaxes of the file that go into NLL, and its losses that get the scores of a layer."""
    found = topics_of(project, file.path)
    if not found & (_SOURCES | Topic.LIKELIHOOD) or not project_says(project, LOSS_WORD):
        return
    yield from (finding for finding in _findings(file, project, found) if not _is_test(file, finding.location))


def _findings(file: ParsedFile, project: Project, found: Topic) -> Iterator[Finding]:
    program = program_for(project, file.path)
    if found & _SOURCES:
        yield from of_probabilities(program, file, project)
        yield from of_logarithms(program, file, project)
    if found & Topic.LIKELIHOOD:
        yield from of_scores(program, file, project)


def _is_test(file: ParsedFile, where: Location) -> bool:
    """Whether a place is in a test: random numbers that a loss is tested with need be no logarithms."""
    if where.path != file.path:
        return False
    functions = (n for n in walk(file.tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    around = [n for n in functions if file.span(n)[0] <= where.start < file.span(n)[1]]
    return is_test_code(file, max(around, key=lambda n: file.span(n)[0]) if around else None)


RULE = ours("TFC104")
