"""What the rules about an activation before a loss share: the doubts about its output's ways, and the steps shown."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping

from torchfix_codemods.analysis.activations import Flow, is_given_by
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.program import Program
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Escape, LossCall
from torchfix_codemods.analysis.values import Site, options
from torchfix_codemods.findings import Location, Step
from torchfix_codemods.rules._callbacks import run_by_callbacks
from torchfix_codemods.rules._kept_outputs import read_elsewhere
from torchfix_codemods.rules._shared import location_of
from torchfix_codemods.rules._wrapped_outputs import wrapped_outputs

_REPLACED = re.compile(
    r"\b(?:F|nn|functional|torch)\.(?:log_)?(?:softmax|sigmoid|cross_entropy|nll_loss|binary_cross_entropy\w*|Softmax"
    r"|LogSoftmax|Sigmoid|CrossEntropyLoss|NLLLoss|BCELoss|BCEWithLogitsLoss)\s*=(?!=)"
)
_FORWARD_REPLACED = re.compile(r"\.forward\s*=(?!=)|setattr\([^\n]*[\"']forward[\"']")
_EXPORTED = re.compile(r"\bjit\.(?:script|trace)\(|\bonnx\.export\(|\.to_(?:onnx|torchscript)\(")
_IN_QUOTES = re.compile(r"[\"'](?=([\w.]+)[\"'])")
_BY_NAME = re.compile(r"\bimport_module\(|\b__import__\(|\bglobals\(\)[ \t]*\[")


def texts_of(program: Program) -> Iterator[str]:
    """The texts of all files that a program's traces went through."""
    for path in sorted({path for trace in program.traces for path in trace.files} | set(program.files)):
        yield program.project.read(path) or ""


def doubt(flow: Flow, program: Program, wanted: Iterable[str], name: str, *, alone: bool = True) -> str | None:
    """Why the fix is only a suggestion; None where everything was followed.

    `wanted` are the losses that it is for; `alone`: it will not do for other outputs that a loss gets.
    """
    if not program.followed:
        return "there is more code around it than could be followed"
    if any(loss.loss not in wanted for loss in flow.losses):
        return "the same output goes into a loss that wants something else"
    if flow.wrong_dimension:
        return "it runs over another dimension than the classes; it may be meant"
    if alone and flow.mixed_sources:
        return f"the loss also gets outputs to which no {name} was applied"
    if flow.conditional:
        return "whether the loss gets it is decided at run time"
    for use in flow.uses:
        if use.kind == "escape" and "which was not read" not in use.why:
            return f"its output leaves what can be followed: {use.why}"
        if use.kind == "loss":
            return f"its output is also {use.why}"
        if use.kind == "index":
            return "layers are taken by their position, which would change"
    kept = read_elsewhere(flow, program)
    return kept or seen_from_outside(program) or _export(flow, program, name) or _looked_up(flow, program)


def has_branches(flow: Flow, file: ParsedFile) -> bool:
    """Whether the loss gets something else by a branch of the function that applies the activation (at its end, say).

    A function without a branch always gives it: then it is another model whose output the loss gets too.
    """
    if not flow.conditional:
        return False
    site = flow.activation.site
    function = next((file.enclosing_function(n) for n in ast.walk(file.tree) if stands_at(file, n, site)), None)
    if flow.activation.form == "sequential" or function is None or function.name != "forward":
        return True
    branches = (ast.If, ast.IfExp, ast.Match, ast.Try, ast.For, ast.While, ast.BoolOp)
    return any(isinstance(node, branches) for node in ast.walk(function))


def stands_at(file: ParsedFile, node: ast.AST, site: Site) -> bool:
    """Whether a call stands at a site of its file."""
    return isinstance(node, ast.Call) and file.span(node) == (site.start, site.end)


def seen_from_outside(program: Program) -> str | None:
    """What reads an output without a name for it, or makes another function of a softmax or a loss."""
    for text in texts_of(program):
        if "register_forward_" in text or "register_module_forward_" in text:
            return "a forward hook may look at the output"
        if _REPLACED.search(text):
            return "torch's softmax or loss is replaced by another function"
        if _FORWARD_REPLACED.search(text):
            return "the forward of a model is replaced by another function"
        if "load_from_checkpoint(" in text and _EXPORTED.search(text):
            return "a model that was loaded from a checkpoint is exported, with all that it gives"
        if "ightning" in text and run_by_callbacks(program.project):
            return "a callback may run the model that it gets"
    return wrapped_outputs(program)


def _looked_up(flow: Flow, program: Program) -> str | None:
    """Whether a class that hands on the output, or its module, is looked up by its name at run time."""
    project = program.project
    looking = _looking(project)
    if not looking:
        return None
    stem = flow.activation.site.path.rpartition("/")[2].removesuffix(".py")
    module = re.compile(rf"[\"'](?:[\w.]*\.)?(?:{re.escape(stem)})[\"']")
    if any(module.search(project.read(path) or "") for path in looking):
        return "its module is imported by its name at run time"
    names = {name for trace in program.traces for name in trace.carriers.get(flow.activation.site, ())}
    if not names.isdisjoint(quoted_names(project)):
        return f"{looking[0]} looks classes up by their names at run time"
    return None


def _looking(project: Project) -> list[str]:
    """The files of a project in which something is looked up by its name."""
    known: dict[str, list[str]] = project.memory.setdefault("looked up by name", {})
    if "files" not in known:
        known["files"] = [path for path in sorted(project.paths) if _BY_NAME.search(project.read(path) or "")]
    return known["files"]


def quoted_names(project: Project) -> frozenset[str]:
    """The names that stand in quotes somewhere in a project, of dotted ones the last part."""
    known: dict[str, frozenset[str]] = project.memory.setdefault("names in quotes", {})
    if "names" not in known:
        texts = (project.read(path) or "" for path in sorted(project.paths))
        found = (match[1] for text in texts for match in _IN_QUOTES.finditer(text))
        known["names"] = frozenset(name.rpartition(".")[2] for name in found)
    return known["names"]


def _export(flow: Flow, program: Program, name: str) -> str | None:
    """Whether a model that hands on the output is exported or given away: its users would get logits."""
    for trace, escape in program.events(Escape):
        if escape.kind != "export" or escape.model is None:
            continue
        names = trace.carriers.get(flow.activation.site, set())
        for model in options(escape.model):
            if is_given_by(model, names, (flow.activation.container,)):
                return f"the model is handed to {escape.name}: who calls it there would have to apply {name}"
    return None


def steps(flow: Flow, project: Project, name: str, losses: Mapping[str, str], made: str) -> Iterator[Step]:
    """From the activation to the losses (with their names for people), and to where its numbers are read.

    `made` is what is said of the place where a loss is built.
    """
    site = flow.activation.site
    yield Step(Location(site.path, site.start, site.end), f"{name} is applied last here")
    yield from loss_steps(flow.losses, project, losses, made)
    for use in flow.compensated:
        yield Step(location_of(project, use), f"the numbers are looked at here, so the {name} moves to this place")


def loss_steps(calls: Iterable[LossCall], project: Project, losses: Mapping[str, str], made: str) -> Iterator[Step]:
    """Each loss once: where it is built, and where it is called; the first six."""
    seen: set[Location] = set()
    for loss in calls:
        location = location_of(project, loss.place)
        if location in seen or loss.loss not in losses:
            continue
        seen.add(location)
        if loss.made_at is not None:
            built = Location(loss.made_at.path, loss.made_at.start, loss.made_at.end)
            if built not in seen:
                seen.add(built)
                yield Step(built, made)
        yield Step(location, f"{losses[loss.loss]} gets its output here")
        if len(seen) > 6:
            return


def project_says(project: Project, words: re.Pattern[str]) -> bool:
    """Whether any file of a project says one of these words: reading them is cheaper than following a value."""
    known: dict[str, bool] = project.memory.setdefault("words said", {})
    if words.pattern not in known:
        known[words.pattern] = any(words.search(project.read(path) or "") for path in sorted(project.paths))
    return known[words.pattern]
