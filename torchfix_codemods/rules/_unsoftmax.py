"""The rewrite of TFC101: take the activation off the way to the loss, and put it where its numbers are read."""

from __future__ import annotations

import ast
import re

from torchfix_codemods.analysis.activations import Flow
from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Place
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules._shared import node_of


def removal_edits(flow: Flow, file: ParsedFile, project: Project) -> list[Edit]:
    """All edits of the fix, in every file. Raises `CannotRewrite` with the reason where one is impossible."""
    if flow.activation.form == "sequential":
        return [*_from_sequential(flow, file, project), *_compensation(flow, project, flow.compensated)]
    call = _activation_call(flow, file)
    local, elsewhere = _split(flow, file, call)
    if local and _is_assigned(file, call):
        return [*_keep_for_readers(flow, file, call), *_compensation(flow, project, elsewhere)]
    removed = _take_off(flow, file, call)
    attribute = _attribute_line(flow, file, project, call)
    return [*removed, *attribute, *_compensation(flow, project, [*local, *elsewhere])]


def _activation_call(flow: Flow, file: ParsedFile) -> ast.Call:
    site = flow.activation.site
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call) and file.span(node) == (site.start, site.end):
            return node
    raise verbs.CannotRewrite("the activation was not found again in the text")


def _split(flow: Flow, file: ParsedFile, call: ast.Call) -> tuple[list[Place], list[Place]]:
    """Readers inside the function of the activation that read its variable there, and readers elsewhere."""
    function = file.enclosing_function(call)
    scope: ast.AST = function if function is not None else file.tree
    name = _target_name(file, call)
    inside: list[Place] = []
    outside: list[Place] = []
    for place in flow.compensated:
        node = node_of(file, place, ast.expr) if place.path == file.path else None
        same_scope = node is not None and file.enclosing_function(node) is function and _within(file, node, scope)
        reads_name = (
            node is not None
            and name is not None
            and any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node))
        )
        (inside if same_scope and reads_name else outside).append(place)
    return inside, outside


def _within(file: ParsedFile, node: ast.AST, scope: ast.AST) -> bool:
    current: ast.AST | None = node
    while current is not None:
        if current is scope:
            return True
        current = file.parents.get(current)
    return False


def _target_name(file: ParsedFile, call: ast.Call) -> str | None:
    """`probs` of `probs = F.softmax(...)`; None where the call is not the whole value of such an assignment."""
    parent = file.parents.get(call)
    match parent:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if value is call:
            return name
        case _:
            return None


def _is_assigned(file: ParsedFile, call: ast.Call) -> bool:
    return _target_name(file, call) is not None


# --- the activation goes -------------------------------------------------------------------------------------------


def _take_off(flow: Flow, file: ParsedFile, call: ast.Call) -> list[Edit]:
    """`F.softmax(x, 1)` becomes `x`; a statement `x = x` goes away."""
    operand = _operand(flow, call)
    name = _target_name(file, call)
    if name is not None and isinstance(operand, ast.Name) and operand.id == name:
        statement = file.enclosing_statement(call)
        return verbs.delete_statement(file, statement)
    if flow.activation.form == "method":
        return verbs.replace_with_receiver(file, call)
    return verbs.replace_with_argument(file, call)


def _operand(flow: Flow, call: ast.Call) -> ast.expr:
    if flow.activation.form == "method":
        assert isinstance(call.func, ast.Attribute)
        return call.func.value
    for keyword in call.keywords:
        if keyword.arg == "input":
            return keyword.value
    if not call.args or isinstance(call.args[0], ast.Starred):
        raise verbs.CannotRewrite("the input of the activation is not written as an argument")
    return call.args[0]


_BY_POSITION = re.compile(r"\.(?:named_)?children\(\)|\._modules\b|\.named_modules\(\)|\.modules\(\)\)?\[")


def _attribute_line(flow: Flow, file: ParsedFile, project: Project, call: ast.Call) -> list[Edit]:
    """Delete `self.softmax = nn.Softmax(dim=1)` where nothing else uses the attribute."""
    made_at = flow.activation.made_at
    if flow.activation.form != "module" or made_at is None or made_at.path != file.path:
        return []
    statement = _assignment_of(file, (made_at.start, made_at.end))
    if statement is None or (used := _uses_of_target(file, project, statement)) is None:
        return []
    # Whoever goes through the layers in their order counts on every one of them.
    walked = any(_BY_POSITION.search(project.read(path) or "") for path in (file.path, *project.importers(file.path)))
    return verbs.delete_statement(file, statement) if used <= 1 and not walked else []


def uses_of_module(file: ParsedFile, project: Project, made: ast.Call) -> int | None:
    """How often the attribute or variable is used that a module is put into where it is built; None if into neither."""
    statement = _assignment_of(file, file.span(made))
    return None if statement is None else _uses_of_target(file, project, statement)


def _assignment_of(file: ParsedFile, span: tuple[int, int]) -> ast.Assign | None:
    """The assignment of the value at a range of the text."""
    return next((n for n in ast.walk(file.tree) if isinstance(n, ast.Assign) and file.span(n.value) == span), None)


def _uses_of_target(file: ParsedFile, project: Project, statement: ast.Assign) -> int | None:
    match statement.targets:
        case [ast.Attribute(attr=attribute)]:
            return _attribute_uses(file, project, statement, attribute)
        case [ast.Name(id=name)]:
            return _name_uses(file, name)
        case _:
            return None


def _attribute_uses(file: ParsedFile, project: Project, statement: ast.stmt, attribute: str) -> int:
    """How often the attribute is read: in its class through self, anywhere else through anything."""
    cls = file.enclosing_class(statement)
    if cls is None:
        return 99
    inside = sum(
        isinstance(n, ast.Attribute) and n.attr == attribute and isinstance(n.ctx, ast.Load) for n in ast.walk(cls)
    )
    pattern = re.compile(rf"(?<!self)\.{re.escape(attribute)}\b(?!\()")
    named = re.compile(rf"[\"'.]{re.escape(attribute)}[\"'.]")  # getattr(self, "softmax"), "head.softmax.weight"
    subclassed = re.compile(rf"class \w+\([^)]*\b{re.escape(cls.name)}\b")
    for path in (file.path, *project.importers(file.path)):
        text = project.read(path) or ""
        own = file.source(cls) if path == file.path else ""
        if subclassed.search(text) or pattern.search(text.replace(own, "") if own else text) or named.search(text):
            return 99
    return inside


def _name_uses(file: ParsedFile, name: str) -> int:
    return sum(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load) for n in ast.walk(file.tree))


def _from_sequential(flow: Flow, file: ParsedFile, project: Project) -> list[Edit]:
    """Take the element out of `nn.Sequential(...)`, a list of layers, an OrderedDict, `add_module` or `append`."""
    site = flow.activation.site
    element = next(
        (n for n in ast.walk(file.tree) if isinstance(n, ast.Call) and file.span(n) == (site.start, site.end)), None
    )
    if element is None:
        raise verbs.CannotRewrite("the layer was not found again in the text")
    parent = file.parents[element]
    around = file.parents[parent]
    if isinstance(parent, ast.Tuple) and isinstance(around, ast.List):
        return verbs.remove_call_argument_element(file, around, parent)
    if (
        isinstance(parent, ast.Call)
        and isinstance(parent.func, ast.Attribute)
        and parent.func.attr in ("add_module", "append")
    ):
        return verbs.delete_statement(file, file.enclosing_statement(parent))
    if isinstance(parent, ast.Call | ast.List | ast.Tuple):
        return verbs.remove_call_argument_element(file, parent, element)
    raise verbs.CannotRewrite("the layer is not written inside the Sequential")


# --- the numbers are read in the same function ---------------------------------------------------------------------


def _keep_for_readers(flow: Flow, file: ParsedFile, call: ast.Call) -> list[Edit]:
    """Keep `probs = softmax(...)` for its readers, and let the way to the loss take the logits."""
    name = _target_name(file, call)
    assert name is not None
    function = file.enclosing_function(call)
    operand = _operand(flow, call)
    ways = _ways_to_the_loss(flow, file, call, name, function)
    if isinstance(operand, ast.Name) and operand.id != name and not _rebound(file, operand.id, call, function):
        return [e for way in ways for e in verbs.replace_expression(file, way, operand.id)]
    logits = _free_name(file, function)
    edits = verbs.insert_before(file, file.enclosing_statement(call), [f"{logits} = {file.source(operand)}"])
    if "\n" in file.source(operand):
        raise verbs.CannotRewrite("the scores are written over several lines; give them a name first")
    edits += verbs.replace_expression(file, operand, logits)
    return [*edits, *(e for way in ways for e in verbs.replace_expression(file, way, logits))]


def _ways_to_the_loss(
    flow: Flow, file: ParsedFile, call: ast.Call, name: str, function: FunctionNode | None
) -> list[ast.Name]:
    """The places where the variable itself goes to the loss: as its argument here, or as (part of) what is returned."""
    scope: ast.AST = function if function is not None else file.tree
    if _assignments(scope, name) != 1:
        raise verbs.CannotRewrite(f"{name} is assigned more than once")
    arguments = {loss.argument for loss in flow.losses if loss.argument.path == file.path}
    found: list[ast.Name] = []
    local = [
        n for p in arguments if (n := node_of(file, p, ast.expr)) is not None and file.enclosing_function(n) is function
    ]
    for node in local:
        names = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == name]
        if len(names) != 1:
            raise verbs.CannotRewrite(f"how {name} gets to the loss was not understood")
        found += names
    if not local or any(loss.argument.path != file.path for loss in flow.losses):
        for statement in ast.walk(scope):
            if isinstance(statement, ast.Return) and statement.value is not None:
                found += _returned(statement.value, name)
    if not found:
        raise verbs.CannotRewrite(f"how {name} gets to the loss was not understood")
    return found


def _returned(value: ast.expr, name: str) -> list[ast.Name]:
    """The variable as the value returned, or as an item of the tuple or dictionary that is."""
    parts: list[ast.expr] = [value]
    if isinstance(value, ast.Tuple | ast.List):
        parts = list(value.elts)
    elif isinstance(value, ast.Dict):
        parts = list(value.values)
    return [p for p in parts if isinstance(p, ast.Name) and p.id == name]


def _assignments(scope: ast.AST, name: str) -> int:
    return sum(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in ast.walk(scope))


def _rebound(file: ParsedFile, name: str, call: ast.Call, function: FunctionNode | None) -> bool:
    """Whether the scores' name gets another value after the activation."""
    scope: ast.AST = function if function is not None else file.tree
    return any(
        isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) and n.lineno > call.lineno
        for n in ast.walk(scope)
    )


def _free_name(file: ParsedFile, function: FunctionNode | None) -> str:
    scope: ast.AST = function if function is not None else file.tree
    taken = {n.id for n in ast.walk(scope) if isinstance(n, ast.Name)} | {
        n.arg for n in ast.walk(scope) if isinstance(n, ast.arg)
    }
    return next(name for name in ("logits", "scores", "class_logits", "raw_scores", "logits_") if name not in taken)


# --- the numbers are read elsewhere --------------------------------------------------------------------------------


def _compensation(flow: Flow, project: Project, places: list[Place]) -> list[Edit]:
    """Wrap each expression whose numbers are read in the activation that the model no longer applies."""
    edits: list[Edit] = []
    if places and flow.cannot_move:
        raise verbs.CannotRewrite("an expression that reads the numbers also has values without this activation")
    for place in places:
        file = project.parse(place.path)
        node = node_of(file, place, ast.expr) if file is not None else None
        if file is None or not isinstance(node, ast.expr):
            raise verbs.CannotRewrite("an expression that reads the numbers was not found again")
        if not isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
            raise verbs.CannotRewrite("an expression that reads the numbers is too involved to be wrapped")
        if isinstance(node, ast.Name) and re.search(rf"\b(?:nonlocal|global)\b[^\n]*\b{node.id}\b", file.text):
            raise verbs.CannotRewrite("the variable that holds the numbers is shared between functions")
        if _is_coroutine(file, node):
            raise verbs.CannotRewrite("the numbers are awaited later than they are asked for")
        torch, imports = verbs.ensure_import(file, "torch", visible_from=node)
        edits += [*imports, *verbs.wrap_expression(file, node, _template(flow, torch))]
    return edits


def _is_coroutine(file: ParsedFile, node: ast.expr) -> bool:
    """Whether an expression calls an `async def` of the file and does not wait for it at once."""
    if not isinstance(node, ast.Call) or isinstance(file.parents[node], ast.Await):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return re.search(rf"\basync[ \t]+def[ \t]+{re.escape(name)}\b", file.text) is not None


def _template(flow: Flow, torch: str) -> str:
    if flow.activation.kind == "sigmoid":
        return f"{torch}.sigmoid({{}})"
    dim = flow.activation.dim if isinstance(flow.activation.dim, int) else 1
    return f"{torch}.softmax({{}}, dim={dim})"
