"""Mistakes about the shape and the type of tensors: TFC401 and TFC402."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evaluate_parts.spots import Mutation, Spots

_DTYPES = ("torch.long", "torch.int64")
_WRONG = (
    ("int16 index", ".short()"),
    ("float index", ".float()"),
    ("list as the index", ".tolist()"),
    ("array as the index", ".cpu().numpy()"),
    ("mask as the index", ".bool()"),
)


def unbatched(spots: Spots) -> Iterator[Mutation]:
    """`F.interpolate` on an image without a batch dimension: what adds it and takes it away is gone."""
    for call in spots.calls():
        if spots.dotted(call.func) != "torch.nn.functional.interpolate" or not call.args:
            continue
        image, whole = _without_batch(spots, call.args[0]), _indexed(spots, call)
        if image is not None and whole is not None:
            arguments = [spots.source(image), *map(spots.source, call.args[1:])]
            arguments += [f"{word.arg}={spots.source(word.value)}" for word in call.keywords]
            new = f"{spots.source(call.func)}({', '.join(arguments)})"
            yield Mutation("TFC401", "no batch dimension", call.lineno, (spots.replaced(whole, new),))
            kept = (spots.replaced(call.args[0], spots.source(image)),)
            yield Mutation("TFC401", "batch dimension taken off alone", call.lineno, kept)


def _without_batch(spots: Spots, node: ast.expr) -> ast.expr | None:
    """What `image.unsqueeze(0)` and `image[None]` add a dimension to."""
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr="unsqueeze"), args=[ast.Constant(value=0)]):
            return value
        case ast.Subscript(value=value, slice=ast.Constant(value=None)):
            return value
    return None


def _indexed(spots: Spots, call: ast.Call) -> ast.expr | None:
    """The expression that takes the first dimension of a call's result away again."""
    parent = spots.parents[call]
    if isinstance(parent, ast.Subscript):
        return parent
    if isinstance(parent, ast.Attribute) and parent.attr == "squeeze":
        outer = spots.parents[parent]
        return outer if isinstance(outer, ast.Call) else None
    return None


def wrong_index(spots: Spots) -> Iterator[Mutation]:
    """An index of `index_select` of a type that it refuses, or a list."""
    for call in spots.calls():
        if not spots.dotted(call.func).endswith("index_select") and spots.method(call) != "index_select":
            continue
        index = call.args[-1] if len(call.args) >= 2 else None
        if index is None:
            continue
        for operator, method in _WRONG:
            yield Mutation("TFC402", operator, index.lineno, (spots.replaced(index, f"{spots.atom(index)}{method}"),))
        for word in _dtypes_of(spots, index):
            yield Mutation("TFC402", "dtype=torch.int16", word.lineno, (spots.replaced(word, "torch.int16"),))


def _dtypes_of(spots: Spots, index: ast.expr) -> Iterator[ast.expr]:
    """The `dtype=torch.long` where the name that is the index is made."""
    if not isinstance(index, ast.Name):
        return
    for node in ast.walk(spots.scope(index)):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(keywords=words)) if name == index.id:
                yield from (word.value for word in words if word.arg == "dtype" and spots.dotted(word.value) in _DTYPES)


MUTATORS = (unbatched, wrong_index)
