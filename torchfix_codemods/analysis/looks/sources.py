"""What is followed from its source: the outputs of softmax and sigmoid, of log_softmax, of logarithms; and to where."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from torchfix_codemods.analysis.activation_names import EXACT, names_an_activation
from torchfix_codemods.analysis.looks.held import OUTPUT, Held
from torchfix_codemods.analysis.looks.operations import is_kept, is_library, last

_MADE = frozenset("Softmax Softmax2d Sigmoid LogSoftmax".split())


@dataclass(frozen=True)
class Sources:
    """`words` finds where one may be applied, `exact` are torch's own names; `sinks` must not get it."""

    words: re.Pattern[str]
    exact: frozenset[str]
    sinks: frozenset[str]
    of_softmax: bool = False  # only those of a softmax are followed
    others: bool = False  # names that only contain a word are such functions too

    def known(self, name: str, text: str, *, called: bool) -> Held | None:
        """What a name gives that may be one of the functions or modules, in a file of this text."""
        if name in _MADE and name in self.exact:
            return Held(gives=Held(gives=OUTPUT))
        if name in self.exact or (called and self.others and names_an_activation(name, text)):
            return Held(gives=OUTPUT)
        return None

    def is_said(self, name: str, text: str) -> bool:
        """Whether a word is the name of one, in a file of this text."""
        return name in self.exact or (self.others and names_an_activation(name, text))

    def spares(self, call: ast.Call) -> bool:
        """Whether a logarithm is certainly that of no softmax: of a number, or of something computed."""
        if not self.of_softmax or last(call.func) not in self.exact:
            return False
        if isinstance(call.func, ast.Attribute):
            if last(call.func.value) in ("math", "cmath", "logging", "logger"):
                return True
            operands = call.args[:1] if is_library(call.func.value) else [call.func.value]
        else:
            operands = call.args[:1]
        return bool(operands) and all(map(_is_computed, operands))


def _is_computed(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        by_torch = isinstance(node.func, ast.Attribute) and is_library(node.func.value)
        return by_torch and not is_kept(last(node.func)) and not names_an_activation(last(node.func), "")
    return isinstance(node, ast.BinOp | ast.UnaryOp | ast.Constant | ast.Compare)


_ENTROPY = frozenset("cross_entropy CrossEntropyLoss".split())
_LIKELIHOOD = frozenset("nll_loss nll_loss2d NLLLoss NLLLoss2d".split())
_WITH_LOGITS = frozenset("binary_cross_entropy_with_logits BCEWithLogitsLoss MultiLabelSoftMarginLoss".split())
ACTIVATIONS = Sources(
    re.compile(r"oftmax|igmoid|expit"),
    EXACT,
    _ENTROPY | _LIKELIHOOD | _WITH_LOGITS | frozenset(["log_softmax", "LogSoftmax"]),
    others=True,
)
#: Redundant before cross entropy, right before NLL.
LOG_SOFTMAXES = Sources(re.compile(r"og_softmax|ogSoftmax"), frozenset(["log_softmax", "LogSoftmax"]), _ENTROPY)
#: The logarithm of a softmax: infinite where log_softmax is not.
LOGARITHMS = Sources(re.compile(r"log\b"), frozenset(["log"]), _LIKELIHOOD, of_softmax=True)
