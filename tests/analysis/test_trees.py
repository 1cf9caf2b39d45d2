"""Our walk against the standard library's, over the standard library's own sources."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from torchfix_codemods.analysis.trees import children, parents, statements, walk

SHARED = (ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop)
FOLDER = Path(ast.__file__).parent
EVERYTHING = """
match x:
    case {"a": [1, *rest], **more} if y: pass
    case None | Point(z, w=2) as p: pass
lambda a, /, b=1, *c, d=None, **e: (yield)
f(*a, **{**b, "c": d}); [i async for i in j if k]; x[1:2, ...]
with a as b, c: pass
try: pass
except* E as e: raise
"""


@pytest.mark.parametrize("name", ["ast.py", "argparse.py", "dataclasses.py", "typing.py", "asyncio/base_events.py"])
def test_it_sees_the_nodes_that_ast_walk_sees(name: str):
    check(ast.parse((FOLDER / name).read_text(encoding="utf-8")))


def test_it_sees_every_kind_of_node():
    for statement in EVERYTHING.split("\n\n"):
        check(ast.parse(statement if hasattr(ast, "TryStar") else statement.replace("except*", "except")))


def check(tree: ast.AST) -> None:
    nodes = [node for node in ast.walk(tree) if not isinstance(node, SHARED)]
    assert walk(tree) == nodes
    assert list(parents(tree)) == nodes[1:]
    for node in nodes:
        assert children(node) == [child for child in ast.iter_child_nodes(node) if not isinstance(child, SHARED)]

    assert isinstance(tree, ast.Module)
    assert set(statements(tree.body)) == {node for node in nodes if isinstance(node, ast.stmt)}
    above = parents(tree)
    assert all(above[child] is node for node in nodes for child in children(node))
