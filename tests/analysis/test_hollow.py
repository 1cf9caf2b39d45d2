"""A hollow tree, filled, is the tree of the whole text; and a text that is odd has none, or is as good."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path
from textwrap import indent

import pytest
from hypothesis import HealthCheck, given, settings
from random_programs import PROGRAMS

from torchfix_codemods.analysis import hollow
from torchfix_codemods.analysis.hollow import HollowTree, hollow_tree
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trees import Cut, parents, walk

STANDARD = Path(sysconfig.get_paths()["stdlib"])
BODY = "    first = '''\nnot a line'''  # a comment: def f():\n    second = [1,\n  2]\n    return first, second, 'ab'\n"
LONG = "    a = 1111111111111111111111111111\n    return a + 2222222222222222222222222222222222\n"


def tree_of(text: str) -> HollowTree | None:
    """The hollow tree of a sound text."""

    def unreadable(error: Exception) -> None:
        raise error

    return hollow_tree(text, unreadable)


def pictures(text: str) -> tuple[str, str]:
    """The tree of a text and the filled hollow one, with all positions."""
    found = tree_of(text)
    assert found is not None
    found.fill()
    return ast.dump(ast.parse(text), include_attributes=True), ast.dump(found.tree, include_attributes=True)


@pytest.fixture(autouse=True)
def _cut_short_bodies_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hollow, "MIN_BODY", 1)


@pytest.mark.parametrize(
    "text",
    [
        f"\ndef f():\n{BODY}\nx = 1\n",
        f"\ndef f():\n{BODY}",
        f"\ndef f():\n{BODY.rstrip()}",
        f"\nasync  def f(a: int = (1), *, b={{1: 2}}) -> dict[str, int]:  # why\n{BODY}",
        f"\ndef f(a=lambda x:\n  x, b=':',\n  c=[')']):\n{BODY}\n# at the end\n",
        f"\n@d(1)\ndef f():\n{BODY}\n@e\nclass A(B):\n    def g(self):\n{indent(LONG, '    ')}\n    x: int = 1\n",
        f"\nif x:\n    def f():\n{indent(LONG, '    ')}else:\n    def f():\n{indent(LONG, '    ')}",
        f"\nclass A:\n  class B:\n    def f(self):\n{indent(LONG, '    ')}\n  def g(self): return 1\n",
        f"\ndef f(): return 1; x = {{1:\n2}}\ndef g():\n{LONG}",
        f"\ndef f():\n{LONG.rstrip()};\n\ndef g(): pass\n",
        "\ndef f():\n    'é' # ü\n    return 'é日', '''\n日'''; x\n\nz = 1\n",
        f"\r\ndef f():\r\n{LONG}\r\n",
        "\ndef f():\n    x = 1 + \\\n2\n    def g():\n        return x\n    return g(x)\ny = 1\n",
        "\ndef f():\n    x = [\n        1, 2,\n]\n    return xxxxxxxx\ny = 1\n",
        '\ndef f():\n    """Text.\n\ndef not_one():\n    pass\n"""\n    return xxxxxxxx\ny = 1\n',
        "\ndef f():\n    # only\n# comments\n    pass  # here\n\n\ny = f'{f():\n}' if 0 else 1\n".replace("\n}", "}"),
        "\ndef f():\n    '''\n\ttab\n    '''\n    return xxxxxxxx\ny = 1\n",
        "\ndef f():\n    return '\\\ndef g():\\\n    pass'\n\ny = 1\n",
    ],
)
def test_a_filled_tree_is_the_whole_tree(text: str):
    expected, found = pictures(text)
    assert found == expected


@pytest.mark.parametrize(
    "text",
    [
        "x = 1\n",  # nothing to cut
        f"\ndef f(): return 1\nclass A:\n{LONG}",
        "\ndef f():\n\treturn xxxxxxxx\n",  # tabs
        "\ndef f():\n    a = 1\f\n    return a\n",
        "\ndef f():\r    return xxxxxxxx\r",
        "\ndef f():\n    x = [\n'a',\n    ]\n    return x\n",  # a line that looks like the end of the body
        "\nx = '''\n",  # no tree at all
        "\ndef f(:\n    return xxxxxxxx\n",
    ],
)
def test_an_odd_text_is_parsed_as_a_whole(text: str):
    assert tree_of(text) is None


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(PROGRAMS)
def test_random_programs(text: str):
    if tree_of(text) is not None:
        expected, found = pictures(text)
        assert found == expected


def test_the_standard_library():
    cut = 0
    for path in sorted(STANDARD.glob("*.py"))[::4]:
        text = path.read_text(encoding="utf-8")
        found = tree_of(text)
        if found is not None:
            cut += 1
            expected, filled = pictures(text)
            assert filled == expected, path
    assert cut >= 20


def test_a_body_is_parsed_when_it_is_asked_for():
    found = tree_of(f"\ndef f():\n{LONG}\nasync def g(a):\n{LONG}")
    assert found is not None
    f, g = found.tree.body
    assert isinstance(f, Cut) and isinstance(f, ast.FunctionDef) and isinstance(g, ast.AsyncFunctionDef)
    assert not hasattr(f, "nothing") and found.filled == []
    match g:
        case ast.AsyncFunctionDef(name="g", body=[ast.Assign(), ast.Return()]):
            pass
        case _:
            raise AssertionError
    assert type(g) is ast.AsyncFunctionDef and isinstance(f, Cut) and found.filled == [g]
    found.fill_line(3)
    assert type(f) is ast.FunctionDef and found.filled == [g, f]


def test_a_body_that_does_not_stand_alone_is_taken_from_the_whole(monkeypatch: pytest.MonkeyPatch):
    text = f"\ndef f():\n{LONG}\nx = 1\n"
    found = tree_of(text)
    assert found is not None
    parse = hollow.quietly_parsed
    monkeypatch.setattr(hollow, "quietly_parsed", lambda code: parse("x = 1" if "if 1:" in code else code))
    found.fill()
    assert ast.dump(found.tree, include_attributes=True) == ast.dump(ast.parse(text), include_attributes=True)


BROKEN = f"\ndef good():\n{LONG}\ndef bad(x):\n    return x +\n\nclass A:\n    def f(self):\n        return bad(self)\n"


def test_a_body_that_cannot_be_parsed_is_skipped_when_it_is_asked_for():
    project = Project(["a.py"], {"a.py": BROKEN}.get)
    file = project.parse("a.py")
    assert file is not None and not project.skipped
    assert file.function_at(2, 0).name == "good" and not project.skipped
    bad = file.function_at(6, 0)
    assert isinstance(bad.body[0], ast.Return)
    skipped = project.skipped["a.py"]
    assert (skipped.reason, skipped.detail) == ("syntax-error", "line 7: invalid syntax")
    assert project.parse("a.py") is file


def test_a_file_that_is_checked_is_parsed_as_a_whole():
    project = Project(["a.py"], {"a.py": BROKEN}.get)
    assert project.parse_whole("a.py") is None and "a.py" in project.skipped
    sound = Project(["a.py"], {"a.py": f"\ndef f():\n{LONG}"}.get)
    hollow_one = sound.parse("a.py")
    whole = sound.parse_whole("a.py")
    assert hollow_one is not None and whole is not None and (hollow_one.whole, whole.whole) == (False, True)
    assert sound.parse("a.py") is whole and sound.parse_whole("a.py") is whole


def test_what_stands_around_a_node_is_known_as_far_as_the_tree_is():
    text = f"\ndef f():\n{LONG}\nclass A:\n    def g(self, h=lambda: 1):\n"
    text += "        class B:\n            x = [1 for z in y]\n"
    file, whole = ParsedFile("a.py", text, lambda error: None), ParsedFile("a.py", text)
    assert not file.whole and file.weight < whole.weight == len(text)
    f, a = file.tree.body
    assert file.enclosing_class(a.body[0]) is a and isinstance(f, Cut) and isinstance(a.body[0], Cut)
    assert isinstance(file.function_at(7, 18), ast.Lambda) and isinstance(a.body[0], Cut)
    inner = file.class_at(8, "B")
    assert inner is not None and type(a.body[0]) is ast.FunctionDef and isinstance(f, Cut)
    assert file.enclosing_function(inner.body[0]) is a.body[0] and file.enclosing_class(inner) is a
    listed = file.node_at((9, 16, 9, 30), ast.expr)
    assert isinstance(listed, ast.ListComp) and file.parent(listed) is inner.body[0]
    assert file.enclosing_statement(listed) is inner.body[0] and file.block_of(inner.body[0]) is inner.body
    assert file.class_at(8, "C") is None and isinstance(f, Cut)
    with pytest.raises(KeyError):
        file.function_at(8, 0)
    assert [type(n) for n in file.parents] == [type(n) for n in parents(whole.tree)]
    assert [type(n) for n in walk(file.tree)] == [type(n) for n in walk(whole.tree)] and not isinstance(f, Cut)
