"""Can `F.interpolate` get an image without a batch dimension (or whole numbers) in a file? A look at its calls.

A finding needs an input of which the interpreter knows that it has two or three dimensions, or four of whole numbers.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from torchfix_codemods.analysis.looks.callers import Callers
from torchfix_codemods.analysis.looks.functions import Function, FunctionNode, Functions, Unclear, functions_of
from torchfix_codemods.analysis.looks.rank_sources import Sources
from torchfix_codemods.analysis.looks.ranks import ANYTHING, Known
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trees import parents, walk

FUNCTIONS = frozenset(["interpolate", "upsample", "upsample_nearest", "upsample_bilinear"])
#: Each begins with letters: these are looked for many times faster than anything else.
_WORDS = (re.compile(r"interpolate\b"), re.compile(r"upsample(?:_nearest|_bilinear)?\b"), re.compile(r"Upsampl\w*"))
_OTHER_MODES = frozenset(["linear", "trilinear"])
#: What can leave a tensor of rank 2 or 3, or of whole numbers, in the methods of a module, where batches are the rule.
SHORTENS = re.compile(
    r"squeeze|unbind|[Tt]o_?[Tt]ensor|imread|read_image|\.(?:long|int|bool|byte|short)\(|argmax|dtype|randint"
    r"|\.(?:mean|sum|max|min|select)\(|\b(?:rand|randn|zeros|ones|empty|full)\(|Tensor\(|\bfor\s+\w+\s+in\s+(?!range)"
    r"|(?:permute|view|reshape)\(\s*\(?[^(),]*(?:,[^(),]*){1,2}\)"
    r"|(?<=[\w)\]])(?<!shape)(?<!size)(?<!size\(\))\[[^\[\]:]*\]"
)
#: Code that asks for the number of dimensions handles several: what is known of one call isn't known of all.
ASKS_FOR_RANK = re.compile(
    r"\.dim\(|\.ndim\b|\.ndimension\(|len\([^()]*\.(?:shape|size\(\))\)|\.resize_\(|\.set_\(|\.shape\s*=[^=]|\.data\s*=[^=]"
)


def may_resize_unbatched(project: Project, path: str) -> bool:
    """Whether some call of a resize may get an input of which the interpreter knows that it is wrong."""
    functions = functions_of(project, path)
    if "\f" in functions.text or "\r" in functions.text.replace("\r\n", ""):
        return True
    try:
        return _File(project, path, functions).may_be_wrong()
    except Unclear:
        return True


@dataclass
class _Found:
    """What the calls of a file come to."""

    may_be_wrong: bool = False
    is_candidate: bool = False  # the rule would look at the file as a whole
    depends: bool = False  # there are calls that count only in a file that the rule looks at
    layers: dict[tuple[str, str], ast.Call] = field(default_factory=dict)  # upsamplers by class and attribute

    @property
    def answer(self) -> bool:
        return self.may_be_wrong or (self.is_candidate and self.depends)


class _File:
    """The resizes of one file."""

    def __init__(self, project: Project, path: str, functions: Functions) -> None:
        self.functions = functions
        self.found = _Found()
        self.sources = Sources(project, path, functions)
        self.callers = Callers(project, path, functions, self.sources.kept.files_of)
        self.said_in: list[Function] = []

    def may_be_wrong(self) -> bool:
        """Whether a call may get what it does not take."""
        text = self.functions.text
        places = dict(sorted(_words(text)))
        together = list(self.functions.holding(places))
        self.said_in = [function for function, _ in together if function is not None]
        for function, positions in together:
            if function is None:
                if any(_counts_outside(text, position, places[position]) for position in positions):
                    return True
            elif _is_said_in_code(text, positions):
                self._look_at(function)
            if self.found.answer:
                return True
        for (owner, attribute), made in self.found.layers.items():
            self._look_at_layer(owner, attribute, made)
        return self.found.answer

    def _look_at(self, function: Function) -> None:
        tree = self.sources.tree(function)
        calls = list(_calls(function, tree, self.sources, self.found))
        if not calls:
            return
        inner = _nested(tree)
        inputs = {call: _input(call) for call in calls}
        known = self._known(function, inputs)
        batched = function.name == "forward" and function.owner and not SHORTENS.search(_body(function, tree))
        asks = ASKS_FOR_RANK.search(_source(function, tree)) is not None
        for call, node in inputs.items():
            alone = call not in inner
            wrong = _is_wrong(call, ANYTHING if node is None or not alone else known.get(node))
            if batched and alone:
                self.found.depends |= wrong and not asks
            else:
                self.found.is_candidate = True
                self.found.may_be_wrong |= wrong and not (asks and alone)

    def _known(
        self, function: Function, inputs: dict[ast.Call, ast.expr | None], made: ast.Call | None = None
    ) -> dict[ast.AST, Known]:
        """What may be known of the inputs: by the function alone, or else as it is run with unknown arguments."""
        known = self.sources.alone(function, [node for node in inputs.values() if node is not None])
        left = [node for call, node in inputs.items() if node and _is_wrong(made or call, known.get(node))]
        if left:
            known |= self._as_it_is_run(function, left)
        return known

    def _as_it_is_run(self, function: Function, wanted: list[ast.expr]) -> dict[ast.AST, Known]:
        """What may be known of inputs for the arguments that the function gets."""
        if self.callers.is_root(function, self.said_in):
            return self.sources.unknown(function, wanted)
        return self.sources.of_calls(function, wanted, self.callers.callers(function, self.said_in))

    def _look_at_layer(self, owner: str, attribute: str, made: ast.Call) -> None:
        """An upsampler that an object keeps: the rule asks for its calls where `forward` may take the batch away."""
        forwards = [f for f in self.functions.named("forward") if f.owner == owner]
        counts = not forwards or any(SHORTENS.search(_body(f, self.sources.tree(f))) for f in forwards)
        self.found.is_candidate |= counts
        places = [m.start() for m in re.finditer(rf"\.{attribute}\b", self.functions.text)]
        for function, _ in self.functions.holding(places):
            for call in _calls_of(attribute, self.sources.tree(function)) if function is not None else ():
                image = _input(call)
                known = self.sources.alone(function, [image]).get(image) if image and function else ANYTHING
                wrong = _is_wrong(made, known, 2)
                self.found.may_be_wrong |= wrong and counts
                self.found.depends |= wrong


def _calls_of(attribute: str, tree: FunctionNode) -> Iterator[ast.Call]:
    """The calls of what an attribute holds. Raises `Unclear` where it goes elsewhere."""
    inner = _nested(tree)
    for node, parent in parents(tree).items():
        if isinstance(node, ast.Attribute) and node.attr == attribute and isinstance(node.ctx, ast.Load):
            if not (isinstance(parent, ast.Call) and parent.func is node) or node in inner:
                raise Unclear
            yield parent


def _words(text: str) -> Iterator[tuple[int, int]]:
    """From where to where the words of a resize stand."""
    for words in _WORDS:
        for match in words.finditer(text):
            if not (text[match.start() - 1 : match.start()].isalnum() or text[match.start() - 1] == "_"):
                yield match.span()


def _is_said_in_code(text: str, positions: Iterable[int]) -> bool:
    """Whether a word stands elsewhere than in a comment."""
    return any("#" not in text[text.rfind("\n", 0, p) + 1 : p] for p in positions)


def _counts_outside(text: str, position: int, end: int) -> bool:
    """Whether a word outside of functions is more than a mention."""
    line = text[text.rfind("\n", 0, position) + 1 : position]
    after = text[end : end + 40].lstrip(" \t\\")
    if "#" in line or (line.rstrip().endswith("class") and "Upsampl" in text[position : position + 7]):
        return False
    if line.lstrip().startswith(("import ", "from ")):
        return after.startswith("as ")
    return after.startswith(("(", "as ")) or bool(re.search(r"=[ \t]*[\w.]*\Z", line)) or "Upsampl" in line


def _calls(function: Function, tree: FunctionNode, sources: Sources, found: _Found) -> Iterator[ast.Call]:
    """The calls of a function that may resize. Raises `Unclear` where a resize is handed on under another name."""
    called: set[ast.AST] = set()
    above = parents(tree)
    for node in (tree, *above):
        match node:
            case ast.Call(func=ast.Name() | ast.Attribute() as func):
                called.add(func)
                if _word(func) in FUNCTIONS and not _is_own(func):
                    yield node
                elif _word(func).startswith("Upsampl") and not sources.defines(_word(func)):
                    _note_layer(node, function, above, found)
            case ast.Name(ctx=ast.Load()) | ast.Attribute(ctx=ast.Load()):
                if _word(node) in FUNCTIONS and node not in called and _is_function(node, tree):
                    raise Unclear
            case _:
                pass


def _note_layer(made: ast.Call, function: Function, above: dict[ast.AST, ast.AST], found: _Found) -> None:
    """An upsampler is made: it is kept by the object, or goes into a container."""
    match above[made]:
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=attr)]) if function.owner:
            found.layers[function.owner, attr] = made
        case ast.Call(func=ast.Attribute() | ast.Name() as func) if _word(func) == "Sequential":
            pass  # nobody looks into one
        case ast.List() | ast.Call(func=ast.Attribute(attr="append")):
            found.depends = True
        case _:
            raise Unclear


def _word(func: ast.expr) -> str:
    return func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""


def _is_own(func: ast.expr) -> bool:
    """`self.upsample(...)`: a method or a layer, which was looked at where it was made."""
    return isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id == "self"


def _is_function(node: ast.expr, tree: FunctionNode) -> bool:
    """Whether a name may be that of the function: neither a parameter or variable, nor an attribute of one."""
    root = node
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(root, ast.Name):
        return True
    spec = tree.args
    given = (*spec.posonlyargs, *spec.args, *spec.kwonlyargs, spec.vararg, spec.kwarg)
    bound = {a.arg for a in given if a} | {
        n.id for n in walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    return root.id not in bound


def _nested(tree: FunctionNode) -> set[ast.AST]:
    """Everything in functions and classes within the function."""
    inner = (n for n in walk(tree) if isinstance(n, FunctionNode | ast.Lambda | ast.ClassDef) and n is not tree)
    return {node for function in inner for node in walk(function)}


def _input(call: ast.Call) -> ast.expr | None:
    """The expression of the image; None where it isn't written on its own."""
    named = next((k.value for k in call.keywords if k.arg == "input"), None)
    if named is None and call.args and not isinstance(call.args[0], ast.Starred):
        return call.args[0]
    return named


def _is_wrong(call: ast.Call, known: Known | None, at: int = 3) -> bool:
    """Whether there is something to say about a call with such an input. None: it is never reached."""
    if known is None:
        return False
    if 4 in known.ranks and known.whole:
        return True
    mode = next((k.value for k in call.keywords if k.arg == "mode"), call.args[at] if len(call.args) > at else None)
    if isinstance(mode, ast.Constant) and mode.value in _OTHER_MODES:
        return False
    return bool(known.ranks & {2, 3})


def _source(function: Function, tree: FunctionNode) -> str:
    """The text of a function, without the comments behind it."""
    lines = function.text.split("\n")
    return "\n".join(lines[: (tree.end_lineno or len(lines)) - function.text[:1].isspace()])


def _body(function: Function, tree: FunctionNode) -> str:
    lines = _source(function, tree).split("\n")
    return "\n".join(lines[tree.body[0].lineno - 1 - function.text[:1].isspace() :])
