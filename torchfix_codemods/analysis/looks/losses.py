"""Which losses of a file may get the scores of a layer? What each gets is followed backward, by names.

Only a loss that wants (log-)probabilities, and certainly gets a layer's scores, is a finding of these words.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torchfix_codemods.analysis.looks.backward import may_be_scores
from torchfix_codemods.analysis.looks.bodies import Body, last_name
from torchfix_codemods.analysis.looks.calling import CallSite, Handle
from torchfix_codemods.analysis.looks.definitions import Definitions
from torchfix_codemods.analysis.looks.functions import Unclear
from torchfix_codemods.analysis.looks.things import Things
from torchfix_codemods.analysis.looks.words import is_definition, is_import, is_prose
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trees import walk

_NAMES = frozenset("nll_loss nll_loss2d NLLLoss NLLLoss2d binary_cross_entropy BCELoss".split())
_WORD = re.compile(r"(?<!\w)(?:nll_loss(?:2d)?|NLLLoss(?:2d)?|BCELoss|binary_cross_entropy)\b")


def may_get_scores(project: Project, path: str) -> bool:
    """Whether a loss on (log-)probabilities that is made or called in a file may get the scores of a layer."""
    try:
        return _Losses(project).get_scores(path)
    except Unclear:
        return True


class _Losses:
    """The losses on likelihoods of a project."""

    def __init__(self, project: Project) -> None:
        self.project = project
        known = project.memory.get("definitions")
        if not isinstance(known, Definitions):
            known = project.memory["definitions"] = Definitions(project)
        self.definitions = known
        self.things = Things(self.definitions)

    def get_scores(self, path: str) -> bool:
        """Whether some loss that is written in a file may get a layer's scores."""
        text = self.project.read(path) or ""
        seen: dict[int, Body] = {}
        for match in _WORD.finditer(text):
            if is_definition(text, match.start()) or is_import(text, match):
                continue
            body = self._around(path, text, match)
            if body is not None and id(body) not in seen:
                seen[id(body)] = body
                if any(self._gets_scores(site) for site in self._sites(body)):
                    return True
        return False

    def _around(self, path: str, text: str, match: re.Match[str]) -> Body | None:
        self.definitions.begin()
        try:
            return self.definitions.around(path, match.start())
        except Unclear:
            if is_prose(text, match):
                return None
            raise

    def _sites(self, body: Body) -> Iterator[CallSite]:
        """The calls of the losses that are written in a function."""
        for node in walk(body.node):
            if isinstance(node, ast.Constant) and node.value in _NAMES and _is_asked_for(node, body):
                raise Unclear
            if last_name(node) in _NAMES and not _is_variable(node, body):
                yield from self._calls(node, body)

    def _gets_scores(self, site: CallSite) -> bool:
        """Whether the first argument of a loss may be scores; behind a star the interpreter knows nothing."""
        self.definitions.begin()
        node = site.node
        value = node.args[0] if node.args else next((k.value for k in node.keywords if k.arg == "input"), None)
        if value is None or isinstance(value, ast.Starred):
            return False
        return may_be_scores(value, site.body, self.things)

    def _calls(self, node: ast.AST, body: Body) -> Iterator[CallSite]:
        """The calls of a loss that is written here."""
        name = last_name(node)
        around = body.parents.get(node)
        is_class = name[:1].isupper()
        called = isinstance(around, ast.Call) and around.func is node
        if isinstance(around, ast.Call) and called and not is_class:
            yield CallSite(around, body, False)
            return
        if isinstance(around, ast.ClassDef):
            raise Unclear
        handles: list[Handle] = []
        for site, more in self.things.callers.used(node, body, Handle(name, int(is_class)), "forward"):
            handles += more
            if site is not None:
                yield site
        yield from self.things.callers.of_handles(handles, "forward")


def _is_variable(node: ast.AST, body: Body) -> bool:
    """Whether a name of a loss is that of a variable, an attribute that is set, or an argument's."""
    if isinstance(node, ast.Attribute):
        return isinstance(node.ctx, ast.Store)
    local = isinstance(node, ast.Name) and (node.id in body.names or node.id in body.parameters)
    around = body.parents.get(node)
    return local and not (isinstance(around, ast.Call) and around.func is node)


def _is_asked_for(node: ast.AST, body: Body) -> bool:
    """`getattr(F, "nll_loss")`."""
    around = body.parents.get(node)
    return isinstance(around, ast.Call) and last_name(around.func) in ("getattr", "attrgetter")
