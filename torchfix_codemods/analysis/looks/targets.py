"""May the target of some loss in a file carry a graph? In most it is a label that nobody computes.

A finding needs a model that runs outside of every forward, or a tensor that is told to need gradients, whose graph
reaches a target. The forward of a module runs inside of another call, or by itself, with parameters of which nothing
is known: what runs in it counts for nothing. So a target in a forward matters where the class is used.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from functools import cached_property

from torchfix_codemods.analysis.bare_names import bare_names
from torchfix_codemods.analysis.facts import dotted
from torchfix_codemods.analysis.looks.call_sides import given_to, last_name, sides_of
from torchfix_codemods.analysis.looks.forward_calls import ForwardCalls
from torchfix_codemods.analysis.looks.functions import Function, Unclear, functions_of
from torchfix_codemods.analysis.looks.graph_flow import INSIDE, LIBRARIES, Flow, Sources
from torchfix_codemods.analysis.looks.loose_losses import LOSS_CLASSES, losses_of
from torchfix_codemods.analysis.looks.uses import class_body, is_code, uses_of, words_at
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.torch_api import SYMMETRIC_LOSSES, TARGET_LOSSES, canonical
from torchfix_codemods.analysis.trees import walk

# Each pattern begins with letters: these are looked for many times faster than anything else.
_HITS = tuple(
    re.compile(pattern)
    for pattern in (
        *(r"oss(?<=[lL]oss)[^\s(]*[ \t]*\(", r"ross_entropy\w*[ \t]*\(", r"riterion\w*[ \t]*\("),
        *(r"\.[ \t]*backward[ \t]*\(", r"kl_div\w*[ \t]*\(", r"imilarity\w*[ \t]*\("),
    )
)
_SAYS_LOSS = re.compile(r"[lL]oss|ross_entropy|riterion|kl_div|imilarity")
# A loss that is made or mentioned, but not called.
_MADE = tuple(re.compile(p) for p in (r"(?:oss|imilarity)(?<=Loss|rity)\(", r"(?:_loss|kl_div|_similarity)\b(?!\()"))
_HEADER = re.compile(r"def[ \t]+\w+[ \t]*\(((?:[^()]|\([^()]*\))*)\)")
_PARAMETER = re.compile(r"(?:\A|,)[\s*]*(\w+)")
_HANDED_IN = re.compile(r"self\.(\w+)[ \t]*(?::[^=\n]*)?=[ \t]*\w+[ \t]*(?=[\n#;])")
_HOLDER = re.compile(
    r"(?:^|\n)[ \t]*(?:[\w.]+\.)?(\w+)[ \t]*(?::[^=\n]*)?=(?!=)(?:[^\n]*|[^\n]*[(\[{][ \t]*(?:\n[^\n=]*){1,6})\Z"
)
_NAMED = re.compile(
    r"(?:^|_)(?:\w*loss\w*|\w*crit\w*|objective|dist(?:ance)?|metric|sim(?:ilarity)?|mse|bce|ce|\w*entropy|kld?|kl_div"
    r"|cos(?:ine)?|l[12]|huber|fn|func)(?:_|$)",
    re.I,
)
_QUIET_LINE = re.compile(
    r"\s*(?:from\b|import\b|@|class\b|[\"'#]|>>>|\w+[ \t]*(?::[^=]*)?=[ \t]*(?:\w+\.)*\w*(?:Loss|Similarity)\("
    r"|\w+(?:[ \t]+as[ \t]+\w+)?,?[ \t]*\)?[ \t]*\Z)"
)
_FUNCTIONS = {name.rpartition(".")[2]: loss for name, loss in TARGET_LOSSES.items() if ".functional." in name}
_STORED = r"(?:[ \t]*:[^=\n]*)?[ \t]*(?:[-+*/]?=(?!=)|,[^\n]*=(?!=))"
_BUILTINS = frozenset(dir(builtins))
_MAX_CALLERS = 4  # callers of callers, to this distance


def may_leak_into_target(project: Project, path: str) -> bool:
    """Whether some loss in a file may be given a target with a graph."""
    text = project.read(path) or ""
    if "\f" in text or "\r" in text.replace("\r\n", ""):
        return True
    try:
        return _Look(project, path, text).may()
    except (Unclear, RecursionError):
        return True


class _Look:
    """The losses of one text."""

    def __init__(self, project: Project, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.functions = functions_of(project, path)
        self.uses = uses_of(project)
        self.names = bare_names(project)
        self.losses = losses_of(project)
        self.calls = ForwardCalls(project, path, text, self._is_silent)
        self._flows: dict[Function, Flow] = {}
        self._inside: dict[Function, bool] = {}
        self._silent: dict[Function, bool] = {}
        self._asked: set[tuple[Function, str]] = set()

    def may(self) -> bool:
        """Whether one of them may have a target with a graph."""
        for function, positions in self.functions.holding(sorted(self._hits())):
            if function is None:
                if not all(map(self._is_quiet, positions)):
                    return True
            elif self._without_gradients(function) or self._is_silent(function):
                continue
            elif any(self._may(function, *sides) for sides in self._losses(function)):
                return True
        return False

    def _hits(self) -> Iterator[int]:
        """Where losses may be called: by a name that says so, or by one that was given a loss in this text."""
        for pattern in _HITS:
            yield from (match.start() for match in pattern.finditer(self.text))
        if self.losses.loose:
            yield from self._calls_of_parameters()
        for name in sorted(self.handed_in):
            yield from (place + 1 for place in words_at(self.text, f".{name}") if self._is_called(place, name))
        for name in sorted(self.holders):
            if not _SAYS_LOSS.search(name):
                yield from (m.start() for m in re.finditer(rf"{name}(?<!\w{name})[^\s(]*\(", self.text))

    def _is_called(self, place: int, name: str) -> bool:
        return self.text.startswith("(", place + len(name) + 1)

    def _calls_of_parameters(self) -> Iterator[int]:
        """Where a function calls one of its parameters with more than one argument."""
        headers = list(_HEADER.finditer(self.text))
        ends = [header.start() for header in headers[1:]] + [len(self.text)]
        for header, end in zip(headers, ends, strict=False):
            for name in set(_PARAMETER.findall(header[1])) - {"self", "cls"}:
                place = self.text.find(f"{name}(", header.end(), end)
                while place >= 0:
                    before = self.text[place - 1]
                    if not (before.isalnum() or before in "_."):
                        yield place
                    place = self.text.find(f"{name}(", place + 1, end)

    @cached_property
    def holders(self) -> frozenset[str]:
        """The names of variables and attributes that are given a loss somewhere in the text."""
        places = (match.start() for pattern in _MADE for match in pattern.finditer(self.text))
        found = (_HOLDER.search(self.text[max(0, place - 300) : place]) for place in places)
        return frozenset(given[1] for given in found if given is not None)

    @cached_property
    def handed_in(self) -> frozenset[str]:
        """The attributes that are given nothing but names and are called: where losses go around, they may hold one."""
        names = set(_HANDED_IN.findall(self.text)) if self.losses.loose else set[str]()
        called = {name for name in names if f".{name}(" in self.text}
        return frozenset(name for name in called if not re.search(rf"self\.{name}[ \t]*=[ \t]*[\w.]+\(", self.text))

    def _is_quiet(self, position: int) -> bool:
        """Whether a word at the top level stands in a line that calls no loss, or in a docstring."""
        if not is_code(self.text, position):
            return True
        start = self.text.rfind("\n", 0, position) + 1
        return _QUIET_LINE.match(self.text[start : self.text.find("\n", position)]) is not None

    def _is_silent(self, function: Function) -> bool:
        """Whether a function is a forward that nobody calls: it only runs where no model is seen to run."""
        if function not in self._silent:
            self._silent[function] = False  # what is asked for on the way, in a cycle
            self._silent[function] = self._is_forward(function) and self.calls.names(function.owner) == frozenset()
        return self._silent[function]

    def _without_gradients(self, function: Function) -> bool:
        lines = self.text[max(0, function.start - 200) : function.start].rstrip().split("\n")
        return lines[-1].strip() in ("@torch.no_grad()", "@torch.inference_mode()")

    def _is_forward(self, function: Function) -> bool:
        module = function.name == "forward" and function.owner != ""
        return module and self.names.is_module(self.path, function.owner)

    # --- losses ----------------------------------------------------------------------------------------------------

    def _losses(self, function: Function) -> Iterator[tuple[ast.expr | None, ast.expr]]:
        """The calls that may be those of a loss: the other side (None where it doesn't matter) and the target."""
        flow = self._flow(function)
        for node in walk(function.parsed()):
            if not isinstance(node, ast.Call) or id(node) in flow.free or len(node.args) + len(node.keywords) < 2:
                continue
            if not self._may_be_a_loss(node, flow):
                continue
            word = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            for first, second in sides_of(node):
                yield (first if word in _FUNCTIONS and word in SYMMETRIC_LOSSES else None), second

    def _may_be_a_loss(self, node: ast.Call, flow: Flow) -> bool:
        name = last_name(node.func)
        if name in _FUNCTIONS or name in self.holders or name in self.losses.attributes:
            return True
        match node.func:
            case ast.Name() if name in flow.parameters:
                return self.losses.loose
            case ast.Name() if name in flow.given:
                return self.losses.loose and (flow.trains or _NAMED.search(name) is not None)
            case ast.Name():
                return self._may_be_imported(name)
            case ast.Attribute():
                whole = dotted(node.func)
                named = self.losses.loose and (name in self.handed_in or _NAMED.search(name) is not None)
                return named and self._own(whole) is None and not self._is_of_a_library(whole, flow)
            case ast.Call(func=made):
                return self.losses.loose or last_name(made) in LOSS_CLASSES
            case _:
                return self.losses.loose

    def _is_of_a_library(self, name: str, flow: Flow) -> bool:
        """Whether a dotted name is a function of another library, and no loss of torch."""
        root = name.partition(".")[0]
        if not root or root == "self" or root in flow.given or root in flow.parameters:
            return False
        if root in LIBRARIES:
            return True  # by their names the losses are known already
        origins = self.names.dotted(self.path, name)
        return all(o.kind == "external" and canonical(o.name) not in TARGET_LOSSES for o in origins)

    def _may_be_imported(self, name: str) -> bool:
        """Whether a name of the top level may be a loss, or hold one."""
        for origin in self.names.defined(self.path, name):
            if origin.kind == "external" and canonical(origin.name) in TARGET_LOSSES:
                return True
            if origin.kind == "unknown" and name not in _BUILTINS and self.losses.loose:
                return True
        return False

    def _may(self, function: Function, other: ast.expr | None, target: ast.expr) -> bool:
        sides = [target] if other is None else [target, other]
        return all(self._carries(function, self._flow(function).of(side), 0) for side in sides)

    def _flow(self, function: Function) -> Flow:
        if function not in self._flows:
            self._flows[function] = Flow(function.parsed(), self._own, self._may_keep)
        return self._flows[function]

    def _may_keep(self, attribute: str) -> bool:
        """Whether an attribute may hold a graph: it is given a value outside of constructors, or in another file."""
        found = list(re.finditer(rf"\.{attribute}\b{_STORED}", self.text))
        around = (self.functions.around(match.start()) for match in found)
        return not found or any(function is None or function.name != "__init__" for function in around)

    # --- what the file defines -------------------------------------------------------------------------------------

    def _own(self, name: str) -> bool | None:
        """Whether a model may run in a function that the file defines; None where it defines none of that name."""
        last = name.rpartition(".")[2]
        if name not in (last, f"self.{last}") or not (f"def {last}" in self.text or f"class {last}" in self.text):
            return None
        if name == last and class_body(self.text, last) is not None:
            return False
        found = [f for f in self.functions.named(last) if bool(f.owner) == (name != last)]
        return any(map(self._runs, found)) if found else None

    def _runs(self, function: Function) -> bool:
        if function not in self._inside:
            self._inside[function] = True  # what is asked for on the way, in a cycle
            flow = self._flow(function)
            calls = (node for node in walk(function.parsed()) if isinstance(node, ast.Call))
            self._inside[function] = any(flow.runs(call, dotted(call.func)) for call in calls)
        return self._inside[function]

    # --- callers ---------------------------------------------------------------------------------------------------

    def _carries(self, function: Function, sources: Sources, depth: int) -> bool:
        """Whether one of the sources of an expression in a function may bring a graph."""
        if INSIDE in sources and not self._is_quiet_forward(function):
            return True
        return any(self._is_brought(function, parameter, depth) for parameter in sources - {INSIDE})

    def _is_quiet_forward(self, function: Function) -> bool:
        """Whether the models that run in a function are no models of their own: those in the forward of another."""
        return self._is_forward(function) and self.calls.names(function.owner) is not None

    def _is_brought(self, function: Function, parameter: str, depth: int) -> bool:
        """Whether some caller may give a parameter a value with a graph."""
        if (function, parameter) in self._asked:
            return False
        self._asked.add((function, parameter))
        if depth > _MAX_CALLERS or function.name.startswith("__"):
            return True
        places = self._places(function)
        if places is None:
            return True
        return any(self._brings(place, places[1], function, parameter, depth) for place in places[0])

    def _places(self, function: Function) -> tuple[list[int], frozenset[str]] | None:
        """Where a function is mentioned in this file, and by which names; None where others may call it."""
        name, owner = function.name, function.owner
        if not owner:
            if self.uses.is_used_elsewhere(self.path, name):
                return None
            return list(self.uses.places(self.path, name)), frozenset([name])
        callers = self.calls.names(owner)
        if callers is None:
            return None
        if name == "forward":
            return self.calls.places(owner), callers
        return [match.start() + 1 for match in re.finditer(rf"\.{name}\b", self.text)], frozenset([name])

    def _brings(self, place: int, called: frozenset[str], function: Function, parameter: str, depth: int) -> bool:
        caller = self.functions.around(place)
        if caller is None:
            return not self._is_quiet(place)
        if self._without_gradients(caller) or self._is_silent(caller) or not is_code(self.text, place):
            return False
        nodes = [n for n in walk(caller.parsed()) if isinstance(n, ast.expr)]
        calls = [n for n in nodes if isinstance(n, ast.Call) and last_name(n.func) in called]
        names = called - {"self"}
        mentions = [n for n in nodes if last_name(n) in names and isinstance(getattr(n, "ctx", None), ast.Load)]
        if len(mentions) != sum(last_name(call.func) != "self" for call in calls):
            return True
        given = (given_to(call, function, parameter) for call in calls)
        flow = self._flow(caller)
        return any(value is not None and self._carries(caller, flow.of(value), depth + 1) for value in given)
