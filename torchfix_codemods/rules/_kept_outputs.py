"""Outputs that are kept in an attribute, and read there by a method into which they were not followed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torchfix_codemods.analysis.activations import Flow
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.program import Program
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.roots import functions_in
from torchfix_codemods.analysis.trace import LossCall, Place, Trace, Use
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.analysis.values import ClassRef, FunctionRef, Site
from torchfix_codemods.rules._shared import node_of

_FILLS = frozenset(["append", "extend", "insert", "clear", "add", "update"])


def read_elsewhere(flow: Flow, program: Program) -> str | None:
    """Why somebody may read the output of an activation from an attribute; None where all who read it were followed.

    A framework calls the methods of a class one after another, and so may a program that isn't in view.
    """
    seen: set[tuple[int, str, Place]] = set()
    for trace, use in program.events(Use):
        key = (id(trace), use.why, use.place)
        if use.kind != "kept" or use.activation.site != flow.activation.site or key in seen:
            continue
        seen.add(key)
        owner, arrived = _owner(program.project, use.place), _arrived(trace, flow.activation.site)
        if any(ref not in arrived for ref in _readers(program, trace, use.why, owner)):
            return f"its output is kept in .{use.why}, which is read where it was not followed"
    return None


def _arrived(trace: Trace, site: Site) -> set[FunctionRef | None]:
    """The functions in which something was seen to be done with the output: not those that ran before it was kept."""
    uses = (e for e in trace.events if isinstance(e, Use) and e.activation.site == site)
    losses = (e for e in trace.events if isinstance(e, LossCall) and any(a.site == site for a in e.activations))
    return {event.context.frame().function for events in (uses, losses) for event in events}


def _owner(project: Project, place: Place) -> ClassRef | None:
    """The class in whose method a place is."""
    file = project.parse(place.path)
    node = node_of(file, place) if file is not None else None
    cls = file.enclosing_class(node) if file is not None and node is not None else None
    return ClassRef(place.path, cls.name, cls.lineno) if cls is not None else None


def _readers(program: Program, trace: Trace, name: str, owner: ClassRef | None) -> Iterator[FunctionRef]:
    """The functions that read an attribute of that name, of what may be an object of the class."""
    project = program.project
    for path in sorted(trace.files | set(program.files)):
        if f".{name}" not in (project.read(path) or ""):
            continue
        file = project.parse(path)
        for ref, node in functions_in(file) if file is not None else ():
            if file is not None and _reads(project, file, ref, node, name, owner):
                yield ref


def _reads(
    project: Project, file: ParsedFile, ref: FunctionRef, function: ast.AST, name: str, owner: ClassRef | None
) -> bool:
    other = ref.owner is not None and owner is not None and not _related(project, ref.owner, owner)
    mine = _first_argument(function)
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == name
        and isinstance(node.ctx, ast.Load)
        and not (other and isinstance(node.value, ast.Name) and node.value.id == mine)
        and not _is_filled(file, node)
        for node in walk(function)
    )


def _first_argument(function: ast.AST) -> str:
    arguments = function.args.args if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) else []
    return arguments[0].arg if arguments else ""


def _related(project: Project, one: ClassRef, other: ClassRef) -> bool:
    return one == other or other in project.lineage(one) or one in project.lineage(other)


def _is_filled(file: ParsedFile, node: ast.Attribute) -> bool:
    """`self.seen.append(x)`, `self.seen[0] = x`, `len(self.seen)`: nobody looks at the numbers."""
    match file.parents[node]:
        case ast.Attribute(attr=attr):
            return attr in _FILLS
        case ast.Subscript(ctx=ast.Store()):
            return True
        case ast.Call(func=ast.Name(id="len")):
            return True
        case _:
            return False


__all__ = ["read_elsewhere"]
