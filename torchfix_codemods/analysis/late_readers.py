"""Functions that nothing made a program run, and that may read the output of an activation.

A program runs the functions that say a word of interest. One that only asks the model (`return self.net(x)`) says none,
and nobody may call it in view: it counts once the output is to become another one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from torchfix_codemods.analysis.activations import Flow, flows_of, is_given_by
from torchfix_codemods.analysis.held_names import held_names
from torchfix_codemods.analysis.program import Program
from torchfix_codemods.analysis.roots import functions_in
from torchfix_codemods.analysis.trace import ModelCall, Place
from torchfix_codemods.analysis.unseen import UNNAMED, any_of, unmet
from torchfix_codemods.analysis.values import Value, options


def read_flows(program: Program, path: str, is_mistake: Callable[[Flow], bool]) -> tuple[Program, list[Flow]]:
    """The flows of a file that are mistakes, once all who may read them were followed; and the program that did that.

    The program that is given stays as it is: other rules ask it other things.
    """
    flows = [flow for flow in flows_of(program, path) if is_mistake(flow)]
    late = unmet(program, any_of(_names(program, flows))) if flows else []
    if not late:
        return program, flows
    wider = program.and_also(late)
    return wider, [flow for flow in flows_of(wider, path) if is_mistake(flow)]


def _names(program: Program, flows: list[Flow]) -> set[str]:
    """The names by which the models that give these outputs are called or built."""
    sites = {flow.activation.site for flow in flows}
    containers = {flow.activation.container for flow in flows} - {None}
    classes = {name for trace in program.traces for site in sites for name in trace.carriers.get(site, ())}

    def gives(model: Value) -> bool:
        return is_given_by(model, classes, containers)

    applied = {name for flow in flows for name in _applied_in(program, flow)}
    calls = {call.place for _, call in program.events(ModelCall) if any(map(gives, options(call.model)))}
    return applied | held_names(program, classes, {name for place in calls for name in _called(program, place)})


def _applied_in(program: Program, flow: Flow) -> Iterator[str]:
    """The function in which the activation is applied, if that can be called by its name."""
    site = flow.activation.site
    file = program.project.parse(site.path)
    for ref, node in functions_in(file) if file is not None else ():
        start, end = file.span(node) if file is not None else (0, 0)
        if start <= site.start < end and ref.name not in UNNAMED:
            yield ref.name


def _called(program: Program, place: Place) -> Iterator[str]:
    """`net` of `self.net(x)`, of `net(x)` and of `self.net[0](x)`."""
    file = program.project.parse(place.path)
    node = file.node_at(place[1:], ast.Call) if file is not None else None
    callee = node.func if isinstance(node, ast.Call) else None
    while isinstance(callee, ast.Subscript):
        callee = callee.value
    match callee:
        case ast.Name(id=name) | ast.Attribute(attr=name) if name not in UNNAMED:
            yield name
        case ast.Attribute(value=ast.Name(id=name) | ast.Attribute(attr=name)):
            yield name


__all__ = ["read_flows"]
