"""Results of a model that a function puts where others find them later: a policy's log probabilities, say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from torchfix_codemods.analysis.parsed import ParsedFile

_ADDS = frozenset(("append", "appendleft", "add", "extend", "insert", "push"))
_WITHOUT_GRAPH = re.compile(r"\.(?:item|detach|detach_|tolist|numpy)\(|\.data\b")


def keeps_results(file: ParsedFile, statements: Iterable[ast.stmt], receivers: frozenset[str]) -> bool:
    """Whether something that the models `receivers` computed goes, with its graph, into an attribute.

    By the names alone: what is assigned from a call of a model, or from such a name, counts as computed by it.
    """
    results: set[str] = set()

    def computed(value: ast.expr) -> bool:
        if _WITHOUT_GRAPH.search(file.source(value)):
            return False
        nodes = list(ast.walk(value))
        called = any(isinstance(n, ast.Call) and file.source(n.func) in receivers for n in nodes)
        return called or any(isinstance(n, ast.Name) and n.id in results for n in nodes)

    for node in (n for statement in statements for n in _in_order(statement)):
        match node:
            case ast.Assign(targets=targets, value=value) if computed(value):
                if any(isinstance(target, ast.Attribute) for target in targets):
                    return True
                results |= {n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)}
            case ast.Call(func=ast.Attribute(attr=name, value=ast.Attribute()), args=args) if name in _ADDS:
                if any(map(computed, args)):
                    return True
            case _:
                pass
    return False


def _in_order(node: ast.AST) -> Iterable[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _in_order(child)
