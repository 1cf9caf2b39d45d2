"""Can the rules about training and evaluation have a finding in a file? A closer look than the gate's at its words.

They report where a model is called outside of a module's own methods. Most files that say a word of theirs call none.
"""

from __future__ import annotations

import ast
import re

from torchfix_codemods.analysis.bare_names import bare_names
from torchfix_codemods.analysis.gate import says_phases
from torchfix_codemods.analysis.model_calls import Calls
from torchfix_codemods.analysis.outline import without_comments
from torchfix_codemods.analysis.outside import Outside, Unit
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trees import parents

_MISSPELT = re.compile(r"\.(?:train|eval)[ \t]*(?:;.*)?$|\.(?:train|eval|training)[ \t]*=(?!=)", re.M)
EVALUATION_WORDS = re.compile(
    r"(?:^|_|\b)(?:e?val(?!ue)|valid|validate|evaluate|evaluation|test|infer|predict|score)", re.I
)
#: A method of a module that is no forward, if it goes through data.
EVALUATING_METHOD = re.compile(r"(?:^|_)(?:eval|evaluate|evaluation|valid|validate|validation|test)(?:_|$)")
_DEFINITION = re.compile(r"^([ \t]+)(?:async[ \t]+)?def[ \t]+(\w+)", re.M)
_LOOP = re.compile(r"^[ \t]*(?:for|while)\b", re.M)
_SWITCHES_BACK = re.compile(r"enable_grad|set_grad_enabled")


def may_have_phases(project: Project, path: str) -> bool:
    """Whether some call in a file may be that of a model in a training or evaluation that can be reported."""
    known: dict[str, bool] = project.memory.setdefault("phase gate", {})
    if path not in known:
        text = project.read(path) or ""
        known[path] = _may(project, path, text)
    return known[path]


def _may(project: Project, path: str, text: str) -> bool:
    if not says_phases(text.encode("utf-8", "surrogatepass")):
        return False
    if "\f" in text or "\r" in text.replace("\r\n", ""):
        return True
    code = without_comments(text.replace("\r\n", "\n"))
    if not says_phases(code.encode("utf-8", "surrogatepass")):
        return False
    switches = ".train" in code or ".eval" in code
    if ".backward(" in code or (switches and _MISSPELT.search(code)):
        return True  # training inside of modules is reported too, and misspelt changes of their modes are
    names = bare_names(project)
    names.note_imports(path, code)
    try:
        outside = Outside(code, lambda name: names.is_module(path, name))
        if _evaluates_data(outside.modules):
            return True
        calls = Calls(names, path, code, outside)
        return any(
            _is_reportable(unit, list(calls.may_run_models(unit)), code)
            for unit in outside.units()
            if not _serves(unit, outside.modules)
        )
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True


def _evaluates_data(modules: str) -> bool:
    """Whether a method of a module says that it evaluates, and has a loop. Functions inside it are part of it."""
    found = list(_DEFINITION.finditer(modules))
    for number, method in enumerate(found):
        if EVALUATING_METHOD.search(method[2]):
            behind = (m.start() for m in found[number + 1 :] if len(m[1]) <= len(method[1]))
            if _LOOP.search(modules, method.end(), next(behind, len(modules))):
                return True
    return False


def _serves(unit: Unit, modules: str) -> bool:
    """Whether a method of a module calls the function: then it belongs to a forward, as `Regions` has it."""
    name = getattr(unit.node, "name", "")
    if not name or f"def {name}(" in modules:
        return False
    before = (part[-1:] for part in modules.split(f"{name}(")[:-1])
    return any(not (last.isalnum() or last in "_.") for last in before)


def _is_reportable(unit: Unit, calls: list[ast.Call], code: str) -> bool:
    if not calls or _SWITCHES_BACK.search(code):
        return bool(calls)
    around = parents(unit.node)
    return not all(_is_settled(call, around) for call in calls)


def _is_settled(call: ast.Call, around: dict[ast.AST, ast.AST]) -> bool:
    """Whether a call builds no graph, and neither a loop nor a name says that it evaluates."""
    without_grad = False
    node: ast.AST = call
    while node in around:
        node = around[node]
        match node:
            case ast.For() | ast.AsyncFor() | ast.While() | ast.Lambda():
                return False
            case ast.With() | ast.AsyncWith():
                without_grad = without_grad or any(_switches_off(item.context_expr) for item in node.items)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                switched = any(map(_switches_off, node.decorator_list))
                return (without_grad or switched) and not EVALUATION_WORDS.search(node.name)
            case _:
                pass
    return False


def _switches_off(node: ast.expr) -> bool:
    """`torch.no_grad()`, and as a decorator without brackets too."""
    return ast.unparse(node) in ("torch.no_grad()", "torch.no_grad", "torch.inference_mode()", "torch.inference_mode")
