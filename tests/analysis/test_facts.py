"""What a file says at a glance."""

from __future__ import annotations

import ast
import pickle
from textwrap import dedent

import pytest

from torchfix_codemods.analysis.facts import FileFacts, Imported, dotted, facts_of, imported


def facts(text: str) -> FileFacts:
    """The facts of a text."""
    text = dedent(text)
    return facts_of("a.py", text, ast.parse(text))


@pytest.mark.parametrize(
    ("statement", "entries"),
    [
        ("import torch", [Imported("torch", "torch")]),
        ("import torch.nn", [Imported("torch", "torch")]),
        ("import torch.nn as nn", [Imported("nn", "torch.nn")]),
        ("import a, b.c as d", [Imported("a", "a"), Imported("d", "b.c")]),
        ("from torch import nn", [Imported("nn", "torch", 0, "nn")]),
        ("from torch.nn import functional as F", [Imported("F", "torch.nn", 0, "functional")]),
        ("from . import a", [Imported("a", "", 1, "a")]),
        ("from ..x.y import a as b, c", [Imported("b", "x.y", 2, "a"), Imported("c", "x.y", 2, "c")]),
        ("from x import *", [Imported("*", "x", 0, "*")]),
    ],
)
def test_what_an_import_binds(statement: str, entries: list[Imported]):
    node = ast.parse(statement).body[0]
    assert isinstance(node, ast.Import | ast.ImportFrom)
    assert imported(node) == entries
    assert facts(statement).imports == tuple(entries)


def test_definitions_of_every_kind():
    found = facts(
        """
        import torch
        class A(nn.Module, metaclass=M): pass
        class B(make()[0], A): pass
        async def f(): import inner
        def g():
            class Hidden: pass
        x, (y, *z) = 1, (2, 3)
        w: int = 1
        v += 1
        a.attribute = b[0] = 2
        """
    )
    assert [(c.name, c.bases) for c in found.classes] == [("A", ("nn.Module",)), ("B", ("", "A"))]
    assert [c.line for c in found.classes] == [3, 4]
    assert [(f.name, f.line) for f in found.functions] == [("f", 5), ("g", 6)]
    assert found.assigned == ("x", "y", "z", "w", "v")
    assert found.inner_imports == (Imported("inner", "inner"),)
    assert found.all_imports == (Imported("torch", "torch"), Imported("inner", "inner"))


def test_definitions_under_conditions_count_as_top_level():
    found = facts(
        """
        try:
            import a
        except ImportError:
            import b
        else:
            c = 1
        finally:
            def d(): pass
        if x:
            from e import f
        elif y:
            class G: pass
        else:
            h = 1
        for i in j:
            k = 1
        while l:
            m = 1
        with n:
            o = 1
        """
    )
    assert [entry.bound for entry in found.imports] == ["a", "b", "f"]
    assert [f.name for f in found.functions] == ["d"]
    assert [c.name for c in found.classes] == ["G"]
    assert set(found.assigned) >= {"c", "h", "k", "m", "o"}
    assert not found.inner_imports


def test_the_digest_names_the_content():
    assert facts("a = 1").digest == facts("a = 1").digest != facts("a = 2").digest
    assert facts_of("a.py", "'\udcff'", ast.parse("0")).digest  # a lone surrogate can be hashed too


def test_facts_can_be_pickled():
    found = facts("import a\nclass B: pass\n")
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize(("text", "name"), [("a", "a"), ("a.b.c", "a.b.c"), ("a().b", ""), ("a[0]", ""), ("1", "")])
def test_dotted(text: str, name: str):
    assert dotted(ast.parse(text, mode="eval").body) == name
