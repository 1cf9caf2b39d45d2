"""The verb that takes a parameter out of a `def`, with the markers `*` and `/` that nothing needs any more."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.fragment import Fragment, header_fragment
from torchfix_codemods.rewrite.items import Items, read_items, write_items
from torchfix_codemods.rewrite.proof import Twin, prove_expression
from torchfix_codemods.rewrite.scan import CannotRewrite


def remove_parameter(file: ParsedFile, function: FunctionNode, name: str) -> list[Edit]:
    """Take a parameter (not `*args` or `**kwargs`) out of a `def`; the markers `*` and `/` go when nothing needs them.

    Uses of the name in the body are the caller's business.
    """
    arguments = function.args
    plain = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    parameter = next((item for item in plain if item.arg == name), None)
    if parameter is None:
        raise CannotRewrite(f"`{function.name}` has no parameter `{name}`")
    fragment = header_fragment(file, function)
    edits = _edit_parameters(fragment, name)
    return prove_expression(file, function, edits, lambda twin: _drop_parameter(twin, function, name))


def _edit_parameters(fragment: Fragment, name: str) -> list[Edit]:
    import libcst as cst

    node: Any = fragment.node
    params = node.params
    markers = [params.posonly_ind, params.star_arg]
    fixed = [*params.posonly_params, markers[0], *params.params, markers[1], *params.kwonly_params, params.star_kwarg]
    nodes = [item for item in fixed if isinstance(item, cst.CSTNode)]
    items = read_items(fragment, nodes, node.whitespace_before_params, None)
    items = _without_node(items, lambda item: isinstance(item, cst.Param) and item.name.value == name)
    kinds = [type(item.node) for item in items.items]
    if kinds[:1] == [cst.ParamSlash]:
        items = items.without(0)
    if cst.ParamStar in kinds and not _has_keyword_only(items):
        items = _without_node(items, lambda item: isinstance(item, cst.ParamStar))
    written = write_items(fragment, items, tail_in_item=True)
    changed = _sorted_back(params, written)
    lead = fragment.whitespace(items.lead if written else items.lead + items.tail)
    return fragment.edits(node.with_changes(params=changed, whitespace_before_params=lead))


def _has_keyword_only(items: Items) -> bool:
    """Whether a parameter that the bare `*` is for follows it (`**kwargs` is none)."""
    import libcst as cst

    star = next(i for i, item in enumerate(items.items) if isinstance(item.node, cst.ParamStar))
    return any(item.node.star != "**" for item in items.items[star + 1 :])


def _without_node(items: Items, wanted: Callable[[Any], bool]) -> Items:
    return items.without(next(i for i, item in enumerate(items.items) if wanted(item.node)))


def _sorted_back(params: Any, written: list[Any]) -> Any:
    """libcst's `Parameters` from the flat sequence: which field a parameter belongs to has not changed."""
    import libcst as cst

    def named(fields: Any) -> list[Any]:
        names = {item.name.value for item in fields}
        return [item for item in written if isinstance(item, cst.Param) and item.name.value in names]

    def kept(old: Any, kind: Any, default: Any) -> Any:
        if isinstance(old, cst.Param):
            return named([old])[0]
        return next((item for item in written if isinstance(item, kind)), default)

    sentinel = cst.MaybeSentinel.DEFAULT
    return params.with_changes(
        posonly_params=named(params.posonly_params),
        posonly_ind=kept(params.posonly_ind, cst.ParamSlash, sentinel),
        params=named(params.params),
        star_arg=kept(params.star_arg, cst.ParamStar, sentinel),
        kwonly_params=named(params.kwonly_params),
        star_kwarg=kept(params.star_kwarg, (), None),
    )


def _drop_parameter(twin: Twin, function: FunctionNode, name: str) -> None:
    """Do to a copy of the tree what `remove_parameter` does to the text."""
    arguments = twin.of(function.args)
    assert isinstance(arguments, ast.arguments)
    positional = [*arguments.posonlyargs, *arguments.args]
    places = [item.arg for item in positional]
    if name in places:
        first_default = len(positional) - len(arguments.defaults)
        if places.index(name) >= first_default:
            del arguments.defaults[places.index(name) - first_default]
    for position, item in enumerate(arguments.kwonlyargs):
        if item.arg == name:
            del arguments.kwonlyargs[position], arguments.kw_defaults[position]
            break
    arguments.posonlyargs = [item for item in arguments.posonlyargs if item.arg != name]
    arguments.args = [item for item in arguments.args if item.arg != name]
