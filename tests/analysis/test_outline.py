"""The outline against the tree: it may see more than there is, never less."""

from __future__ import annotations

import ast
import tokenize
from pathlib import Path

import pytest

from torchfix_codemods.analysis.facts import facts_of
from torchfix_codemods.analysis.outline import Outline, outline_of
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.source.old_names import readable

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = [path for folder in ("corpus", "torchfix_codemods") for path in sorted((ROOT / folder).rglob("*.py"))]
LIBRARY = [Path(ast.__file__).parent / name for name in ("ast.py", "typing.py", "enum.py", "tarfile.py", "cgitb.py")]
ODD = '''
from a import (b,
    c as d)  # import hidden
from e import f, \\
    g
import h.i as j, k; from . import l
try: import m
except ImportError: n = None; o = 1
text = """
def not_this(): pass
"""; p = q, (r, s) = 1, (2, 3)
def t(x="#", y='"""') -> \\
Tuple:
    return u(f"""{v} # {w}""")
class X(
    Base
):
    class Y:
        def inner(self): pass

    @deco(
        1
    )
    def method(self, z="a\\
b"):
        self.one = self.two = 3
        self.three, (self.four, *self.five) = z
        (self.six,
         self.seven) = z
        [*self.eight] = z
        self.nine: int = 1
        self.ten[0], self.eleven += 1
        for self.twelve in z: pass

    async def other(self): return "__doc__"
if aa:
    def bb(): pass
    for cc in dd: ee = cc
match ff:
    case [gg, *hh]: pass
'''


def outline(text: str) -> Outline:
    found = outline_of("x.py", text)
    assert found is not None
    return found


@pytest.mark.parametrize("path", [p for p in [*PROGRAMS, *LIBRARY] if p.exists()], ids=lambda path: path.name)
def test_nothing_of_a_real_file_is_missed(path: Path):
    with tokenize.open(path) as file:
        check(readable(file.read()))


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_nothing_of_an_odd_text_is_missed(ending: str):
    text = ODD.replace("+=", "=")
    check(text.replace("\n", ending))
    assert "not_this" not in outline(text).names and "hidden" not in outline(text).names


def test_what_stands_in_comments_and_docstrings_does_not_count():
    found = outline('def f():\n    """softmax"""\n    return 1  # softmax\n')
    (unit,) = found.units
    assert "softmax" not in unit.words and (unit.first, unit.last) == (1, 3)


def test_there_is_no_outline_where_lines_end_in_another_way():
    assert outline_of("x.py", "import a\rimport b\n") is None
    assert outline_of("x.py", "import a\f\nimport b\n") is None


def check(text: str) -> None:
    tree, found = ast.parse(text), outline(text)
    facts = facts_of("x.py", text, tree)
    assert set(facts.all_imports) <= set(found.imports)
    names = {d.name for d in (*facts.classes, *facts.functions)} | {i.bound for i in facts.imports} | {*facts.assigned}
    assert names - {"__all__", "*"} <= found.names
    for statement in tree.body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                assert said_in(statement) <= {w for unit in found.functions[statement.name] for w in unit.words}
            case ast.ClassDef():
                check_class(statement, found)
            case _:
                pass


def check_class(node: ast.ClassDef, found: Outline) -> None:
    units = [*found.classes[node.name], *found.methods.get(node.name, ())]
    assert said_in(node) <= {word for unit in units for word in unit.words}
    for method in node.body:
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
            mine = [unit for unit in units if unit.name == method.name]
            assert said_in(method) <= {word for unit in mine for word in unit.words}


def said_in(node: ast.AST) -> set[str]:
    """The identifiers of a tree, but for those in its decorators' place (they belong to it too)."""
    names = {n.id for n in walk(node) if isinstance(n, ast.Name)}
    return names | {n.attr for n in walk(node) if isinstance(n, ast.Attribute)}
