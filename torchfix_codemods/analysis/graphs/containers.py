"""What is put into lists, dictionaries and leaves, by whatever name: values that change in place."""

from __future__ import annotations

import ast

from torchfix_codemods.analysis.graphs.calls import Calls
from torchfix_codemods.analysis.graphs.core import Frame
from torchfix_codemods.analysis.graphs.values import Graph, union
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.values import External

_FRESH = ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp | ast.Constant | ast.Call | ast.BinOp


class Containers(Calls):
    """The part of the walk that follows what changes in place."""

    def put(self, holder: ast.expr, value: Graph, frame: Frame) -> None:
        """Put something into a container. Under a second name it may be read by whoever is not followed."""
        whole = union([self.evaluate(holder, frame), value]).without_items()
        if not isinstance(holder, ast.Name):
            self.store(holder, whole, frame)
            return
        owner = self._owner(holder.id, frame)
        owner.env[holder.id] = whole
        if value.nodes and self._has_other_names(owner, holder):
            self.tell("escape", holder, frame, value, holder.id)

    def _owner(self, name: str, frame: Frame) -> Frame:
        """The frame that binds a name: that of a function around, or the top level."""
        current: Frame | None = frame
        while current is not None:
            if name in current.env:
                return current
            current = current.outer
        top = self.top_of(frame.file.path)
        return top if top is not None and name in top.env else frame

    def _has_other_names(self, owner: Frame, holder: ast.Name) -> bool:
        """Whether a container may have another name: an argument, an import, an alias, a part of an object."""
        name = holder.id
        if name not in owner.env or name in owner.given:
            return True
        known: dict[tuple[ParsedFile, str], bool] = self.project.memory.setdefault("other names", {})
        if (owner.file, name) not in known:
            shares = (self._shares(owner.file, node, name) for node in ast.walk(owner.file.tree))
            known[owner.file, name] = any(shares)
        return known[owner.file, name]

    def _shares(self, file: ParsedFile, node: ast.AST, name: str) -> bool:
        match node:
            case ast.Assign(targets=targets, value=value):
                bound = any(isinstance(t, ast.Name) and t.id == name for t in targets)
                return _names_it(value, name) or (bound and (len(targets) > 1 or not isinstance(value, _FRESH)))
            case ast.For(target=ast.Name(id=found)) | ast.withitem(optional_vars=ast.Name(id=found)):
                return found == name
            case ast.Call(args=args, keywords=keywords):
                given = any(_names_it(a, name) for a in [*args, *(k.value for k in keywords)])
                return given and not self._only_looks(file, node)
            case _:
                return False

    def _only_looks(self, file: ParsedFile, call: ast.Call) -> bool:
        """Whether a function is known to keep nothing of a container: one of the language, torch or numpy."""
        target = self.project.resolve(file, call.func)
        if isinstance(target, External):
            return target.name.startswith(("torch.", "builtins.", "numpy.", "itertools.", "random.", "matplotlib."))
        return isinstance(call.func, ast.Name) and target is None and call.func.id in _LOOK

    def carrying(self, frame: Frame) -> frozenset[object]:
        """The variables and attributes that hold something with a graph."""
        found: set[object] = {key for key, graph in self.heap.items() if graph.nodes}
        current: Frame | None = frame
        while current is not None:
            found |= {(id(current), name) for name, graph in current.env.items() if graph.nodes}
            current = current.outer
        return frozenset(found)

    def learns_from_now_on(self, node: ast.AST, target: ast.expr, value: Graph, frame: Frame) -> None:
        """`w.requires_grad = True`: a plain tensor becomes a leaf."""
        if value.plain and not value.things:
            leaf = self.thing("leaf", node)
            self.store(target, Graph(learned=frozenset([leaf]), unknown=value.unknown), frame)


_LOOK = frozenset(
    "len sum print sorted enumerate zip range min max list tuple set str iter any all reversed map".split()
)


def _names_it(value: ast.expr, name: str) -> bool:
    """Whether an expression is the name, or holds it as an item."""
    match value:
        case ast.Name(id=found):
            return found == name
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return any(_names_it(item, name) for item in items)
        case ast.Dict(values=items):
            return any(_names_it(item, name) for item in items)
        case _:
            return False
