"""Does a rewrite of backward passes hold? The new text is walked once more."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from torchfix_codemods.analysis.graphs.values import Moment
from torchfix_codemods.analysis.graphs.walk import Walk, walked
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.values import ClassRef, FunctionRef
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.edits import apply_edits, merge
from torchfix_codemods.rewrite.verbs import CannotRewrite
from torchfix_codemods.rules._retain_fate import Fate, Root, made_stale
from torchfix_codemods.rules._retain_text import RETAIN


def proved(project: Project, fate: Fate, file: ParsedFile, edits: Iterable[Edit]) -> list[Edit]:
    """The edits, if the pass of a fate and its next one run afterwards, and no other pair fails that ran before.

    Raises `CannotRewrite` if not.
    """
    merged = merge(edits)
    try:
        text = apply_edits(file.text, merged)
    except ValueError as error:
        raise CannotRewrite("the changes would disturb one another") from error
    changed = Project(project.paths, lambda path: text if path == file.path else project.read(path))
    walk = walked(changed, _moved(changed, fate.root, file))
    own = _ordinal(fate.moment)
    before = {pair for pair in _failing(fate.walk) if own not in pair}
    if not walk.complete or not _failing(walk) <= before:
        raise CannotRewrite("no order of the statements was found in which every pass has its graph")
    return merged


_Pass = tuple[str, int]


def _failing(walk: Walk) -> set[tuple[_Pass, _Pass]]:
    """The pairs of passes of which the second finds no graph, or changed parameters."""
    found = set()
    passes = [(i, m) for i, m in enumerate(walk.moments) if m.kind in ("backward", "grad")]
    for index, moment in passes:
        for number, later in passes:
            if number <= index or later.excludes(moment) or not later.graph.nodes & moment.graph.nodes:
                continue
            steps = [m for m in walk.moments[index + 1 : number] if m.kind == "step"]
            if not keeps(moment.node) or any(made_stale(walk, later, step) for step in steps):
                found.add((_ordinal(moment), _ordinal(later)))
    return found


def _ordinal(moment: Moment) -> _Pass:
    """A pass by its place among the calls of its name in the file: no rewrite changes their number or order."""
    known: dict[ast.AST, int] = {}
    for node in ast.walk(moment.file.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _NAMES:
            known[node] = len(known)
    return moment.file.path, known.get(moment.node, -1)


_NAMES = ("backward", "grad")


def keeps(node: ast.AST) -> bool:
    """Whether a pass says that its graph is kept."""
    assert isinstance(node, ast.Call)
    words = (*RETAIN, "create_graph")
    return len(node.args) > 1 or any(keyword.arg in words for keyword in node.keywords)


def _moved(project: Project, root: Root, file: ParsedFile) -> Root:
    """The root in the new text, where lines have moved."""
    new = project.parse_whole(file.path)
    if new is None:
        raise CannotRewrite("the new text cannot be parsed")
    if not isinstance(root, FunctionRef):
        return new if root.path == file.path else root
    if root.path != file.path:
        return root
    index = [node.lineno for node in _functions(file.tree, root.name)].index(root.line)
    node = _functions(new.tree, root.name)[index]
    holder = new.enclosing_class(node)
    owner = None if root.owner is None or holder is None else ClassRef(file.path, root.owner.name, holder.lineno)
    return FunctionRef(file.path, root.name, node.lineno, node.col_offset, owner)


def _functions(tree: ast.AST, name: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return [node for node in ast.walk(tree) if isinstance(node, kinds) and node.name == name]
