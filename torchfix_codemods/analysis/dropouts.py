"""What drops out in torch, by canonical name, and what a call of it says about when it does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from torchfix_codemods.analysis.parsed import FunctionNode

_PLAIN = ("dropout", "dropout1d", "dropout2d", "dropout3d")
ALPHA = ("alpha_dropout", "feature_alpha_dropout")  # their flag is False unless given: they never drop
FUNCTIONAL = "torch.nn.functional."

#: What drops, by canonical name, and the kind of its signature.
KINDS: dict[str, str] = {
    **{FUNCTIONAL + name: "function" for name in (*_PLAIN, *ALPHA)},
    **{f"torch.{name}{mark}": "native" for name in ("dropout", *ALPHA, "feature_dropout") for mark in ("", "_")},
    FUNCTIONAL + "scaled_dot_product_attention": "attention",
    **{f"torch.nn.Dropout{size}": "module" for size in ("", "1d", "2d", "3d")},
    **{f"torch.nn.{name}": "module" for name in ("AlphaDropout", "FeatureAlphaDropout")},
}
WORDS = frozenset(name.rpartition(".")[2] for name in KINDS)
#: Position and name of the probability and of the flag; attention has no flag.
PLACES = {
    "function": ((1, "p"), (2, "training")),
    "native": ((1, "p"), (2, "train")),
    "attention": ((4, "dropout_p"), None),
    "module": ((0, "p"), None),
}
_FLAG = re.compile(
    r"\b(?:is_?|in_?|_)*(?:training|train|train(?:ing)?_?mode|eval(?:uation|uating)?(?:_?mode)?|test(?:ing|_?mode)?"
    r"|infer(?:ence|ring)?(?:_?mode)?|deterministic|phase|mode|mc|mc_?dropout)\b",
    re.I,
)


def last_word(node: ast.expr) -> str:
    """The last part of a name, or of the name that is called; "" for anything else."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=func):
            return last_word(func)
        case _:
            return ""


def argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    """An argument by its keyword or, where it has none, by its position."""
    found = next((k.value for k in call.keywords if k.arg == name), None)
    if found is None and position < len(call.args):
        return call.args[position]
    return found


def is_parameter(function: FunctionNode | None, value: ast.expr | None) -> bool:
    """Whether a value is a parameter of the function around it, so that its callers decide."""
    if function is None or not isinstance(value, ast.Name):
        return False
    arguments = function.args
    return value.id in {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}


def is_nothing(value: ast.expr | None) -> bool:
    """Whether a probability is written as 0 or None."""
    return isinstance(value, ast.Constant) and (value.value is None or value.value == 0)


def is_true(flag: ast.expr) -> bool:
    """Whether a flag is a plain True."""
    return isinstance(flag, ast.Constant) and flag.value is True


def speaks_of_mode(node: ast.expr) -> bool:
    """Whether some name in an expression is that of a training or evaluation flag."""
    return any(
        _FLAG.fullmatch(getattr(part, "attr", "") or getattr(part, "id", ""))
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute | ast.Name)
    )


def written_values(function: FunctionNode | None, value: ast.expr | None) -> Iterator[ast.expr]:
    """A probability as written, and what the function assigns to its name."""
    if value is None:
        return
    yield value
    if isinstance(value, ast.Name) and function is not None:
        yield from assigned(function, value.id)


def assigned(function: FunctionNode, name: str) -> Iterator[ast.expr]:
    """Every value that a function gives to a name, and the conditions under which it does."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=targets, value=value) if any(
                isinstance(t, ast.Name) and t.id == name for t in targets
            ):
                yield value
            case (
                ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value)
                | ast.AugAssign(target=ast.Name(id=found), value=value)
            ) if found == name:
                yield value
            case ast.If(test=test) if any(
                isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in ast.walk(node)
            ):
                yield test
            case _:
                pass
