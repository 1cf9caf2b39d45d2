"""B4 to B6: a last batch of one, teachers in training mode, forwards on made-up numbers before training."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torchfix_codemods.analysis.batch_norms import holds_batch_norm
from torchfix_codemods.analysis.interpreter.shapes import sizes, whole
from torchfix_codemods.analysis.interpreter.state import identities
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import CallSite, Phases
from torchfix_codemods.analysis.torch_api import canonical
from torchfix_codemods.analysis.trace import Construction, Freezing
from torchfix_codemods.analysis.values import External, Instance, Tensor, Value, force
from torchfix_codemods.rules._modes import receiver_text
from torchfix_codemods.rules._shared import node_of

_MADE_UP = frozenset(f"torch.{name}" for name in ("rand", "randn", "zeros", "ones", "empty"))
_STEERS = ("drop_last", "batch_sampler", "sampler", "collate_fn")


def last_single_batches(file: ParsedFile, phases: Phases) -> Iterator[tuple[ast.Call, int, int, ast.Call]]:
    """B4: loaders whose last batch certainly has one item, which trains a model that can't take it."""
    seen: set[ast.Call] = set()
    for _, event in phases.program.events(Construction):
        loader = node_of(file, event.place, ast.Call) if event.place.path == file.path else None
        if not isinstance(loader, ast.Call) or loader in seen:
            continue
        seen.add(loader)
        counted = _count(event.value)
        run = _trained_on(file, phases, loader) if counted else None
        if counted and run is not None:
            yield loader, *counted, run


def _count(value: Value) -> tuple[int, int] | None:
    """The items of a data set of vectors and the batch size, where both are known and leave a batch of one."""
    if not isinstance(value, Instance) or value.cls != External("torch.utils.data.DataLoader"):
        return None
    data, size = force(value.argument(0, "dataset") or External("")), whole(value.argument(1, "batch_size"))
    if size is None or size < 2 or any(name in _STEERS for name, _ in value.kwargs) or len(value.args) > 3:
        return None
    if not isinstance(data, Instance) or data.cls != External("torch.utils.data.TensorDataset") or not data.args:
        return None
    first = force(data.args[0])
    dims = sizes(first) if isinstance(first, Tensor) else None
    if dims is None or len(dims) != 2 or dims[0] is None or dims[0] % size != 1:
        return None
    return dims[0], size


def _trained_on(file: ParsedFile, phases: Phases, loader: ast.Call) -> ast.Call | None:
    """A call that trains a model with `BatchNorm1d` directly on the batches of a loader."""
    for site in phases.sites.values():
        call = node_of(file, site.place, ast.Call) if site.place.path == file.path and site.trained else None
        if not isinstance(call, ast.Call) or site.modes() != {"train"} or not _normalises_vectors(site.model):
            continue
        loop = _loop_around(file, call)
        if loop is not None and _iterates(file, loop, loader) and _takes_first(loop, call):
            return call
    return None


def _normalises_vectors(model: Value) -> bool:
    """Whether a plain `Sequential` of layers for vectors holds a `BatchNorm1d`."""
    if not isinstance(model, Instance) or model.cls != External("torch.nn.Sequential"):
        return False
    names = [o.cls.name for o in map(force, model.args) if isinstance(o, Instance) and isinstance(o.cls, External)]
    kinds = {canonical(name) for name in names}
    return len(names) == len(model.args) and "torch.nn.BatchNorm1d" in kinds and all(map(_keeps_rows, kinds))


def _keeps_rows(name: str) -> bool:
    bare = name.rpartition(".")[2]
    return bare in (
        "Linear",
        "BatchNorm1d",
        "ReLU",
        "Tanh",
        "Sigmoid",
        "LeakyReLU",
        "ELU",
        "GELU",
        "Dropout",
        "Identity",
    )


def _loop_around(file: ParsedFile, call: ast.Call) -> ast.For | None:
    node: ast.AST = call
    while not isinstance(node, ast.For | ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
        node = file.parents[node]
    return node if isinstance(node, ast.For) else None


def _iterates(file: ParsedFile, loop: ast.For, loader: ast.Call) -> bool:
    """Whether a loop runs over the one name that the loader was assigned to, and to its end."""
    parent = file.parents[loader]
    walked = loop.iter.args[0] if _is_enumerate(loop.iter) and isinstance(loop.iter, ast.Call) else loop.iter
    match parent:
        case ast.Assign(targets=[ast.Name(id=name)]):
            stores = [n for n in ast.walk(file.tree) if isinstance(n, ast.Name) and n.id == name and _is_stored(n)]
            ends = any(isinstance(n, ast.Break | ast.Continue) for n in ast.walk(loop))
            return len(stores) == 1 and isinstance(walked, ast.Name) and walked.id == name and not ends
        case _:
            return False


def _is_enumerate(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "enumerate"


def _is_stored(node: ast.Name) -> bool:
    return not isinstance(node.ctx, ast.Load)


def _takes_first(loop: ast.For, call: ast.Call) -> bool:
    """Whether the model gets the first part of the batch, unchanged and under no condition."""
    target = loop.target
    if isinstance(target, ast.Tuple) and _is_enumerate(loop.iter):
        target = target.elts[-1]
    first = target.elts[0] if isinstance(target, ast.Tuple) else None
    asked = isinstance(first, ast.Name) and [ast.dump(a) for a in call.args] == [
        ast.dump(ast.Name(first.id, ast.Load()))
    ]
    plain = any(call in ast.walk(statement) for statement in loop.body if isinstance(statement, ast.Assign | ast.Expr))
    return asked and plain and not any(_is_stored(n) and n.id == getattr(first, "id", "") for n in _names(loop.body))


def _names(body: list[ast.stmt]) -> Iterator[ast.Name]:
    for statement in body:
        yield from (n for n in ast.walk(statement) if isinstance(n, ast.Name))


# --- suggestions ---------------------------------------------------------------------------------------------------


def unswitched_teachers(file: ParsedFile, phases: Phases) -> Iterator[tuple[ast.Call, str]]:
    """B5: a frozen or copied model beside one that trains, which runs in training mode and gives targets."""
    for site in phases.sites.values():
        call = node_of(file, site.place, ast.Call) if site.place.path == file.path else None
        if not isinstance(call, ast.Call) or phases.optimised(site.model) is not False:
            continue
        if "train" not in site.modes() or None in site.modes():
            continue  # in evaluation mode from the second epoch on, by what evaluates, is too late
        name = receiver_text(file, call, site.executions[0].event.method)
        if name and _beside_training(phases, site) and _is_kept(phases, site) and not _follows(file, name):
            yield call, name


def _beside_training(phases: Phases, site: CallSite) -> bool:
    """Whether a model trains in the innermost loop around each call."""
    loops = [next((c for c in e.event.context.chain() if c.kind == "loop"), None) for e in site.executions]
    trained = [e.event.context for s in phases.sites.values() for e in s.executions if e.trained and s is not site]
    return all(loop is not None and any(context.inside(loop) for context in trained) for loop in loops)


def _is_kept(phases: Phases, site: CallSite) -> bool:
    """Whether the model holds batch normalisation, is frozen, and is trained nowhere."""
    if holds_batch_norm(phases.program.machine, site.model) is not True:
        return False
    others = (other for other in phases.sites.values() if other is not site)
    learns = any(other.trained and phases.same(other.model, site.model) for other in others)
    return not learns and any(
        event.learn is False and set(identities(event.model)) & set(identities(site.model))
        for _, event in phases.program.events(Freezing)
    )


def _follows(file: ParsedFile, name: str) -> bool:
    """Whether parameters of the model follow those of another step by step: such methods mean it so."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "zip"
        and any(file.source(argument).startswith(f"{name}.") for argument in node.args)
        for node in ast.walk(file.tree)
    )


def dummy_forwards(file: ParsedFile, phases: Phases) -> Iterator[tuple[ast.Call, str]]:
    """B6: a model runs on fresh random numbers or zeros in training mode, outside of loops, and trains later."""
    for site in phases.sites.values():
        call = node_of(file, site.place, ast.Call) if site.place.path == file.path else None
        if not isinstance(call, ast.Call) or not site.evaluation or site.modes() != {"train"}:
            continue
        if not call.args or not is_made_up(phases, file, call.args[0]) or _loop_around(file, call) is not None:
            continue
        name = receiver_text(file, call, site.executions[0].event.method)
        if name and holds_batch_norm(phases.program.machine, site.model) and _trains_later(phases, site):
            yield call, name


def is_made_up(phases: Phases, file: ParsedFile, node: ast.expr) -> bool:
    """Whether an expression makes random numbers, zeros or the like, and moves them to a device."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("cuda", "to"):
        node = node.func.value
    return isinstance(node, ast.Call) and phases.program.project.qualified_name(file, node.func) in _MADE_UP


def _trains_later(phases: Phases, site: CallSite) -> bool:
    first = site.executions[0]
    return any(
        e.trained and e.trace is first.trace and e.event.id > first.event.id and e.event.model == first.event.model
        for s in phases.sites.values()
        for e in s.executions
    )
