"""TFC104, the cases without an activation: NLL (P11) and BCE (P16) of the very scores of a layer."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.program import Program
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.raw_losses import LossUse, raw_losses
from torchfix_codemods.analysis.trace import Backward, Escape, LossCall, OptimizerStep
from torchfix_codemods.analysis.values import Instance, options
from torchfix_codemods.findings import Edit, Finding, Level, Location, Step
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules._activation_flow import loss_steps, seen_from_outside, texts_of
from torchfix_codemods.rules._nll_of_probabilities import IDENTITY, better_loss
from torchfix_codemods.rules._shared import expects_failure, location_of, node_of, propose

_NAMES = {"nll": "the negative log likelihood", "bce": "the binary cross entropy"}
_WANTED = {"nll": "log-probabilities", "bce": "probabilities"}
_TITLES = {"nll": "Use cross entropy, which applies log_softmax", "bce": "Use the loss that applies sigmoid itself"}
_LEVELS = {"nll": Level.BEHAVIOR, "bce": Level.CRASH_FIX}
_ACTIVATION = r"(?:LogSoftmax|Softmax|LogSigmoid|Sigmoid)\b"
_PUT_IN = re.compile(
    rf"(?:add_module|append|insert|extend)\([^\n]*{_ACTIVATION}|\]\s*=\s*[\w.]*{_ACTIVATION}|setattr\([^\n]*{_ACTIVATION}"
)
_IN_PLACE = re.compile(r"\b(?:sigmoid_|log_|exp_|softmax_)\(|\w\.(?:sub|subtract)_\(|[,(]\s*out\s*=[^=]")
_BY_CLASS = re.compile(r"isinstance\([^\n]*(?:NLLLoss|BCELoss)|(?:NLLLoss|BCELoss)[\"']")
_EXPONENTS = re.compile(r"torch\.exp\(|\.exp\(\)|np\.exp\(|numpy\.exp\(")
_HALVES = re.compile(
    r"[<>]=?\s*0?\.5\b|\b(?:0?\.5|1 ?/ ?2)\s*[<>]|[<>]=?\s*1 ?/ ?2\b|\br(?:ound|int)\(|\b(?:gt|ge|lt|le|greater|less)\("
    r"|(?<![a-z])thr(?:esh|e?s?\b)|cut_?off",
    re.I,
)
# Whoever adds a logarithm of a sum, or weighs each loss, may take NLL for the score of the right class, on purpose.
_BY_HAND = re.compile(r"logsumexp|LogSumExp|\breduction\s*=\s*[\"']none[\"']|\breduce\s*=\s*False|-\s*1(?:\.0?)?\s*\*")


def of_scores(program: Program, file: ParsedFile, project: Project) -> Iterator[Finding]:
    """The losses of the file that get scores to which nothing was applied."""
    for use in raw_losses(program, file.path):
        if not any(_is_negated(project, call) for call in use.calls):
            yield _finding(use, program, project)


def _is_negated(project: Project, call: LossCall) -> bool:
    """`-F.nll_loss(scores, y)` takes the scores of some classes on purpose."""
    file = project.parse(call.place.path)
    node = node_of(file, call.place, ast.Call) if file is not None else None
    parent = file.parents.get(node) if file is not None and node is not None else None
    return isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.USub)


def _finding(use: LossUse, program: Program, project: Project) -> Finding:
    unlike = _other_inputs(use)
    reason = unlike or _doubt(use, program)

    def build() -> list[Edit]:
        if unlike:
            raise verbs.CannotRewrite(unlike)
        return better_loss(use, project)

    return propose(
        IDENTITY,
        Level.SUGGESTION if reason else _LEVELS[use.loss],
        _location(use, project),
        f"{_NAMES[use.loss]} wants {_WANTED[use.loss]}, and gets raw scores" + (f"; {reason}" if reason else ""),
        list(_steps(use, project)),
        _TITLES[use.loss],
        build,
        reason,
    )


def _location(use: LossUse, project: Project) -> Location:
    if use.made_at is not None:
        return Location(use.made_at.path, use.made_at.start, use.made_at.end)
    return location_of(project, use.calls[0].place)


def _steps(use: LossUse, project: Project) -> Iterator[Step]:
    for site in use.layers[:3]:
        yield Step(Location(site.path, site.start, site.end), "the scores of this layer go on as they are")
    raw = [call for call in use.calls if call.raw]
    yield from loss_steps(raw, project, _NAMES, f"the loss is built here; it wants {_WANTED[use.loss]}")


def _other_inputs(use: LossUse) -> str | None:
    """What else the loss gets that another loss would not do for."""
    for call in use.calls:
        logarithms = use.loss == "nll" and {a.kind for a in call.activations} == {"log_softmax"}
        if not call.raw and not logarithms:  # cross entropy gives the same for log-probabilities
            return "the loss also gets outputs that may be something else"
    return None


def _doubt(use: LossUse, program: Program) -> str | None:
    """Why the fix is only a suggestion; None where everything was followed."""
    if not program.followed:
        return "there is more code around it than could be followed"
    if use.chosen:
        return "which loss is used is decided at run time"
    if not any(True for kind in (Backward, OptimizerStep) for _ in program.events(kind)):
        return "nothing is trained with it in what could be followed"
    if use.loss == "bce" and any(_is_tried(program.project, call) for call in use.calls):
        return "somebody counts on the exception"
    if _is_handed_on(use, program):
        return "the loss is handed to code that was not read"
    return seen_from_outside(program) or _doubted_by_text(use, list(texts_of(program)))


def _is_tried(project: Project, call: LossCall) -> bool:
    file = project.parse(call.place.path)
    node = node_of(file, call.place, ast.Call) if file is not None else None
    return file is not None and isinstance(node, ast.Call) and expects_failure(file, node)


def _is_handed_on(use: LossUse, program: Program) -> bool:
    return use.made_at is not None and any(
        isinstance(value, Instance) and value.site == use.made_at
        for _, escape in program.events(Escape)
        if escape.model is not None
        for value in options(escape.model)
    )


def _doubted_by_text(use: LossUse, texts: list[str]) -> str | None:
    """Words that may mean an activation which was not seen, or readers that count on one."""
    doubts = [
        (_PUT_IN, "an activation is put into a model from outside"),
        (_IN_PLACE, "numbers are changed in place"),
        (_BY_CLASS, "the class of the loss is asked for"),
    ]
    if use.loss == "nll":
        doubts.append((_BY_HAND, "a loss may be put together by hand, from the scores of the right classes"))
        doubts.append((_EXPONENTS, "exp() is taken somewhere: the model may be meant to give log-probabilities"))
    else:
        doubts.append((_HALVES, "numbers are compared with 0.5: the model may be meant to give probabilities"))
    return next((reason for words, reason in doubts if any(map(words.search, texts))), None)
