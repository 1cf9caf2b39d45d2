"""What a call of interpolate asks for, and what today's torch makes of it. Measured on torch 2.13."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.torch_api import canonical
from torchfix_codemods.analysis.trace import ApiCall
from torchfix_codemods.analysis.values import Const, Sequence, Tensor, Value, force

_FUNCTIONS = frozenset(f"torch.nn.functional.{n}" for n in ("interpolate", "upsample"))
_FIXED_MODES = {"torch.nn.functional.upsample_nearest": "nearest", "torch.nn.functional.upsample_bilinear": "bilinear"}
_MODULES = frozenset(f"torch.nn.{n}" for n in ("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d"))
_WORDS = frozenset(n.rpartition(".")[2] for n in (*_FUNCTIONS, *_FIXED_MODES))
#: A function that says none of these resizes nothing (its callees may).
RESIZING_WORDS = (*sorted(_WORDS), *(n.rpartition(".")[2] for n in sorted(_MODULES)))
_IMAGE_MODES = ("bilinear", "bicubic")
_ANY_MODES = ("nearest", "nearest-exact", "area")
_IMAGE_NAME = re.compile(r"im(?:g|age)|photo|picture|frame|mask|depth|face|thumb|rgb|gr[ae]y|crop|patch", re.I)
_SIGNAL_NAME = re.compile(r"audio|signal|wav|eeg|ecg|speech|mel|sequence|seq\b|token", re.I)


@dataclass(frozen=True)
class Request:
    """One execution of a call: the tensor that it gets, the mode, and for how many dimensions a size is given.

    `count` is 0 for one number for all dimensions, None where it isn't known.
    """

    tensor: Tensor
    mode: str | None
    count: int | None

    @property
    def raises_for_rank(self) -> bool:
        """Whether it raises for the number of dimensions, and one or two more in front are the cure."""
        if self.mode not in (*_IMAGE_MODES, *_ANY_MODES, None) or self.count in (1, 3):
            return False
        if self.tensor.rank == 2:
            return self.count == 2 or (self.mode in _IMAGE_MODES and self.count == 0)
        return self.tensor.rank == 3 and (self.count == 2 or self.mode in _IMAGE_MODES)

    @property
    def squeezes_width(self) -> bool:
        """Whether it resizes only the last of the dimensions (channels, height, width), or of a signal."""
        return self.tensor.rank == 3 and self.count == 0 and self.mode in _ANY_MODES

    @property
    def raises_for_type(self) -> bool:
        """Whether whole numbers or booleans of this type are refused in this mode."""
        if self.tensor.dtype in (None, "float") or self.mode is None:
            return False
        return self.mode == "area" if self.tensor.dtype == "uint8" else True

    @property
    def channels_last(self) -> bool:
        """Whether the tensor of rank 3 is certainly (H, W, C)."""
        shape = self.tensor.shape
        if self.tensor.layout == "HWC":
            return True
        return shape is not None and len(shape) == 3 and shape[2] in (3, 4) and shape[0] not in (1, 2, 3, 4)

    def is_image(self, text: str) -> bool:
        """Whether the tensor of rank 3, written as `text`, is more likely one image than a batch of signals."""
        shape = self.tensor.shape
        if self.tensor.layout is not None:
            return True
        if shape is not None and len(shape) == 3 and None not in shape[1:]:
            height, width = (size or 0 for size in shape[1:])
            return shape[0] in (1, 3, 4) and 4 <= height <= 4 * width and 4 <= width <= 4 * height
        return bool(_IMAGE_NAME.search(text)) and not _SIGNAL_NAME.search(text)


def request_of(file: ParsedFile, call: ast.Call, event: ApiCall) -> Request | None:
    """What one execution of `call` asks for; None where its input isn't known to be a tensor."""
    value = force(event.args[0]) if event.args else force(dict(event.kwargs).get("input", Const(None)))
    if not isinstance(value, Tensor):
        return None
    return Request(value, _mode(event), _count(file, call, event))


def input_of(call: ast.Call) -> ast.expr | None:
    """The expression of the image; None where it isn't written as an argument of its own."""
    named = next((k.value for k in call.keywords if k.arg == "input"), None)
    first = call.args[0] if call.args and not isinstance(call.args[0], ast.Starred) else None
    return named or first


def _given(event: ApiCall, position: int, name: str) -> Value | None:
    found = dict(event.kwargs).get(name)
    if found is None and position < len(event.args):
        found = event.args[position]
    return None if found is None else force(found)


def _mode(event: ApiCall) -> str | None:
    if event.name in _FIXED_MODES:
        return _FIXED_MODES[event.name]
    match _given(event, 3, "mode"):
        case None:
            return "nearest"
        case Const(value=str() as mode):
            return mode
        case _:
            return None


def _count(file: ParsedFile, call: ast.Call, event: ApiCall) -> int | None:
    for position, name in ((1, "size"), (2, "scale_factor")):
        value = _given(event, position, name)
        if value is None or value == Const(None):
            continue
        match value:
            case Const(value=int() | float()):
                return 0
            case Sequence(items=items):
                return len(items)
            case _:
                return _written_count(file, call, position, name)
    return None


def _written_count(file: ParsedFile, call: ast.Call, position: int, name: str) -> int | None:
    """How many numbers an expression gives whose value isn't known, by its form: `x.shape[-2:]`, `img.size[::-1]`."""
    node = next((k.value for k in call.keywords if k.arg == name), None)
    if node is None and position < len(call.args):
        node = call.args[position]
    match node:
        case ast.Attribute(value=ast.Name(), attr=attribute):
            return _pair_by_default(file, call, attribute)
        case ast.Call(func=ast.Name(id="int" | "float" | "round" | "len")):
            return 0
        case ast.Call(func=ast.Name(id="tuple" | "list"), args=[inner]):
            node = inner
        case _:
            pass
    match node:
        case ast.Subscript(
            slice=ast.Slice(lower=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=2)), upper=None)
        ):
            return 2
        case ast.Subscript(value=ast.Attribute(attr="size"), slice=ast.Slice(lower=None, upper=None)):
            return 2  # of an image of PIL
        case ast.Subscript(
            value=ast.Attribute(attr="shape"),
            slice=ast.Slice(lower=None, upper=ast.Constant(value=2), step=None),
        ):
            return 2
        case _:
            return None


def _pair_by_default(file: ParsedFile, call: ast.Call, attribute: str) -> int | None:
    """2 for `self.size` where the class keeps an argument there that is a pair unless somebody gives another."""
    cls = file.enclosing_class(call)
    init = next((n for n in cls.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None) if cls else None
    if init is None or not init.args.args:
        return None
    stored = [
        n.value for n in ast.walk(cls or init) if isinstance(n, ast.Assign) and _is_own(n.targets, init, attribute)
    ]
    names = [a.arg for a in init.args.args][-len(init.args.defaults) or len(init.args.args) :]
    defaults = dict(zip(names, init.args.defaults, strict=False))
    default = defaults.get(stored[0].id) if len(stored) == 1 and isinstance(stored[0], ast.Name) else None
    return 2 if isinstance(default, ast.Tuple | ast.List) and len(default.elts) == 2 else None


def _is_own(targets: list[ast.expr], init: ast.FunctionDef, attribute: str) -> bool:
    """Whether an assignment is to this attribute of the object itself."""
    match targets:
        case [ast.Attribute(value=ast.Name(id=name), attr=attr)]:
            return name == init.args.args[0].arg and attr == attribute
    return False


# --- which files are worth it --------------------------------------------------------------------------------------

#: What can leave a tensor of rank 2 or 3, or of whole numbers, in the methods of a module, where batches are the rule.
_SHORTENS = re.compile(
    r"squeeze|unbind|[Tt]o_?[Tt]ensor|imread|read_image|\.(?:long|int|bool|byte|short)\(|argmax|dtype|randint"
    r"|\.(?:mean|sum|max|min|select)\(|\b(?:rand|randn|zeros|ones|empty|full)\(|Tensor\(|\bfor\s+\w+\s+in\s+(?!range)"
    r"|(?:permute|view|reshape)\(\s*\(?[^(),]*(?:,[^(),]*){1,2}\)"
    r"|(?<=[\w)\]])(?<!shape)(?<!size)(?<!size\(\))\[[^\[\]:]*\]"
)


def resizing_calls(file: ParsedFile, project: Project) -> Iterator[ast.expr]:
    """What is called where too few dimensions (or whole numbers) could come in: only then is a program run.

    Upsamplers that are just a part of a `Sequential` are none of those.
    """
    return (func for func in _candidates(file) if _is_candidate(file, project, func))


def _candidates(file: ParsedFile) -> Iterator[ast.expr]:
    renamed = {
        node.asname for node in file.parents if isinstance(node, ast.alias) and node.asname and node.name in _WORDS
    }
    for node in file.parents:
        match node:
            case ast.Call(func=ast.Name(id=word) | ast.Attribute(attr=word) as func) if word in _WORDS | renamed:
                if not _has_batch(file, node):
                    yield func
            case ast.Call(func=ast.Call(func=ast.Name() | ast.Attribute() as func)):
                if not _has_batch(file, node):
                    yield func
            case ast.Assign(value=ast.Call(func=ast.Name() | ast.Attribute() as func), targets=[target]):
                made = _last_word(func).startswith("Upsampl")
                if made and (not isinstance(target, ast.Attribute) or _SHORTENS.search(_class_text(file, node))):
                    yield func
            case ast.Assign(value=ast.Attribute(attr=word) as value) if word in _WORDS:
                yield value
            case _:
                pass


def _is_candidate(file: ParsedFile, project: Project, func: ast.expr) -> bool:
    word = _last_word(func)
    if not word.startswith("Upsampl") and word not in _WORDS and not isinstance(func, ast.Name):
        return False
    name = canonical(project.qualified_name(file, func) or "")
    return name in _FUNCTIONS or name in _FIXED_MODES or name in _MODULES


def _last_word(func: ast.expr) -> str:
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def _has_batch(file: ParsedFile, call: ast.Call) -> bool:
    """Whether the call certainly gets a batch: by its own words, or as part of a `forward` that never takes it away."""
    given = input_of(call)
    match given:
        case ast.Call(func=ast.Attribute(attr="view" | "reshape" | "permute"), args=sizes) if len(sizes) > 3:
            return not _SHORTENS.search(file.source(given).partition(".")[0])
        case _:
            pass
    function = file.enclosing_function(call)
    if function is None or function.name != "forward" or file.enclosing_class(call) is None:
        return False
    return not any(_SHORTENS.search(file.source(statement)) for statement in function.body)


def _class_text(file: ParsedFile, node: ast.AST) -> str:
    """The text of the `forward` beside a constructor; everything where there is none."""
    cls = file.enclosing_class(node)
    body = cls.body if cls is not None else []
    found = next((s for s in body if isinstance(s, ast.FunctionDef) and s.name == "forward"), None)
    return file.text if found is None else "".join(map(file.source, found.body))
