"""A hidden state that goes from one round to the next with its graph."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.analysis.values import ClassRef, External, FunctionRef
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules._retain_fate import Fate
from torchfix_codemods.rules._retain_proof import proved
from torchfix_codemods.rules._retain_text import loads, stored, without_retain

Loop = ast.For | ast.AsyncFor | ast.While


def cut_between_rounds(fate: Fate, project: Project) -> list[Edit]:
    """`h = h.detach()` at the start of the round, and no kept graph."""
    file, call = fate.moment.file, fate.moment.node
    assert isinstance(call, ast.Call)
    edits = without_retain(file, call)
    last: verbs.CannotRewrite | None = None
    for loop in _loops(file, call):
        names = _carried(loop)
        if not names:
            continue
        lines = [line for name in names for line in _detached(file, project, loop, name)]
        try:
            return proved(project, fate, file, [*edits, *verbs.insert_before(file, loop.body[0], lines)])
        except verbs.CannotRewrite as error:
            last = error
    raise last or verbs.CannotRewrite("no variable was found that carries the graph to the next round")


def _loops(file: ParsedFile, node: ast.AST) -> Iterator[Loop]:
    """The loops around a node in its function, innermost first."""
    current = file.parents.get(node)
    while current is not None and not isinstance(current, FunctionNode | ast.Module):
        if isinstance(current, ast.For | ast.AsyncFor | ast.While):
            yield current
        current = file.parents.get(current)


def _carried(loop: Loop) -> list[str]:
    """The variables that a round reads before it binds them, in the order of the text, and binds later."""
    targets = set() if isinstance(loop, ast.While) else stored(loop.target)
    found: dict[str, None] = {}
    known = set(targets)
    bound = {name for statement in loop.body for name in stored(statement)}
    for statement in loop.body:
        own = stored(statement.target) if isinstance(statement, ast.For | ast.AsyncFor) else set()
        for name in sorted(loads(statement) - known - own):
            if name in bound and not _only_adds(loop, name):
                found[name] = None
        known |= stored(statement)
    return list(found)


def _only_adds(loop: Loop, name: str) -> bool:
    """Whether a round only adds to a variable: a counter, a sum for the log."""
    stores = [n for s in loop.body for n in walk(s) if isinstance(n, ast.Name) and n.id == name]
    sums = [n.target for s in loop.body for n in walk(s) if isinstance(n, ast.AugAssign)]
    return all(node in sums for node in stores if isinstance(node.ctx, ast.Store))


def _detached(file: ParsedFile, project: Project, loop: Loop, name: str) -> list[str]:
    """The lines that cut a variable from its graph, by what it is when the loop begins."""
    first = _before(file, loop, name)
    kind = "" if first is None else _kind(file, project, first, loop)
    plain, many = f"{name} = {name}.detach()", f"{name} = tuple(part.detach() for part in {name})"
    if isinstance(first, ast.Constant) and first.value is None and kind:
        return [f"if {name} is not None:", f"    {many if kind == 'tuple' else plain}"]
    if kind:
        return [many if kind == "tuple" else plain]
    raise verbs.CannotRewrite(f"it is not clear whether `{name}` is a tensor or a tuple of them")


def _before(file: ParsedFile, loop: Loop, name: str) -> ast.expr | None:
    """What the variable is bound to last before the loop."""
    scope = file.enclosing_function(loop) or file.tree
    values = [
        node.value
        for node in ast.walk(scope)
        if isinstance(node, ast.Assign)
        and node.lineno < loop.lineno
        and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)
    ]
    return max(values, key=lambda value: value.lineno, default=None)


def _kind(file: ParsedFile, project: Project, value: ast.expr, loop: Loop) -> str:
    """ "tuple", "tensor", or "" where that is not clear."""
    match value:
        case ast.Tuple():
            return "tuple"
        case ast.Constant(value=None):
            return _kind_of_cell(file, project, loop)
        case ast.Call():
            return _kind_of_call(file, project, value)
        case _:
            return ""


def _kind_of_call(file: ParsedFile, project: Project, call: ast.Call) -> str:
    found = project.resolve(file, call.func)
    if isinstance(found, External):
        return "tensor" if found.name.startswith("torch.") and found.name.rpartition(".")[2] in _MAKERS else ""
    ref = found if isinstance(found, FunctionRef) else _method(file, project, call)
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("cuda", "to", "detach", "clone", "float"):
        inner = call.func.value
        return _kind_of_call(file, project, inner) if isinstance(inner, ast.Call) else ""
    if ref is None or (other := project.parse_whole(ref.path)) is None:
        return ""
    function = other.function_at(ref.line, ref.column)
    returned = [n.value for n in ast.walk(function) if isinstance(n, ast.Return) and n.value is not None]
    kinds = {_kind(other, project, value, _NOWHERE) for value in returned}
    return kinds.pop() if len(kinds) == 1 else ""


def _method(file: ParsedFile, project: Project, call: ast.Call) -> FunctionRef | None:
    """`model.init_hidden()`: the method of that name, where the model is constructed in this file."""
    if not isinstance(call.func, ast.Attribute) or not isinstance(call.func.value, ast.Name):
        return None
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Assign) and any(file.source(t) == call.func.value.id for t in node.targets):
            made: ast.expr = node.value
            while (
                isinstance(made, ast.Call)
                and isinstance(made.func, ast.Attribute)
                and isinstance(made.func.value, ast.Call)
            ):
                made = made.func.value
            cls = project.resolve(file, made.func) if isinstance(made, ast.Call) else None
            if isinstance(cls, ClassRef):
                return project.method(cls, call.func.attr)
    return None


def _kind_of_cell(file: ParsedFile, project: Project, loop: Loop) -> str:
    """By the recurrent layers that this file, or the classes it uses, construct."""
    names = {
        name
        for path in project.paths
        if (path == file.path or _uses(file, path)) and (text := project.read(path)) is not None
        for name in ("LSTM", "GRU", "RNN")
        if f"nn.{name}(" in text or f"nn.{name}Cell(" in text
    }
    if names == {"LSTM"}:
        return "tuple"
    return "tensor" if names and "LSTM" not in names else ""


def _uses(file: ParsedFile, path: str) -> bool:
    stem = path.removesuffix(".py").rpartition("/")[2]
    return f"import {stem}" in file.text or f"from {stem}" in file.text or f".{stem} import" in file.text


_MAKERS = ("zeros", "randn", "rand", "ones", "zeros_like", "empty", "full")
_NOWHERE = ast.While(test=ast.Constant(True), body=[], orelse=[])
