"""TFC104, the cases with a softmax: NLL of probabilities (P10), and of their logarithms (P12)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torchfix_codemods.analysis.activations import Flow, flows_of
from torchfix_codemods.analysis.late_readers import read_flows
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.program import Program
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.raw_losses import LossUse, loss_uses
from torchfix_codemods.analysis.trace import Use
from torchfix_codemods.analysis.values import Activation, Site
from torchfix_codemods.findings import Edit, Finding, Level, Location
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules._activation_flow import doubt, has_branches, seen_from_outside, stands_at, steps
from torchfix_codemods.rules._other_name import name_in_torch, other_name
from torchfix_codemods.rules._shared import node_of, propose
from torchfix_codemods.rules._unsoftmax import removal_edits, uses_of_module

IDENTITY = ("TFC104", "nll-loss-needs-log-softmax")
LOSS_WORD = re.compile(r"nll_loss|NLLLoss|\bBCELoss\b|\bbinary_cross_entropy\b")
#: What the loss becomes where the model gives scores: it applies what was missing itself, and takes the same arguments.
BETTER = {
    "NLLLoss": "CrossEntropyLoss",
    "NLLLoss2d": "CrossEntropyLoss",
    "nll_loss": "cross_entropy",
    "BCELoss": "BCEWithLogitsLoss",
    "binary_cross_entropy": "binary_cross_entropy_with_logits",
}
_NLL = {"nll": "the negative log likelihood"}
_MADE = "the loss is built here; it wants log-probabilities"
_LOGARITHMS = {"softmax": "log_softmax", "Softmax": "LogSoftmax"}


# --- P10: probabilities --------------------------------------------------------------------------------------------


def of_probabilities(program: Program, file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Softmaxes whose output NLL gets as it is."""
    program, flows = read_flows(program, file.path, _is_of_probabilities)
    for flow in flows:
        if not has_branches(flow, file) and not _is_one_of_two(flow, file, project):
            yield _of_softmax(flow, program, file, project)


def _is_of_probabilities(flow: Flow) -> bool:
    kinds = {loss.loss for loss in flow.losses}
    return flow.activation.kind == "softmax" and "nll" in kinds and "log_softmax" not in kinds


def _is_one_of_two(flow: Flow, file: ParsedFile, project: Project) -> bool:
    """Whether the function gives log-probabilities otherwise: `log_softmax` in training, `softmax` in evaluation."""
    own = _function_at(file, flow.activation.site)
    others = {a.site for loss in flow.losses for a in loss.activations if a.kind == "log_softmax"}
    return any(site.path == file.path and _function_at(file, site) is own for site in others)


def _function_at(file: ParsedFile, site: Site) -> ast.AST | None:
    return next((file.enclosing_function(n) for n in ast.walk(file.tree) if stands_at(file, n, site)), None)


def _of_softmax(flow: Flow, program: Program, file: ParsedFile, project: Project) -> Finding:
    reason = doubt(flow, program, _NLL, "softmax", alone=_are_read(flow)) or _involved(flow)

    def build() -> list[Edit]:
        if any(loss.loss != "nll" for loss in flow.losses):
            raise verbs.CannotRewrite("the same output goes into a loss that wants something else")
        if flow.wrong_dimension:
            raise verbs.CannotRewrite("it runs over another dimension than the classes")
        if not _are_read(flow):
            return _logarithm_at_the_source(flow, file, project)
        return [*removal_edits(flow, file, project), *_losses_on_scores(flow, program, project)]

    title = "Use cross entropy, and hand it the scores" if _are_read(flow) else "Hand the loss log-probabilities"
    site = flow.activation.site
    return propose(
        IDENTITY,
        Level.SUGGESTION if reason else Level.BEHAVIOR,
        Location(site.path, site.start, site.end),
        "NLL wants log-probabilities, and gets the output of a softmax" + (f"; {reason}" if reason else ""),
        list(steps(flow, project, "softmax", _NLL, _MADE)),
        title,
        build,
        reason,
    )


def _are_read(flow: Flow) -> bool:
    """Whether somebody reads the probabilities."""
    return any(use.kind not in ("invariant", "kept") for use in flow.uses)


def _involved(flow: Flow) -> str | None:
    if any(use.kind == "activation" for use in flow.uses):
        return "another activation is applied to its output too"
    return None


def _logarithm_at_the_source(flow: Flow, file: ParsedFile, project: Project) -> list[Edit]:
    """`F.softmax(x, 1)` -> `F.log_softmax(x, 1)`, `nn.Softmax(1)` -> `nn.LogSoftmax(1)`."""
    activation = flow.activation
    if activation.form in ("function", "method"):
        return _renamed(file, _call_at(file, activation.site), activation.form)
    made_at = activation.made_at
    maker = None if made_at is None else project.parse(made_at.path)
    if made_at is None or maker is None:
        raise verbs.CannotRewrite("where the layer is built was not found")
    made = _call_at(maker, made_at)
    name = _logarithm_of(maker, made)
    if activation.form == "module":
        call = _call_at(file, activation.site)
        if not _is_called_at_once(file, call, made_at) and uses_of_module(maker, project, made) != 1:
            return _by_function(file, call, activation.dim)
    return other_name(maker, made, name)


def _is_called_at_once(file: ParsedFile, call: ast.Call, made_at: Site) -> bool:
    """`nn.Softmax(dim=1)(x)`."""
    return made_at.path == file.path and file.span(call.func) == (made_at.start, made_at.end)


def _by_function(file: ParsedFile, call: ast.Call, dim: object) -> list[Edit]:
    """`self.softmax(x)` -> `F.log_softmax(x, dim=1)`, where the layer is used elsewhere too."""
    if len(call.args) != 1 or call.keywords or isinstance(call.args[0], ast.Starred) or not isinstance(dim, int):
        raise verbs.CannotRewrite("the layer is used elsewhere too, and its dimension is not clear")
    functional, imports = verbs.ensure_import(file, "torch.nn.functional", visible_from=call)
    code = f"{functional}.log_softmax({file.source(call.args[0])}, dim={dim})"
    return [*imports, *verbs.replace_expression(file, call, code)]


def _renamed(file: ParsedFile, call: ast.Call, form: str) -> list[Edit]:
    """A softmax becomes a log_softmax, by a function of torch or as a method."""
    if form == "method" and isinstance(call.func, ast.Attribute):
        return verbs.rename_method(file, call, "log_softmax")
    return other_name(file, call, _logarithm_of(file, call))


def _logarithm_of(file: ParsedFile, call: ast.Call) -> str:
    name = name_in_torch(file, call)
    if name not in _LOGARITHMS:
        raise verbs.CannotRewrite("there is no logarithm of this softmax by another name")
    return _LOGARITHMS[name]


def _call_at(file: ParsedFile, site: Site) -> ast.Call:
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call) and stands_at(file, node, site):
            return node
    raise verbs.CannotRewrite("the call was not found again in the text")


def _losses_on_scores(flow: Flow, program: Program, project: Project) -> list[Edit]:
    """The losses of a flow become cross entropy, if they get nothing but this softmax."""
    edits: list[Edit] = []
    for use in loss_uses(program):
        if not any(call in flow.losses for call in use.calls):
            continue
        if use.chosen or any({a.site for a in call.activations} != {flow.activation.site} for call in use.calls):
            raise verbs.CannotRewrite("the loss also gets other outputs")
        edits += better_loss(use, project)
    return edits


def better_loss(use: LossUse, project: Project) -> list[Edit]:
    """`nn.NLLLoss(...)` -> `nn.CrossEntropyLoss(...)`: the same arguments mean the same."""
    file = project.parse(use.path)
    call: ast.AST | None = None
    if file is not None:
        call = _call_at(file, use.made_at) if use.made_at else node_of(file, use.calls[0].place, ast.Call)
    if file is None or not isinstance(call, ast.Call):
        raise verbs.CannotRewrite("the loss was not found again in the text")
    name = name_in_torch(file, call)
    if name not in BETTER:
        raise verbs.CannotRewrite("the loss is not called by torch's name for it")
    return other_name(file, call, BETTER[name])


# --- P12: the logarithm of probabilities ---------------------------------------------------------------------------


def of_logarithms(program: Program, file: ParsedFile, project: Project) -> Iterator[Finding]:
    """`torch.log(F.softmax(x, 1))` that goes into NLL: the same as log_softmax, but infinite for far scores."""
    for flow in flows_of(program, file.path):
        activation = flow.activation
        if activation.form == "log" and any(loss.loss == "nll" for loss in flow.losses) and not flow.conditional:
            yield _of_logarithm(flow, program, file, project)


def _of_logarithm(flow: Flow, program: Program, file: ParsedFile, project: Project) -> Finding:
    site = flow.activation.site
    reason = seen_from_outside(program)

    def build() -> list[Edit]:
        return _one_step(_call_at(file, site), flow.activation, program, file)

    return propose(
        IDENTITY,
        Level.SUGGESTION if reason else Level.EQUIVALENT,
        Location(site.path, site.start, site.end),
        "the logarithm of a softmax goes into NLL: infinite where a probability rounds to 0",
        list(steps(flow, project, "the logarithm of a softmax", _NLL, _MADE)),
        "Use log_softmax, which takes the logarithm in one step",
        build,
        reason,
    )


def _one_step(log: ast.Call, activation: Activation, program: Program, file: ParsedFile) -> list[Edit]:
    """The logarithm goes, and the softmax inside of it becomes a log_softmax."""
    inner, form = _inside(log, activation, program, file)
    method = isinstance(log.func, ast.Attribute) and log.func.value is inner
    gone = verbs.replace_with_receiver(file, log) if method else verbs.replace_with_argument(file, log)
    return [*gone, *_renamed(file, inner, form)]


def _inside(log: ast.Call, activation: Activation, program: Program, file: ParsedFile) -> tuple[ast.Call, str]:
    """The softmax that is written inside of the logarithm, and how it is applied."""
    made_at = activation.made_at
    if made_at is not None and made_at.path == file.path:
        inner = _call_at(file, made_at)
        forms = {use.activation.form for _, use in program.events(Use) if use.activation.site == made_at}
        if file.parents.get(inner) is log or (isinstance(log.func, ast.Attribute) and log.func.value is inner):
            form = forms.pop() if len(forms) == 1 else ""
            if form in ("function", "method"):
                return inner, form
    raise verbs.CannotRewrite("the softmax is applied elsewhere, and others may read its output there")


__all__ = ["BETTER", "IDENTITY", "LOSS_WORD", "better_loss", "of_logarithms", "of_probabilities"]
