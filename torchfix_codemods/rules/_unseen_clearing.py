"""What may clear gradients without being seen: code that was not read, hooks, gradients handled by hand."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.program import program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import GradientsCleared, Trace
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.analysis.values import ClassRef, External, FunctionRef
from torchfix_codemods.rules._unasked_clearing import clears_unasked
from torchfix_codemods.rules._updates import Update

# Where these stand, gradients may be cleared behind the back of the loop, or are not the loop's own.
_HOOKS = re.compile(
    r"hook|callback|register_post_accumulate_grad|optimizer_step_pre|\bfire\(|\btrigger\(|dist_autograd|DistributedOptimizer"
    r"|share_memory|functional_call|torch\.func\b|functorch|higher\b|CUDAGraph|autocast_mode",
    re.I,
)
_CLEARS = re.compile(r"zero_?grad|clear_?grad|reset_?grad|\bzero_\(\)|\.zero_grad\b|_foreach_zero_", re.I)
# A gradient may have another name where it is written to: reading one, for a norm or a histogram, is no clearing.
_GRADIENT = re.compile(r"\.grad\b|\._grad\b")
# Scaled by hand they may be kept on purpose, as a momentum is.
_WRITES = re.compile(
    r"\.(?:zero|fill|copy|set|detach|resize|mul|div|lerp)_\(|\.grad(?:\.data)?[ \t]*[*/]=|\*=[ \t]*0[.0]*(?![.\d])"
)
_OWN = re.compile(r"^\s*self\.zero_grad\(")
_READS = re.compile(r"autograd\.grad\b")
_SUSPECT = re.compile(r"zero|clear|reset|grad|step|optim|train|backward|update|init|prepare|begin|start|before", re.I)


def may_be_unseen(project: Project, file: ParsedFile, update: Update, loop: ast.stmt, receiver: str) -> bool:
    """Whether something in the loop, or in what it calls, may clear gradients without having been seen."""
    if any(clears_unasked(project, path) for path in program_for(project, file.path).files):
        return True
    seen = {(e.place.path, e.place.line) for e in update.trace.events if isinstance(e, GradientsCleared)}
    if any(_clears_itself(project, path, seen) for path in update.trace.files):
        return True
    for code, node in _code(project, file, update.trace, loop):
        source = code.source(node)
        if _HOOKS.search(source) or _has_unseen(code, node, source, seen):
            return True
    return any(_may_clear(project, file, call, receiver) for call in walk(loop) if isinstance(call, ast.Call))


def _clears_itself(project: Project, path: str, seen: set[tuple[str, int]]) -> bool:
    """Whether an object clears its own gradients unseen: a model in its forward, whose base is not known."""
    lines = (project.read(path) or "").splitlines()
    return any(_OWN.search(line) for number, line in enumerate(lines, 1) if (path, number) not in seen)


def _code(project: Project, file: ParsedFile, trace: Trace, loop: ast.stmt) -> Iterator[tuple[ParsedFile, ast.stmt]]:
    """The loop, and the functions that were run and that the loop names."""
    yield file, loop
    said = file.source(loop)
    for ref in trace.reached:
        parsed = project.parse(ref.path)
        if parsed is None or (ref.name not in said and ref.name != "__call__"):
            continue
        node = parsed.function_at(ref.line, ref.column)
        if isinstance(node, ast.stmt) and not _around(node, loop, parsed is file):
            yield parsed, node


def _around(function: ast.stmt, loop: ast.stmt, same: bool) -> bool:
    """Whether the loop stands in that very function: then only the loop's own lines count."""
    return same and function.lineno <= loop.lineno and (loop.end_lineno or 0) <= (function.end_lineno or 0)


def _has_unseen(file: ParsedFile, node: ast.stmt, source: str, seen: set[tuple[str, int]]) -> bool:
    lines = [line.partition("#")[0] for line in source.splitlines()]
    unseen = [line for number, line in enumerate(lines, node.lineno) if (file.path, number) not in seen]
    if any(map(_CLEARS.search, unseen)):
        return True
    mentioned = any(_GRADIENT.search(_READS.sub("", line)) for line in unseen)
    return mentioned and any(map(_WRITES.search, unseen))


def _may_clear(project: Project, file: ParsedFile, call: ast.Call, receiver: str) -> bool:
    """Whether a call of code that is not in view may clear: it gets the optimizer, or its name says so."""
    target = project.resolve(file, call.func)
    if isinstance(target, FunctionRef | ClassRef):
        return False
    if isinstance(target, External):
        name = target.name
        if name.startswith(("torch.", "builtins.", "numpy.", "math.", "time.", "tqdm", "os.")):
            return False
        return _gets(file, call, receiver) or _SUSPECT.search(name.rpartition(".")[2]) is not None
    return _gets(file, call, receiver) and not _is_method_of_scaler(call)


def _is_method_of_scaler(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in ("step", "unscale_", "update")


def _gets(file: ParsedFile, call: ast.Call, receiver: str) -> bool:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(file.source(value) == receiver for value in given)
