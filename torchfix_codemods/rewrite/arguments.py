"""Verbs on what stands between brackets: keywords and arguments of calls, elements of containers.

Each builds a changed libcst node and proves it against the `ast`. All raise `CannotRewrite`, with the reason,
where the result would not be certain.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.fragment import Fragment, expression_fragment
from torchfix_codemods.rewrite.items import Items, read_items, write_items
from torchfix_codemods.rewrite.proof import Twin, prove_expression
from torchfix_codemods.rewrite.scan import CannotRewrite

Container = ast.Call | ast.List | ast.Tuple | ast.Set | ast.Dict
_Argument = ast.expr | ast.keyword


def arguments_of(call: ast.Call) -> list[_Argument]:
    """Positional and keyword arguments of a call in the order of the text."""
    both: list[_Argument] = [*call.args, *call.keywords]
    return sorted(both, key=lambda argument: (argument.lineno, argument.col_offset))


def _keyword(call: ast.Call, name: str) -> ast.keyword:
    found = next((keyword for keyword in call.keywords if keyword.arg == name), None)
    if found is None:
        raise CannotRewrite(f"the call has no argument `{name}`")
    return found


def add_keyword(file: ParsedFile, call: ast.Call, name: str, value: str) -> list[Edit]:
    """Add `name=value` after the other arguments, before `**mapping`, in the call's own layout."""
    if any(keyword.arg == name for keyword in call.keywords):
        raise CannotRewrite(f"the call already has an argument `{name}`")
    order = arguments_of(call)
    doubled = (i for i, item in enumerate(order) if isinstance(item, ast.keyword) and item.arg is None)
    index = next(doubled, len(order))
    fragment = expression_fragment(file, call)

    def build(items: Items) -> Items:
        import libcst as cst

        argument = cst.Arg(
            fragment.expression(value),
            cst.Name(name),
            equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
        )
        return _bracketed_generator(items, order).inserted(index, argument)

    def change(twin: Twin) -> None:
        copied = twin.of(call)
        assert isinstance(copied, ast.Call)
        place = sum(isinstance(item, ast.keyword) for item in order[:index])
        copied.keywords.insert(place, ast.keyword(name, ast.parse(value, mode="eval").body))

    return prove_expression(file, call, _edit_call(fragment, build), change)


def _bracketed_generator(items: Items, order: list[_Argument]) -> Items:
    """A generator that shares the call's parentheses gets its own: it won't be the sole argument any more."""
    import libcst as cst

    if len(order) != 1 or not isinstance(order[0], ast.GeneratorExp):
        return items
    item = items.items[0]
    if item.node.value.lpar:
        return items
    value = item.node.value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return replace(items, items=(replace(item, node=item.node.with_changes(value=value)),))


def rename_keyword(file: ParsedFile, call: ast.Call, old: str, new: str) -> list[Edit]:
    """Call the argument `old` by the name `new`."""
    keyword = _keyword(call, old)
    if any(other.arg == new for other in call.keywords):
        raise CannotRewrite(f"the call already has an argument `{new}`")
    fragment = expression_fragment(file, call)
    import libcst as cst

    assert isinstance(fragment.node, cst.Call)
    arguments = list(fragment.node.args)
    index = arguments_of(call).index(keyword)
    arguments[index] = arguments[index].with_changes(keyword=cst.Name(new))

    def change(twin: Twin) -> None:
        copied = twin.of(keyword)
        assert isinstance(copied, ast.keyword)
        copied.arg = new

    edits = fragment.edits(fragment.node.with_changes(args=arguments))
    return prove_expression(file, call, edits, change)


def remove_keyword(file: ParsedFile, call: ast.Call, name: str) -> list[Edit]:
    """Take the argument `name=...` out of a call."""
    return remove_call_argument_element(file, call, _keyword(call, name))


def remove_positional(file: ParsedFile, call: ast.Call, index: int) -> list[Edit]:
    """Take a positional argument out of a call (those behind it move up, which is the caller's business)."""
    if not 0 <= index < len(call.args):
        raise CannotRewrite(f"the call has no positional argument {index}")
    return remove_call_argument_element(file, call, call.args[index])


def remove_call_argument_element(file: ParsedFile, container: Container, element: _Argument) -> list[Edit]:
    """Take an argument out of a call, or an element (of a dict: a key or its value) out of a display.

    Commas are put right and comments around the element stay; the container itself always stays.
    """
    if isinstance(container, ast.Set) and len(container.elts) == 1:
        raise CannotRewrite("a set without elements cannot be written")
    index = _position(container, element)
    fragment = expression_fragment(file, container)
    edit = _edit_call if isinstance(container, ast.Call) else _edit_display
    edits = edit(fragment, lambda items: items.without(index))
    return prove_expression(file, container, edits, lambda twin: _drop(twin, container, element))


def _position(container: Container, element: _Argument) -> int:
    elements = _elements(container, element)
    if element not in elements:
        raise CannotRewrite("the element does not stand directly in this container")
    return elements.index(element)


def _elements(container: Container, element: _Argument) -> list[Any]:
    match container:
        case ast.Call():
            return arguments_of(container)
        case ast.Dict(keys=keys, values=values):
            return values if element in values else keys
    return container.elts


def _drop(twin: Twin, container: Container, element: _Argument) -> None:
    """Do to a copy of the tree what `remove_call_argument_element` does to the text."""
    copied, gone = twin.of(container), twin.of(element)
    match copied:
        case ast.Call():
            copied.args = [item for item in copied.args if item is not gone]
            copied.keywords = [item for item in copied.keywords if item is not gone]
        case ast.Dict():
            pairs = zip(copied.keys, copied.values, strict=True)
            kept = [(key, value) for key, value in pairs if gone not in (key, value)]
            copied.keys, copied.values = [key for key, _ in kept], [value for _, value in kept]
        case ast.List() | ast.Tuple() | ast.Set():
            copied.elts = [item for item in copied.elts if item is not gone]


def _edit_call(fragment: Fragment, build: Callable[[Items], Items]) -> list[Edit]:
    import libcst as cst

    node = fragment.node
    assert isinstance(node, cst.Call)
    items = build(read_items(fragment, node.args, node.whitespace_before_args, None))
    arguments = write_items(fragment, items, tail_in_item=True)
    lead = fragment.whitespace(items.lead if arguments else items.lead + items.tail)
    return fragment.edits(node.with_changes(args=arguments, whitespace_before_args=lead))


def _edit_display(fragment: Fragment, build: Callable[[Items], Items]) -> list[Edit]:
    """The same for `[...]`, `{...}` and `(...)`, where the brackets own the outer whitespace."""
    import libcst as cst

    node: Any = fragment.node
    if isinstance(node, cst.Tuple):
        return _edit_tuple(fragment, node, build)
    left, right = ("lbracket", "rbracket") if isinstance(node, cst.List) else ("lbrace", "rbrace")
    opening, closing = getattr(node, left), getattr(node, right)
    items = build(read_items(fragment, node.elements, opening.whitespace_after, closing.whitespace_before))
    elements = write_items(fragment, items, tail_in_item=False)
    changes = {
        left: opening.with_changes(whitespace_after=fragment.whitespace(items.lead)),
        right: closing.with_changes(whitespace_before=fragment.whitespace(items.tail)),
    }
    return fragment.edits(node.with_changes(elements=elements, **changes))


def _edit_tuple(fragment: Fragment, node: Any, build: Callable[[Items], Items]) -> list[Edit]:
    opening, closing = node.lpar[-1], node.rpar[0]
    items = build(read_items(fragment, node.elements, opening.whitespace_after, closing.whitespace_before))
    if len(node.lpar) == 1 and not items.items:
        raise CannotRewrite("a tuple without parentheses cannot become empty")
    if len(items.items) == 1:
        items = replace(items, trailing_comma=True)
    changed = node.with_changes(
        elements=write_items(fragment, items, tail_in_item=False),
        lpar=[*node.lpar[:-1], opening.with_changes(whitespace_after=fragment.whitespace(items.lead))],
        rpar=[closing.with_changes(whitespace_before=fragment.whitespace(items.tail)), *node.rpar[1:]],
    )
    return fragment.edits(changed)
