"""Where the value of an expression may come from: through names, attributes, parameters, calls and other files.

What flows is told apart by names alone: an attribute is one for all objects that have it, a method one for all classes.
"""

from __future__ import annotations

import ast
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from torchfix_codemods.analysis.bare_names import Origin, bare_names
from torchfix_codemods.analysis.looks.bindings import (
    Binding,
    Header,
    Names,
    Path,
    Source,
    closing,
    end_of_statement,
    is_keyword,
    parsed_statement,
)
from torchfix_codemods.analysis.looks.functions import Function, Unclear
from torchfix_codemods.analysis.looks.kinds import (
    CONVERSIONS,
    DEEPENING,
    FROM_DATA,
    GATHERING,
    KEEPING,
    READS_BYTES,
    SHAPED,
    TYPED,
    TYPES,
    USUAL_TYPES,
    Kind,
    held,
    item,
    of_data,
)
from torchfix_codemods.analysis.outline import without_comments
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.torch_api import BEST, INVARIANT, JOINING, SAME_OBJECT
from torchfix_codemods.analysis.trees import children, walk

MAX_STEPS = 200  # expressions looked at for one file
MAX_PATH = 3
MAX_ROUNDS = 8
MAX_HOLDERS = 60
KEPT_SOURCES = 24
_ITEMS = ("__getitem__", "__iter__", "__next__")
_CALLED = ("forward", "__call__")
_LIBRARIES = frozenset(["torch", "np", "numpy", "F", "functional", "nn"])
_THROUGH = re.compile(r"Dropout|Identity|Flatten|Unflatten|Sequential|ModuleList|DataLoader|Dataset|Subset")
_SAME = frozenset(
    "to cuda cpu float double half bfloat16 eval train requires_grad_ module apply type values items get".split()
)
_ASKED = re.compile(r"\.(?:" + "|".join(sorted(_SAME | SAME_OBJECT)) + r")\b")
_ASKS = frozenset("isinstance len hasattr print getattr type".split())
_NO_TENSOR = frozenset("int float str bool len isinstance hasattr type id round repr format sum abs print".split())


class Place(NamedTuple):
    """Where an expression stands: its file, and the outermost function around it."""

    source: Source
    function: Function | None


class Origins:
    """What expressions of one file (and of those it reaches) may be. Raises `Unclear` where that isn't understood."""

    def __init__(self, project: Project, path: str) -> None:
        self.project = project
        self.path = path
        self.sources: dict[str, Source] = {}
        self.steps = 0
        self.users: list[str] = []
        self._lineage: list[str] | None = None
        self._imported_files: dict[str, list[str]] = {}
        self._known: dict[object, Kind] = {}
        self._guessed: dict[object, Kind] = {}  # by the round before
        self._open: dict[object, bool] = {}  # what is being computed, and whether somebody asked for it meanwhile
        self._stale = False

    def source(self, path: str) -> Source:
        if path not in self.sources:
            self.sources[path] = _source(self.project, path)
        return self.sources[path]

    def kind(self, node: ast.expr, place: Place) -> Kind:
        """What an expression may be: asked again while answers were used before they were complete."""
        settled = dict(self._known)
        for _ in range(MAX_ROUNDS):
            self._stale = False
            found = self._kind(node, place, ())
            if not self._stale:
                return found
            self._guessed, self._known = self._known, dict(settled)
        raise Unclear

    def _once(self, key: object, compute: Callable[[], Kind]) -> Kind:
        """An answer, given once; one that is asked for on the way to itself is the one of the last round."""
        if key in self._known:
            return self._known[key]
        if key in self._open:
            self._open[key] = True
            return self._guessed.get(key, Kind.NOTHING)
        self._open[key] = False
        try:
            found = compute()
        finally:
            used = self._open.pop(key)
        if used and found != self._guessed.get(key, Kind.NOTHING):
            self._stale = True
        self._known[key] = found
        return found

    # --- expressions ---------------------------------------------------------------------------------------------

    def _kind(self, node: ast.expr, place: Place, path: Path) -> Kind:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise Unclear
        if len(path) > MAX_PATH:
            return item(self._kind(node, place, path[:MAX_PATH]))
        match node:
            case ast.Name(id=name):
                return self._name(name, place, path)
            case ast.Constant(value=value):
                return (
                    Kind.TRUTH
                    if isinstance(value, bool)
                    else Kind.FRACTION
                    if isinstance(value, float)
                    else Kind.NOTHING
                )
            case ast.Attribute():
                return self._attribute(node, place, path)
            case ast.Call():
                return self._call(node, place, path)
            case ast.Subscript():
                return self._subscript(node, place, path)
            case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
                return self._display(parts, place, path)
            case ast.Dict():
                return self._dictionary(node, place, path)
            case ast.ListComp(elt=part) | ast.GeneratorExp(elt=part) | ast.SetComp(elt=part):
                if path:
                    return self._kind(part, place, path[1:])
                return held(self._kind(part, place, ())) | Kind.LISTED
            case ast.DictComp(value=part):
                return self._kind(part, place, path[1:]) if path else held(self._kind(part, place, ()))
            case ast.IfExp(body=one, orelse=other):
                return self._kind(one, place, path) | self._kind(other, place, path)
            case ast.BoolOp(values=parts):
                return self._any(parts, place, path)
            case ast.NamedExpr(value=inner) | ast.Starred(value=inner) | ast.Await(value=inner):
                return self._kind(inner, place, path)
            case ast.BinOp():
                return self._binary(node, place, path)
            case ast.UnaryOp(op=op, operand=inner):
                if isinstance(op, ast.Not):
                    return Kind.TRUTH
                return self._kind(inner, place, ()) & (Kind.FRACTION | Kind.DEEP)
            case ast.Compare():
                return self._compare(node, place)
            case _:
                return Kind.NOTHING

    def _any(self, nodes: Iterable[ast.expr], place: Place, path: Path = ()) -> Kind:
        found = Kind.NOTHING
        for node in nodes:
            found |= self._kind(node, place, path)
        return found

    def _taken(self, kind: Kind, path: Path) -> Kind:
        for _ in path:
            kind = item(kind)
        return kind

    def _display(self, parts: list[ast.expr], place: Place, path: Path) -> Kind:
        if not path:
            return held(self._any(parts, place)) | Kind.LISTED
        first, rest = path[0], path[1:]
        starred = any(isinstance(part, ast.Starred) for part in parts)
        if isinstance(first, int) and not starred and -len(parts) <= first < len(parts):
            return self._kind(parts[first], place, rest)
        found = Kind.NOTHING
        for part in parts:
            inner = isinstance(part, ast.Starred)
            found |= self._kind(part, place, (None, *rest) if inner else rest)
        return found

    def _dictionary(self, node: ast.Dict, place: Place, path: Path) -> Kind:
        found = Kind.NOTHING
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                found |= self._kind(value, place, path)
            elif path and isinstance(path[0], str) and isinstance(key, ast.Constant) and key.value != path[0]:
                continue
            else:
                found |= self._kind(value, place, path[1:]) if path else held(self._kind(value, place, ()))
        return found

    def _binary(self, node: ast.BinOp, place: Place, path: Path) -> Kind:
        left, right = self._kind(node.left, place, path), self._kind(node.right, place, path)
        if isinstance(node.op, ast.Add) and (path or (left & right) & Kind.LISTED):
            return left | right
        kept = (left | right) & (Kind.FRACTION | Kind.DEEP)
        kept |= Kind.FRACTION if isinstance(node.op, ast.Div) else Kind.NOTHING
        return kept | Kind.DEEP if isinstance(node.op, ast.MatMult) else kept

    def _compare(self, node: ast.Compare, place: Place) -> Kind:
        if any(isinstance(op, ast.Is | ast.IsNot | ast.In | ast.NotIn) for op in node.ops):
            return Kind.TRUTH
        operands = self._any([node.left, *node.comparators], place)
        return Kind.NARROW | Kind.TRUTH | Kind.DEEP | (operands & Kind.ARRAY)

    def _subscript(self, node: ast.Subscript, place: Place, path: Path) -> Kind:
        if isinstance(node.slice, ast.Slice):
            return self._kind(node.value, place, path) & ~Kind.WRITTEN
        at = node.slice
        if isinstance(at, ast.Tuple):  # of a tensor, or of an array
            found = self._kind(node.value, place, ()) & (TYPED | Kind.ARRAY | Kind.DEEP)
            return found | Kind.DEEP if any(isinstance(p, ast.Constant) and p.value is None for p in at.elts) else found
        step: int | str | None = None
        if isinstance(at, ast.Constant) and isinstance(at.value, int | str) and not isinstance(at.value, bool):
            step = at.value
        found = self._kind(node.value, place, (step, *path)) & ~Kind.WRITTEN
        return found | Kind.DEEP if isinstance(at, ast.Constant) and at.value is None else found

    # --- names ---------------------------------------------------------------------------------------------------

    def _name(self, name: str, place: Place, path: Path) -> Kind:
        key = (place.source.path, place.function.start if place.function else -1, name, path)
        return self._once(key, lambda: self._name_found(name, place, path))

    def _name_found(self, name: str, place: Place, path: Path) -> Kind:
        source, function = place
        if source.captures(function, name):
            raise Unclear
        if function is None:
            return self._outer(name, place, path)
        bindings = source.bound(function, name)
        found = self._of(bindings, place, path)
        parameters = list(self._with_parameter(source, name, function))
        for header, inner in parameters:
            found |= self._parameter(header, inner, name, place, path)
        if bindings or parameters:
            return found
        return self._outer(name, place, path)

    def _of(self, bindings: Iterable[Binding], place: Place, path: Path) -> Kind:
        found = Kind.NOTHING
        for value, steps, inside in bindings:
            if not inside:
                found |= self._kind(value, place, (*steps, *path))
            elif path:
                found |= self._kind(value, place, (*steps, *path[1:]))
            else:
                found |= held(self._kind(value, place, steps)) & ~TYPED
        return found

    def _outer(self, name: str, place: Place, path: Path) -> Kind:
        """A name of the top level, of another file, or of Python."""
        source = place.source
        outside = Place(source, None)
        if name in source.classes or source.defines(name):
            return Kind.NOTHING  # itself is no tensor
        if place.function is not None and source.captures(None, name):
            raise Unclear
        bindings = source.bound_outside(name)
        if bindings:
            return self._of(bindings, outside, path)
        if name in ("bool", "float"):
            return Kind.NARROW if name == "bool" else Kind.FLOAT
        found = Kind.NOTHING
        for origin in self.imported(source, name):
            if origin.kind == "unknown" and origin.path == "":
                found |= self._foreign_variable(source, name, path)
            elif origin.kind == "external":
                found |= TYPES.get(origin.name.rpartition(".")[2], Kind.NOTHING)
        return found

    def _foreign_variable(self, source: Source, name: str, path: Path) -> Kind:
        found = Kind.NOTHING
        entries = bare_names(self.project).entries(source.path)
        for entry in (*entries.get(name, ()), *entries.get("*", ())):
            target = self.project.module_path(entry.module, source.path, entry.level)
            if target is not None and not target.endswith("/") and target != source.path:
                wanted = name if entry.name == "*" else entry.name or name
                found |= self._name(wanted, Place(self.source(target), None), path)
        return found

    def imported(self, source: Source, name: str) -> frozenset[Origin]:
        entries = bare_names(self.project).entries(source.path)
        if name not in entries and "*" not in entries:
            return frozenset()
        return bare_names(self.project).defined(source.path, name)

    # --- parameters ----------------------------------------------------------------------------------------------

    def _with_parameter(self, source: Source, name: str, function: Function) -> Iterator[tuple[Header, int]]:
        """The functions within a function (itself among them) that have a parameter of this name."""
        for header in source.headers():
            within = function.start <= header.start < function.end and name in header.arguments
            if within and re.search(rf"(?<![\w.\[]){name}\b(?![\w.(\[])", header.arguments):
                yield header, header.start

    def _parameter(self, header: Header, start: int, name: str, place: Place, path: Path) -> Kind:
        source = place.source
        key = (source.path, start, "parameter", name, path)
        return self._once(key, lambda: self._parameter_found(header, name, place, path))

    def _parameter_found(self, header: Header, name: str, place: Place, path: Path) -> Kind:
        source = place.source
        spec = source.arguments(header)
        names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        if spec.vararg and spec.vararg.arg == name:
            return self._many(header, len(names), place, path)
        if spec.kwarg and spec.kwarg.arg == name:
            return self._rest(source, path)
        if name not in names and name not in [a.arg for a in spec.kwonlyargs]:
            return Kind.NOTHING
        found = Kind.NOTHING
        default = _default(spec, name)
        if default is not None:
            found |= self._kind(default, Place(source, None), path)
        found |= self._by_name(source, name, path)
        if name in names:
            at = names.index(name)
            for call, where, shift in self._callers(header, place):
                found |= self._given(call, at - shift, where, path)
            for call, where in self._calls_in_bases(header.name):
                found |= self._given(call, at - 1, where, path)
                found |= self._any((k.value for k in call.keywords if k.arg == name), where, path)
        return found

    def _many(self, header: Header, first: int, place: Place, path: Path) -> Kind:
        """An item of `*args`: what any call gives from a position on."""
        found = Kind.NOTHING
        calls = [
            *self._callers(header, place),
            *((call, where, 1) for call, where in self._calls_in_bases(header.name)),
        ]
        for call, where, shift in calls:
            for argument in call.args[max(0, first - shift) :]:
                inner = isinstance(argument, ast.Starred)
                found |= self._kind(argument, where, path if inner else path[1:])
        return found if path else held(found) | Kind.LISTED

    def _rest(self, source: Source, path: Path) -> Kind:
        """An item of `**kwargs`: what any call gives by that name."""
        if not path:
            return Kind.NOTHING
        if not isinstance(path[0], str):
            raise Unclear
        return self._by_name(source, path[0], path[1:])

    def _given(self, call: ast.Call, at: int, place: Place, path: Path) -> Kind:
        found = Kind.NOTHING
        for position, argument in enumerate(call.args[: at + 1]):
            if isinstance(argument, ast.Starred):
                found |= self._kind(argument.value, place, (None, *path))
            elif position == at:
                found |= self._kind(argument, place, path)
        return found

    def _by_name(self, source: Source, name: str, path: Path) -> Kind:
        """What calls and dictionaries give by a name."""
        key = (source.path, "given", name, path)
        return self._once(key, lambda: self._by_name_found(source, name, path))

    def _by_name_found(self, source: Source, name: str, path: Path) -> Kind:
        found = Kind.NOTHING
        for value, where in self._keywords(source, name):
            found |= self._kind(value, where, path)
        return found

    def _keywords(self, source: Source, name: str) -> Iterator[tuple[ast.expr, Place]]:
        """What is given by the name, `name=value` in a call or `"name": value` in a dictionary."""
        for each in self.searched(source):
            for at in each.occurrences(name):
                value = given_by_name(each, at, len(name))
                if value is not None:
                    yield value, Place(each, each.around(at))

    def searched(self, source: Source) -> list[Source]:
        """The files whose calls matter for a function of a file."""
        paths = dict.fromkeys([source.path, self.path, *self.users])
        return [self.source(path) for path in paths]

    def _lineage_files(self) -> list[str]:
        """The files of the classes from which those of the file in question derive."""
        if self._lineage is None:
            found: dict[str, None] = {}
            todo = [self.path]
            for path in todo:
                for other in _files_of_bases(self.project, path):
                    if other not in found and other != self.path:
                        found[other] = None
                        todo.append(other)
            self._lineage = list(found)
        return self._lineage

    def _callers(self, header: Header, place: Place) -> Iterator[tuple[ast.Call, Place, int]]:
        """Calls of a function, with where they stand and how many of its parameters they leave to the object."""
        source = place.source
        around = source.around(header.start)
        owner = around.owner if around is not None and around.name == header.name else ""
        bound = 1 if owner and re.match(r"\s*(?:self|cls)\b", header.arguments) else 0
        for each in self.searched(source):
            for call, at in _calls_of(each, header.name, header.name not in ("__init__", *_CALLED)):
                where = Place(each, each.around(at))
                yield call, where, bound
                if bound and re.search(r"\b[A-Z]\w*\.\Z", each.text[max(0, at - 60) : at]):
                    yield call, where, 0
        if owner and header.name in ("__init__", *_CALLED):
            for holder in holders(self, source, owner, header.name != "__init__"):
                for call, at in calls_by(holder):
                    yield call, Place(holder.source, holder.source.around(at)), 1

    def _calls_in_bases(self, name: str) -> Iterator[tuple[ast.Call, Place]]:
        """The calls of a method that the classes make from which those of the file in question derive."""
        said = ("self(", "self.forward(") if name in _CALLED else (f"self.{name}(",)
        for path in self._lineage_files():
            if not any(each in (self.project.read(path) or "") for each in said):
                continue
            source = self.source(path)
            for each in said:
                for call, at in _calls_of(source, each[:-1].rpartition(".")[2], handed=False):
                    if source.text.startswith(each, at if each == "self(" else at - len("self.")):
                        yield call, Place(source, source.around(at))

    # --- attributes ----------------------------------------------------------------------------------------------

    def _attribute(self, node: ast.Attribute, place: Place, path: Path) -> Kind:
        name = node.attr
        found = Kind.NOTHING
        if name in ("data", "T", "mT", "H"):
            found |= self._kind(node.value, place, path)
        if name == "shape":
            found |= Kind.NOTHING if path else Kind.LISTED
        if name in TYPES or name in USUAL_TYPES:
            found |= TYPES.get(name, Kind.NOTHING)
            if isinstance(node.value, ast.Name) and node.value.id in _LIBRARIES:
                return found
        found |= self._of_module(node, place, path)
        return found | self._field(name, place, path)

    def _of_module(self, node: ast.Attribute, place: Place, path: Path) -> Kind:
        """`settings.INDEX`, of a module of the project."""
        chain, parts = node.value, list[str]()
        while isinstance(chain, ast.Attribute):
            parts.append(chain.attr)
            chain = chain.value
        if not isinstance(chain, ast.Name) or chain.id in ("self", "cls", *_LIBRARIES):
            return Kind.NOTHING
        if chain.id not in bare_names(self.project).entries(place.source.path):
            return Kind.NOTHING
        found = Kind.NOTHING
        dotted = ".".join([chain.id, *reversed(parts)])
        for origin in bare_names(self.project).dotted(place.source.path, dotted):
            if origin.kind == "module" and not origin.path.endswith("/"):
                found |= self._name(node.attr, Place(self.source(origin.path), None), path)
        return found

    def _field(self, name: str, place: Place, path: Path) -> Kind:
        key = (place.source.path, "field", name, path)
        return self._once(key, lambda: self._field_found(name, place.source, path))

    def _field_found(self, name: str, source: Source, path: Path) -> Kind:
        found = Kind.NOTHING
        given = [
            other
            for other in (*self._imports(self.source(self.path)), *self._lineage_files())
            if name in _stored_in(self.project, other)
        ]
        for each in dict.fromkeys([*self.searched(source), *map(self.source, given)]):
            found |= self._field_of(name, each, path)
        return found

    def _field_of(self, name: str, source: Source, path: Path) -> Kind:
        found = Kind.NOTHING
        text = source.text
        done: set[Function] = set()
        fields = re.finditer(rf"\n[ \t]+{name}[ \t]*[:=]", text)
        given = source.path in (self.path, *self.users) or any(source.around(m.end()) is None for m in fields)
        for at in source.occurrences(name):
            function = source.around(at)
            if given and (value := given_by_name(source, at, len(name))) is not None:
                found |= self._kind(value, Place(source, function), path)
            elif function is not None and text[at - 1 : at] == "." and function not in done:
                done.add(function)
                found |= self._of(source.bound(function, f".{name}"), Place(source, function), path)
            elif text[at - 4 : at] == "def ":
                found |= self._returned(source, name, path)
        if "setattr(" in text and re.search(rf"setattr\([^\n]*[\"']{name}[\"']", text):
            raise Unclear
        found |= self._as_a_field(name, source, path)
        return found | self._of(source.bound_outside(name), Place(source, None), path)

    def _as_a_field(self, name: str, source: Source, path: Path) -> Kind:
        """What a class without an `__init__` of its own (a dataclass) is given by position for its fields."""
        found = Kind.NOTHING
        for field in re.finditer(rf"\n[ \t]+{name}[ \t]*:", source.text):
            if source.around(field.end()) is not None:
                continue
            owner = re.findall(r"\nclass[ \t]+(\w+)", source.text[: field.start()])
            for each in self.searched(source) if owner else ():
                for call, at in _calls_of(each, owner[-1], handed=False):
                    found |= self._any(call.args, Place(each, each.around(at)), path)
        return found

    # --- calls ---------------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call, place: Place, path: Path) -> Kind:
        function = node.func
        if isinstance(function, ast.Attribute):
            name, receiver = function.attr, function.value
        elif isinstance(function, ast.Name):
            name, receiver = function.id, None
        else:
            return self._called(function, node, place, path)
        known = self._known_call(name, receiver, node, place, path)
        if known is not None and not (receiver is None and place.source.defines(name)):
            defined = receiver is not None and not _is_library(receiver) and place.source.defines(name)
            return known | self._project_call(name, node, place, path) if defined else known
        return self._project_call(name, node, place, path) | self._through(name, node, place, path)

    def _known_call(
        self, name: str, receiver: ast.expr | None, node: ast.Call, place: Place, path: Path
    ) -> Kind | None:
        """What a function or method of torch, numpy or Python gives; None for other names."""
        library = receiver is None or _is_library(receiver)
        subject = (node.args[0] if node.args else None) if library else receiver
        array = Kind.ARRAY if library and not _is_torch(receiver) else Kind.NOTHING
        if receiver is None and name in _NO_TENSOR:
            return Kind.NOTHING
        if receiver is None and (
            name in GATHERING or name in ("range", "enumerate", "zip", "map", "filter", "next", "dict")
        ):
            return self._python_call(name, node, place, path)
        if name in CONVERSIONS and receiver is not None:
            deep = self._kind(receiver, place, ()) & Kind.DEEP
            return CONVERSIONS[name] | deep
        if name in ("to", "type", "type_as", "astype"):
            return self._converted(name, receiver, node, place) if receiver is not None else Kind.NOTHING
        if name in FROM_DATA:
            return self._taken(self._from_data(name, receiver, node, place), path)
        if name in SHAPED or name == "arange":
            return self._made(name, node, place) | array
        if name in READS_BYTES:
            return Kind.NARROW | Kind.DEEP
        if name in BEST and (receiver is not None) and (node.args or node.keywords):
            return self._best(subject, place, path)
        if name in INVARIANT or name == "nonzero":
            deep = self._kind(subject, place, ()) & (Kind.ARRAY | Kind.DEEP) if subject is not None else Kind.NOTHING
            return deep & ~Kind.ARRAY if name != "nonzero" else deep | array | Kind.DEEP
        if name in JOINING and subject is not None:
            kind = self._kind(subject, place, (None,)) & ~Kind.ARRAY
            return kind | Kind.DEEP if "stack" in name else kind
        if name == "tolist":
            return Kind.LISTED
        if name in ("flatnonzero", "permutation", "choice") or (name == "where" and len(node.args) == 1):
            return array
        if name in KEEPING and subject is not None:
            return self._kept(name, subject, node, place, path)
        if receiver is not None and name in ("get", "pop", "popleft", "values", "items", "setdefault", "copy"):
            key = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
            step = key if isinstance(key, str) else None
            whole = self._kind(receiver, place, path) if name not in ("get", "setdefault") else Kind.NOTHING
            return whole | self._kind(receiver, place, (step, *path)) | self._any(node.args[1:], place, path)
        if name == "getattr" and len(node.args) > 1 and isinstance(node.args[1], ast.Constant):
            attribute = ast.Attribute(node.args[0], str(node.args[1].value), ast.Load())
            return self._attribute(attribute, place, path)
        return None

    def _kept(self, name: str, subject: ast.expr, node: ast.Call, place: Place, path: Path) -> Kind:
        kind = self._kind(subject, place, ()) & ~Kind.WRITTEN
        flat = len(node.args) == 1 and ast.unparse(node.args[0]) == "-1"
        if (name in ("view", "reshape") and flat) or (name in ("flatten", "ravel") and not node.args):
            kind &= ~Kind.DEEP
        elif name in DEEPENING:
            kind |= Kind.DEEP
        if name == "numpy":
            kind |= Kind.ARRAY
        return self._taken(kind, path)

    def _converted(self, name: str, receiver: ast.expr, node: ast.Call, place: Place) -> Kind:
        if name == "astype":
            return Kind.NOTHING
        given = [*node.args, *(k.value for k in node.keywords if k.arg in ("dtype", "other", "tensor"))]
        sure = [a for a in given if isinstance(a, ast.Attribute) and (a.attr in TYPES or a.attr in USUAL_TYPES)]
        kind = self._kind(receiver, place, ()) & ~Kind.WRITTEN
        if sure:
            return (kind & Kind.DEEP) | self._any(sure, place)
        for argument in given:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                kind |= TYPES.get(argument.value.rpartition(".")[2], Kind.NOTHING)
            else:
                kind |= self._kind(argument, place, ()) & (TYPED | Kind.DEEP)
        return kind

    def _typed(self, node: ast.Call, place: Place) -> Kind | None:
        """What `dtype=` says; None where it isn't given."""
        for keyword in node.keywords:
            if keyword.arg == "dtype":
                if isinstance(keyword.value, ast.Constant):
                    return TYPES.get(str(keyword.value.value), Kind.NOTHING)
                return self._kind(keyword.value, place, ()) & TYPED
        return None

    def _from_data(self, name: str, receiver: ast.expr | None, node: ast.Call, place: Place) -> Kind:
        given = [*node.args[:1], *(k.value for k in node.keywords if k.arg in ("data", "object"))]
        kind = of_data(self._any(given, place))
        array = name in ("array", "asarray") and not _is_torch(receiver)
        typed = self._typed(node, place)
        if typed is None and array and len(node.args) > 1:
            typed = self._kind(node.args[1], place, ()) & TYPED
        if typed is not None:
            kind = (kind & Kind.DEEP) | typed
        kind |= Kind.ARRAY if array else Kind.NOTHING
        return kind | Kind.WRITTEN if any(map(_is_literal, given)) else kind

    def _made(self, name: str, node: ast.Call, place: Place) -> Kind:
        typed = self._typed(node, place)
        if typed is None and name == "arange":
            return Kind.FLOAT if self._any(node.args, place) & Kind.FRACTION else Kind.NOTHING
        kind = SHAPED.get(name, Kind.NOTHING) if typed is None else typed
        shaped = len(node.args) > 1 or any(k.arg == "size" for k in node.keywords)
        if name != "arange" and (shaped or self._any(node.args, place) & (Kind.LISTED | Kind.INSIDE)):
            kind |= Kind.DEEP
        return kind | Kind.WRITTEN if name.endswith("Tensor") and any(map(_is_literal, node.args)) else kind

    def _best(self, subject: ast.expr | None, place: Place, path: Path) -> Kind:
        if subject is None:
            return Kind.NOTHING
        kind = self._kind(subject, place, ())
        if path and path[0] in (1, -1):
            return kind & Kind.DEEP
        return kind if path else kind | Kind.LISTED

    def _python_call(self, name: str, node: ast.Call, place: Place, path: Path) -> Kind:
        args, rest = node.args, path[1:]
        match name:
            case "range":
                return Kind.NOTHING if path else Kind.LISTED
            case "enumerate" if args and len(path) > 1:
                return Kind.NOTHING if path[1] == 0 else self._kind(args[0], place, (None, *path[2:]))
            case "zip" if len(path) > 1 and isinstance(at := path[1], int) and 0 <= at < len(args):
                starred = any(isinstance(a, ast.Starred) for a in args)
                return self._any(args if starred else args[at : at + 1], place, (None, *path[2:]))
            case "enumerate" | "zip":
                return held(self._any(args, place, path)) | (Kind.LISTED | Kind.INSIDE)
            case "map" if args:
                return self._called(args[0], None, place, rest) | (Kind.NOTHING if path else Kind.LISTED)
            case "filter":
                return self._any(args[1:2], place, path)
            case "next":
                return self._any(args[:1], place, (None, *path))
            case "dict":
                return self._any([*args, *(k.value for k in node.keywords)], place, rest)
            case _:
                return self._any(args[:1], place, path) | (Kind.NOTHING if path else Kind.LISTED)

    # --- functions and classes of the project --------------------------------------------------------------------

    def _through(self, name: str, node: ast.Call, place: Place, path: Path) -> Kind:
        """What goes through a layer that keeps it, a loader, a data set of torch."""
        if not _THROUGH.search(name):
            return Kind.NOTHING
        found = self._any(node.args, place, path)
        if "Dataset" in name and len(path) > 1:
            found |= self._any(node.args, place, (None, *path[2:]))
        return found

    def _project_call(self, name: str, node: ast.Call, place: Place, path: Path) -> Kind:
        """What functions and classes of the project give under this name."""
        key = (place.source.path, "call", name, path, place.function.start if place.function else -1)
        return self._once(key, lambda: self._found_call(name, node, place, path))

    def _found_call(self, name: str, node: ast.Call, place: Place, path: Path) -> Kind:
        source = place.source
        found = Kind.NOTHING
        defined = source.defines(name)
        if defined:
            found |= self._returned(source, name, path)
        if name in source.classes:
            found |= self._object(source, name, path)
            defined = True
        if isinstance(node.func, ast.Name):
            for origin in self.imported(source, name):
                found |= self._foreign(origin, path)
            bindings = source.bound(place.function, name) if place.function else []
            found |= self._called_bindings(bindings or source.bound_outside(name), place, path)
        else:
            found |= self._method(name, node.func, defined, place, path)
        return found

    def _foreign(self, origin: Origin, path: Path) -> Kind:
        if origin.kind == "function":
            return self._returned(self.source(origin.path), origin.name, path)
        if origin.kind == "class":
            return self._object(self.source(origin.path), origin.name, path)
        return Kind.NOTHING

    def _method(self, name: str, function: ast.expr, defined: bool, place: Place, path: Path) -> Kind:
        """A method, or an attribute that is called."""
        source = place.source
        found = Kind.NOTHING
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            for origin in self.imported(source, function.value.id):
                if origin.kind == "module":
                    for inner in bare_names(self.project).defined(origin.path, name):
                        found |= self._foreign(inner, path)
        for at in source.occurrences(name):
            holder = source.around(at)
            if (
                source.text[at - 1 : at] == "."
                and holder is not None
                and re.match(r"[ \t]*(?::[^=\n]*)?=(?!=)", source.text[at + len(name) : at + len(name) + 80])
            ):
                found |= self._called_bindings(source.bound(holder, f".{name}"), Place(source, holder), path)
        if not defined:
            for other in self._imports(source):
                if name in _defined_in(self.project, other):
                    found |= self._returned(self.source(other), name, path)
        return found

    def _imports(self, source: Source) -> list[str]:
        """The files of the project from which a file imports."""
        if source.path not in self._imported_files:
            self._imported_files[source.path] = self._found_imports(source)
        return self._imported_files[source.path]

    def _found_imports(self, source: Source) -> list[str]:
        entries = bare_names(self.project).entries(source.path)
        found = (
            self.project.module_path(entry.module, source.path, entry.level)
            for each in entries.values()
            for entry in each
        )
        return list(dict.fromkeys(path for path in found if path is not None and not path.endswith("/")))

    def _called_bindings(self, bindings: Iterable[Binding], place: Place, path: Path) -> Kind:
        found = Kind.NOTHING
        for binding in bindings:
            found |= self._called(binding.value, None, place, path)
        return found

    def _called(self, function: ast.expr, node: ast.Call | None, place: Place, path: Path) -> Kind:
        """What comes back where the value of an expression is called."""
        match function:
            case ast.Lambda(body=body):
                return self._kind(body, place, path)
            case ast.IfExp(body=one, orelse=other):
                return self._called(one, node, place, path) | self._called(other, node, place, path)
            case ast.Name() | ast.Attribute():
                made = ast.Call(function, node.args if node else [], node.keywords if node else [])
                return self._call(made, place, path)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args):
                found = Kind.NOTHING
                for part in args if name == "partial" or _THROUGH.search(name) else ():
                    found |= self._called(part, None, place, path)
                for origin in self._classes(name, place.source):
                    found |= self._output(origin, path)
                return found
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                found = Kind.NOTHING
                for part in parts:
                    found |= self._called(part, None, place, path)
                return found
            case ast.ListComp(elt=part):
                return self._called(part, None, place, path)
            case ast.Subscript(value=value):
                return self._called(value, node, place, path)
            case _:
                return Kind.NOTHING

    def _classes(self, name: str, source: Source) -> Iterator[Origin]:
        if name in source.classes:
            yield Origin("class", source.path, name)
        yield from (origin for origin in self.imported(source, name) if origin.kind == "class")

    def _output(self, origin: Origin, path: Path) -> Kind:
        """What calling an object of a class gives: what its `forward` returns, or that of a base."""
        return self._of_class(origin, _CALLED, path, 0)

    def _object(self, source: Source, name: str, path: Path) -> Kind:
        """What an object of a class is when its items are taken."""
        return self._of_class(Origin("class", source.path, name), _ITEMS, path, 0) if path else Kind.NOTHING

    def _of_class(self, origin: Origin, names: Iterable[str], path: Path, depth: int) -> Kind:
        source = self.source(origin.path)
        found, any_found = Kind.NOTHING, False
        for name in names:
            for function in source.named(name):
                if function.owner != origin.name:
                    continue
                any_found = True
                rest = path[1:] if name in ("__getitem__", "__next__") else path
                found |= self._returned_by(source, function, name, rest)
        if not any_found and depth < 8:
            for base in _bases(source.text, origin.name):
                for other in self._classes(base, source):
                    if other != origin:
                        found |= self._of_class(other, names, path, depth + 1)
        return found

    def _returned(self, source: Source, name: str, path: Path) -> Kind:
        key = (source.path, "returned", name, path)
        return self._once(key, lambda: self._returned_found(source, name, path))

    def _returned_found(self, source: Source, name: str, path: Path) -> Kind:
        found = Kind.NOTHING
        for header in source.headers_of(name):
            function = source.around(header.start)
            if function is None:
                raise Unclear
            found |= self._returned_by(source, function, name, path)
        return found

    def _returned_by(self, source: Source, function: Function, name: str, path: Path) -> Kind:
        if "yield" not in function.text and function.name == name:
            return self._any(source.returned(function), Place(source, function), path)
        names = source.names(function)
        if function.name != name:
            inner: list[ast.AST] = []
            for node in names.functions.get(name, []):
                inner += node.body if isinstance(node.body, list) else [node.body]
            names = Names(inner)
        place = Place(source, function)
        found = self._any(names.returned, place, path)
        if names.yielded:
            found |= self._any(names.yielded, place, path[1:])
            found = found if path else held(found)
        return found


def _source(project: Project, path: str) -> Source:
    """A file, remembered while few others were looked at: many files import the same ones."""
    known: OrderedDict[str, Source] = project.memory.setdefault("sources", OrderedDict())
    if path in known:
        known.move_to_end(path)
    else:
        known[path] = Source(path, without_comments("\n" + (project.read(path) or "")))
        if len(known) > KEPT_SOURCES:
            known.popitem(last=False)
    return known[path]


_CLASS = re.compile(r"\nclass[ \t]+\w+[ \t]*\(([^)]*)\)")


def _files_of_bases(project: Project, path: str) -> frozenset[str]:
    """The files of the classes of the project from which a class of a file derives, remembered with the project."""
    known: dict[str, frozenset[str]] = project.memory.setdefault("files of bases", {})
    if path not in known:
        names = bare_names(project)
        bases = {b.strip() for m in _CLASS.finditer("\n" + (project.read(path) or "")) for b in m[1].split(",")}
        plain = [base for base in bases if re.fullmatch(r"[\w.]+", base)]
        known[path] = frozenset(o.path for base in plain for o in names.dotted(path, base) if o.kind == "class")
    return known[path]


def _stored_in(project: Project, path: str) -> frozenset[str]:
    """The names of all attributes and fields that a file may store, remembered with the project."""
    known: dict[str, frozenset[str]] = project.memory.setdefault("stored names", {})
    if path not in known:
        known[path] = frozenset(name for pair in _STORED.findall(project.read(path) or "") for name in pair if name)
    return known[path]


_STORED = re.compile(r"\.(\w+)(?=[ \t]*(?::[^=\n]*)?=[^=]|[ \t]*,)|\n[ \t]+(\w+)(?=[ \t]*(?::|=[^=]))")


def _defined_in(project: Project, path: str) -> frozenset[str]:
    """The names of all functions of a file, remembered with the project."""
    known: dict[str, frozenset[str]] = project.memory.setdefault("function names", {})
    if path not in known:
        known[path] = frozenset(re.findall(r"\bdef[ \t]+(\w+)", project.read(path) or ""))
    return known[path]


# --- text -------------------------------------------------------------------------------------------------------------


def _is_library(receiver: ast.expr) -> bool:
    while isinstance(receiver, ast.Attribute):
        receiver = receiver.value
    return isinstance(receiver, ast.Name) and receiver.id in _LIBRARIES


def _is_torch(receiver: ast.expr | None) -> bool:
    while isinstance(receiver, ast.Attribute):
        receiver = receiver.value
    return isinstance(receiver, ast.Name) and receiver.id in ("torch", "F", "functional", "nn")


def _is_literal(node: ast.expr) -> bool:
    return all(isinstance(n, ast.Constant | ast.List | ast.Tuple | ast.UnaryOp) for n in walk(node))


def _default(spec: ast.arguments, name: str) -> ast.expr | None:
    names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
    positional = dict(zip(reversed(names), reversed(spec.defaults), strict=False))
    keyword = {a.arg: d for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True)}
    return positional.get(name) or keyword.get(name)


_KEYWORD = re.compile(r"[(,]\s*(?:#[^\n]*\n\s*)?\Z")
_KEYWORD = re.compile(r"[ \t]*=(?!=)[ \t]*")
_KEY = re.compile(r"[\"'][ \t]*:[ \t]*|[\"']\][ \t]*=(?!=)[ \t]*")
_NAME_VALUE = re.compile(r"(\w+)[ \t]*[,)}\n]")


def given_by_name(source: Source, at: int, size: int) -> ast.expr | None:
    """What is given by the name that stands at a position; None where nothing is."""
    if at not in source.values:
        source.values[at] = _given_by_name(source.text, at, size)
    return source.values[at]


def _given_by_name(text: str, at: int, size: int) -> ast.expr | None:
    """The value in `name=value` of a call, `"name": value` of a dictionary, `x["name"] = value`; None elsewhere."""
    before = text[at - 1 : at]
    if before in ("'", '"'):
        line = text[text.rfind("\n", 0, at) + 1 : at]
        if line.lstrip().startswith(("if ", "elif ", "while ", "case ")) and "{" not in line:
            return None
        found = _KEY.match(text, at + size)
    else:
        found = _KEYWORD.match(text, at + size)
        if found is not None and not is_keyword(text, at):
            return None
    if found is None:
        return None
    simple = _NAME_VALUE.match(text, found.end())
    if simple is not None:
        return None if simple[1] in ("None",) else ast.Name(simple[1], ast.Load())
    return _expression_at(text, found.end())


_STOPS = re.compile(r"[()\[\]{},#\n]|(?:\"\"\"|''')|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'")


_GOES_ON = re.compile(r"\s*(?:if|else|and|or|is|in|not|for)\b|\s*[.+\-*/%&|^@<>=!]|\s*\n")


def _expression_at(text: str, start: int) -> ast.expr:
    """The expression that begins at a position and goes to the next comma, closing bracket or line end."""
    depth, at, end = 0, start, len(text)
    while (found := _STOPS.search(text, at)) is not None:
        mark, at = found[0], found.end()
        if mark in "([{":
            depth += 1
        elif depth == 0 and mark in ")]},\n#":
            end = found.start()
            if mark == "\n" and _GOES_ON.match(text, at):  # within brackets
                continue
            break
        elif mark in ")]}":
            depth -= 1
        elif mark == "#":
            at = text.find("\n", at)
    return _parsed(text[start:end])


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(f"({text}\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise Unclear from None


def call_at(text: str, start: int, opening: int) -> ast.Call:
    """The call whose name begins at a position and whose bracket opens at another."""
    parsed = _parsed(f"f{text[opening : closing(text, opening)]}")
    if not isinstance(parsed, ast.Call):
        raise Unclear
    return parsed


_OPENS = re.compile(r"[ \t]*(\(|\[[^\]\n]*\]\()?")


def _calls_of(source: Source, name: str, handed: bool) -> Iterator[tuple[ast.Call, int]]:
    """The calls of a name. Raises `Unclear` where the function is handed on (and `handed` says that this matters)."""
    text = source.text
    for at in source.occurrences(name):
        found = _OPENS.match(text, at + len(name))
        assert found is not None
        if found[1]:
            if text[max(0, at - 4) : at] == "def " or text[max(0, at - 6) : at] == "class ":
                continue
            if at not in source.calls:
                source.calls[at] = call_at(text, at, found.end() - 1)
            yield source.calls[at], at
        elif handed and re.match(r"[ \t]*[,)\]}\n]", text[found.end() : found.end() + 8]) and _is_handed(text, at):
            raise Unclear


def _is_handed(text: str, at: int) -> bool:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    if line.lstrip().startswith(("from ", "import ", "#", "def ")) or text[at - 1] in "\"'`":
        return False
    return text[at - 1] == "." or line.rstrip()[-1:] in ("(", ",", "=", "[", ":", "return")


def _bases(text: str, name: str) -> list[str]:
    found = re.search(rf"class {name}\(([^)]*)\)", text)
    return [base.strip().rpartition(".")[2] for base in found[1].split(",") if base.strip()] if found else []


def calls_by(holder: Holder) -> Iterator[tuple[ast.Call, int]]:
    """The calls of what a name stands for."""
    source = holder.source
    for call, at in _calls_of(source, holder.name, handed=False):
        attribute = source.text[at - 1] == "."
        if not holder.is_class and attribute is not holder.is_attribute:
            continue
        if holder.scope >= 0:
            function = source.around(at)
            if function is None or function.start != holder.scope:
                continue
        yield call, at


class Holder(NamedTuple):
    """A name that stands for a class, or for an object of it: an attribute, or a variable of one function."""

    source: Source
    name: str
    is_class: bool
    is_attribute: bool = False
    scope: int = -1  # where the function of a variable begins; -1 for names of the top level


def holders(origins: Origins, source: Source, owner: str, made: bool) -> list[Holder]:
    """The names that stand for objects of a class (`made`), or for the class itself and those derived from it."""
    found = dict.fromkeys(Holder(each, owner, True) for each in origins.searched(source))
    todo = list(found)
    for holder in todo:
        for other in _given_on(origins, holder):
            if other not in found:
                found[other] = None
                todo.append(other)
        if len(found) > MAX_HOLDERS:
            raise Unclear
    return [holder for holder in found if holder.is_class is not made]


def _given_on(origins: Origins, holder: Holder) -> Iterator[Holder]:
    source, name = holder.source, holder.name
    text = source.text
    done: set[Function] = set()
    for at in source.occurrences(name):
        line = text[text.rfind("\n", 0, at) + 1 : at]
        if text[at - 1] in "\"'" or line.lstrip().startswith(("def ", "async def ")):
            continue
        if line.lstrip().startswith(("from ", "import ")):
            renamed = re.match(r"[ \t]+as[ \t]+(\w+)", text[at + len(name) : at + len(name) + 60])
            if renamed is not None and holder.is_class:
                yield holder._replace(name=renamed[1])
            continue
        if not holder.is_class and (text[at - 1] == ".") is not holder.is_attribute:
            continue
        derived = re.match(r"\s*class[ \t]+(\w+)", line)
        if derived is not None and holder.is_class:
            yield holder._replace(name=derived[1])
            continue
        after = at + len(name)
        if not holder.is_class and text[after : after + 1] in ("(", ".") and not _ASKED.match(text, after):
            continue
        function = source.around(at)
        if function in done or (holder.scope >= 0 and (function is None or function.start != holder.scope)):
            continue
        if function is None:
            yield from _outside(origins, holder, at)
            continue
        done.add(function)
        yield from _within(origins, holder, function)


def _outside(origins: Origins, holder: Holder, at: int) -> Iterator[Holder]:
    """The names that a statement outside all functions gives it to."""
    text = holder.source.text
    start = text.rfind("\n", 0, at) + 1
    while text[max(0, start - 200) : start].rstrip()[-1:] in tuple("([{,"):  # within brackets
        start = text.rfind("\n", 0, start - 1) + 1
    names = Names(parsed_statement(text[start : end_of_statement(text, start)]))
    in_class = text[start : start + 1] in (" ", "\t")
    for other in _by_statements(origins, holder, names, -1):
        yield other
        if in_class and not other.is_attribute:
            yield other._replace(is_attribute=True)


def _within(origins: Origins, holder: Holder, function: Function) -> Iterator[Holder]:
    """The names that a function gives it to."""
    names = holder.source.names(function)
    yield from _by_statements(origins, holder, names, function.start)
    for node in names.returned:
        for _ in _said(node, holder):
            yield Holder(holder.source, function.name, True)


def _by_statements(origins: Origins, holder: Holder, names: Names, scope: int) -> Iterator[Holder]:
    source = holder.source
    for target, bindings in names.bound.items():
        for binding in bindings:
            for said in _said(binding.value, holder):
                attribute = target.startswith(".")
                yield Holder(source, target.removeprefix("."), not said, attribute, -1 if attribute else scope)
    for node in names.nodes:
        if isinstance(node, ast.Call):
            yield from _to_parameters(origins, holder, node)


def _to_parameters(origins: Origins, holder: Holder, call: ast.Call) -> Iterator[Holder]:
    """The parameters that a call gives it to, by name or by position."""
    source = holder.source
    for keyword in call.keywords:
        for said in _said(keyword.value, holder):
            for each in origins.searched(source):
                for header in each.headers():
                    if keyword.arg and keyword.arg in header.arguments:
                        yield _parameter_of(each, header, keyword.arg, said)
    for position, argument in enumerate(call.args):
        for said in _said(argument, holder):
            callee = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            for each, header in _headers_of(origins, source, callee):
                spec = each.arguments(header)
                names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
                method = names[:1] in (["self"], ["cls"])
                if position + method < len(names):
                    yield _parameter_of(each, header, names[position + method], said)


def _parameter_of(source: Source, header: Header, name: str, said: bool) -> Holder:
    function = source.around(header.start)
    return Holder(source, name, not said, False, function.start if function else -1)


def _headers_of(origins: Origins, source: Source, name: str) -> Iterator[tuple[Source, Header]]:
    """The functions that a call of this name may run: of the file, or imported."""
    for header in source.headers_of(name):
        yield source, header
    places = [Origin("class", source.path, name)] if name in source.classes else []
    for origin in (*places, *(origins.imported(source, name))):
        other = origins.source(origin.path) if origin.kind in ("class", "function") else None
        for header in other.headers() if other is not None else ():
            function = other.around(header.start) if other is not None else None
            if other is None or function is None:
                continue
            named = (header.name == "__init__" and function.owner == origin.name) or header.name == origin.name
            if named and (origin.kind == "class" or other is not source):
                yield other, header


def _said(node: ast.expr, holder: Holder) -> Iterator[bool]:
    """For each mention by which an expression is what is held, or holds it: whether an object is meant."""
    match node:
        case ast.Name(id=name):
            if name == holder.name and (holder.is_class or not holder.is_attribute):
                yield not holder.is_class
        case ast.Attribute(value=inner, attr=name):
            if name == holder.name and (holder.is_class or holder.is_attribute):
                yield not holder.is_class
            elif name in SAME_OBJECT or name in _SAME:
                yield from _said(inner, holder)
        case ast.Call(func=function, args=args, keywords=keywords):
            yield from _said_by_call(function, [*args, *(k.value for k in keywords)], holder)
        case ast.Lambda(body=body):
            yield from _said(body, holder)
        case (
            ast.Dict() | ast.List() | ast.Tuple() | ast.Set() | ast.IfExp() | ast.BoolOp() | ast.Starred() | ast.BinOp()
        ):
            for part in children(node):
                if isinstance(part, ast.expr):
                    yield from _said(part, holder)
        case ast.ListComp(elt=part) | ast.GeneratorExp(elt=part) | ast.SetComp(elt=part) | ast.DictComp(value=part):
            yield from _said(part, holder)
        case ast.Subscript(value=part) | ast.NamedExpr(value=part) | ast.Await(value=part):
            yield from _said(part, holder)
        case _:
            pass


def _said_by_call(function: ast.expr, given: list[ast.expr], holder: Holder) -> Iterator[bool]:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    inner = function.value if isinstance(function, ast.Attribute) else None
    if name == holder.name:
        if holder.is_class:
            yield True
        return
    if isinstance(function, ast.Subscript | ast.Call):
        yield from (True for said in _said(function, holder) if holder.is_class and not said)
    if inner is not None and (name in SAME_OBJECT or name in _SAME):
        yield from _said(inner, holder)
    if not holder.source.defines(name) and name not in _ASKS:
        for part in given:
            yield from _said(part, holder)
