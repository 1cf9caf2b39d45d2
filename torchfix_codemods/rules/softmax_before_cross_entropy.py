"""TFC101: a softmax (or sigmoid) on the way into a loss that applies softmax itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchfix_codemods.analysis.activations import Flow, flows_of
from torchfix_codemods.analysis.gate import Topic, topics
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.program import Program, program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Escape
from torchfix_codemods.analysis.values import ClassRef, Instance, options
from torchfix_codemods.findings import Edit, Finding, Level, Location, Step
from torchfix_codemods.rules._shared import location_of, propose
from torchfix_codemods.rules._unsoftmax import removal_edits
from torchfix_codemods.rules.rule import Rule

IDENTITY = ("TFC101", "softmax-before-cross-entropy")
_NAMES = {"softmax": "softmax", "sigmoid": "sigmoid"}
_LOSSES = {"cross_entropy": "cross entropy", "log_softmax": "log_softmax"}
_REPLACED = re.compile(
    r"\b(?:F|nn|functional|torch)\.(?:log_)?(?:softmax|sigmoid|cross_entropy|nll_loss|Softmax|LogSoftmax"
    r"|CrossEntropyLoss|NLLLoss)\s*=(?!=)"
)
_BY_NAME = re.compile(r"\bimport_module\(|\b__import__\(|\bglobals\(\)[ \t]*\[")
_LOSS_WORD = re.compile(r"ross_entropy|rossEntropyLoss|nll_loss|NLLLoss")


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Activations of the file whose output reaches a loss that contains one."""
    if Topic.ACTIVATION not in topics(file.text.encode("utf-8", "surrogatepass")):
        return
    program = program_for(project, file.path)
    if not _mentions_a_loss(program):
        return
    for flow in flows_of(program, file.path):
        if _is_mistake(flow):
            yield _finding(flow, file, project, program)


def _mentions_a_loss(program: Program) -> bool:
    files = {path for trace in program.traces for path in trace.files} | set(program.files)
    return any(_LOSS_WORD.search(program.project.read(path) or "") for path in files)


def _is_mistake(flow: Flow) -> bool:
    """softmax or sigmoid into cross entropy; softmax into a log_softmax whose output goes on into a loss (P9)."""
    kind = flow.activation.kind
    if kind not in _NAMES or flow.conditional:
        return False
    direct = any(loss.loss == "cross_entropy" for loss in flow.losses)
    return direct or (kind == "softmax" and flow.feeds_log_softmax_loss)


def _finding(flow: Flow, file: ParsedFile, project: Project, program: Program) -> Finding:
    activation = flow.activation
    reason, level = _doubt(flow, program), Level.BEHAVIOR
    if reason is not None:
        level = Level.SUGGESTION

    def build() -> list[Edit]:
        return removal_edits(flow, file, project)

    name = _NAMES[activation.kind]
    return propose(
        IDENTITY,
        level,
        Location(activation.site.path, activation.site.start, activation.site.end),
        f"{name} before a loss that applies softmax itself" + (f"; {reason}" if reason else ""),
        list(_steps(flow, project)),
        f"Hand the loss the logits: drop the {name}",
        build,
        reason,
    )


def _doubt(flow: Flow, program: Program) -> str | None:
    """Why the fix is only a suggestion; None where everything was followed."""
    if not program.followed:
        return "there is more code around it than could be followed"
    if any(loss.loss in ("nll", "margin", "bce_with_logits") for loss in flow.losses):
        return "the same output goes into a loss that wants something else"
    if flow.wrong_dimension:
        return "it runs over another dimension than the classes; it may be meant"
    if flow.mixed_sources:
        return "the loss also gets outputs to which no softmax was applied"
    for use in flow.uses:
        if use.kind == "escape" and "which was not read" not in use.why:
            return f"its output leaves what can be followed: {use.why}"
        if use.kind == "loss":
            return f"its output is also {use.why}"
        if use.kind == "index":
            return "layers are taken by their position, which would change"
    return _seen_from_outside(program) or _export(flow, program) or _looked_up(flow, program)


def _seen_from_outside(program: Program) -> str | None:
    """What reads an output without a name for it, or makes another function of a softmax or a loss."""
    for path in {path for trace in program.traces for path in trace.files} | set(program.files):
        text = program.project.read(path) or ""
        if "register_forward_" in text or "register_module_forward_" in text:
            return "a forward hook may look at the output"
        if _REPLACED.search(text):
            return "torch's softmax or loss is replaced by another function"
    return None


def _looked_up(flow: Flow, program: Program) -> str | None:
    """Whether a class that hands on the output, or its module, is looked up by its name at run time."""
    stem = flow.activation.site.path.rpartition("/")[2].removesuffix(".py")
    names = {name for trace in program.traces for name in trace.carriers.get(flow.activation.site, ())}
    quoted = r"[\"'](?:[\w.]*\.)?(?:{})[\"']"
    module = re.compile(quoted.format(re.escape(stem)))
    classes = re.compile(quoted.format("|".join(map(re.escape, sorted(names))))) if names else None
    texts = {path: program.project.read(path) or "" for path in sorted(program.project.paths)}
    looking = [path for path, text in texts.items() if _BY_NAME.search(text)]
    if any(module.search(texts[path]) for path in looking):
        return "its module is imported by its name at run time"
    if looking and classes and any(classes.search(text) for text in texts.values()):
        return f"{looking[0]} looks classes up by their names at run time"
    return None


def _export(flow: Flow, program: Program) -> str | None:
    """Whether a model that hands on the output is exported or given away: its users would get logits."""
    for trace, escape in program.events(Escape):
        if escape.kind != "export" or escape.model is None:
            continue
        names = trace.carriers.get(flow.activation.site, set())
        for model in options(escape.model):
            if not isinstance(model, Instance):
                continue
            inside = isinstance(model.cls, ClassRef) and model.cls.name in names
            if inside or (model.site is not None and model.site == flow.activation.container):
                return f"the model is handed to {escape.name}: who calls it there would have to apply softmax"
    return None


def _steps(flow: Flow, project: Project) -> Iterator[Step]:
    name = _NAMES[flow.activation.kind]
    site = flow.activation.site
    yield Step(Location(site.path, site.start, site.end), f"{name} is applied last here")
    seen: set[Location] = set()
    for loss in flow.losses:
        location = location_of(project, loss.place)
        if location in seen or loss.loss not in _LOSSES:
            continue
        seen.add(location)
        if loss.made_at is not None:
            made = Location(loss.made_at.path, loss.made_at.start, loss.made_at.end)
            if made not in seen:
                seen.add(made)
                yield Step(made, "the loss is built here; it applies softmax itself")
        yield Step(location, f"{_LOSSES[loss.loss]} gets its output here")
        if len(seen) > 6:
            return
    for use in flow.compensated:
        yield Step(location_of(project, use), "the numbers are looked at here, so the softmax moves to this place")


RULE = Rule(
    code="TFC101",
    name="softmax-before-cross-entropy",
    summary="softmax before a loss that contains it",
    level=Level.BEHAVIOR,
    check=check,
)
