"""Which attributes of its own object a method may set, and which of them needn't be computed."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from torchfix_codemods.analysis.interpreter.own_stores import constants_stored, stored_attributes


def method(source: str) -> ast.FunctionDef:
    """The tree of a function."""
    node = ast.parse(dedent(source)).body[0]
    assert isinstance(node, ast.FunctionDef)
    return node


@pytest.mark.parametrize(
    "source",
    [
        "def f(self): self.x = 1",
        "def f(me): me.x = 1",
        "def f(self): self.x += 1",
        "def f(self): self.x: int = 1",
        "def f(self): self.a, (self.b, self.x) = g()",
        "def f(self):\n  for self.x in xs: pass",
        "def f(self):\n  with g() as self.x: pass",
        "def f(self): m = self; m.x = 1",
        "def f(self): m = n = self if a else b; n.x = 1",
        "def f(self): m = (m2 := self); m.x = 1",
        "def f(self): m = self.setup(); m.x = 1",
        "def f(self): m = wrap(self); m.x = 1",
        "def f(self):\n  for m in (self, other): m.x = 1",
        "def f(self):\n  with self as m: m.x = 1",
        "def f(self): self[0].x = 1",
        "def f(self):\n  def g(): self.x = 1\n  g()",
        "def f(self):\n  def g(m): m.x = 1\n  g(self)",
        "def f(self, other: Net): other.x = 1",
        "def f(self, other: models.Net): m = other; m.x = 1",
        "@classmethod\ndef f(cls): cls.x = 1",
    ],
)
def test_set_on_the_own_object(source: str):
    assert "x" in stored_attributes(method(source), "Net")


@pytest.mark.parametrize(
    "source",
    [
        "def f(self, config): config.x = 1",
        "def f(self, other: Config): other.x = 1",
        "def f(self): self.config.x = 1",
        "def f(self): config = self.config; config.x = 1",
        "def f(self): print(self.x)",
        "@classmethod\ndef f(cls): model = cls(1); model.x = 1",
        "@classmethod\ndef f(cls): model = cls.load(1); model.x = 1",
        "@staticmethod\ndef f(model): model.x = 1",
        "def f(self): del self.x",
    ],
)
def test_set_on_something_else(source: str):
    assert "x" not in stored_attributes(method(source), "Net")


@pytest.mark.parametrize(
    ("source", "constants"),
    [
        ("def f(self): self.x = 1", [1]),
        ("def f(self):\n  if a: self.x = True\n  else: self.x = None", [True, None]),
        ("def f(self): self.x = 1; self.y = g()", [1]),
        ("def f(self):\n  def g(y): return y\n  self.x = g", []),
        ("def f(self):\n  def g(y): return y\n  self.x = 1", [1]),
        ("def f(self):\n  def g(self): self.x = 1", []),
        ("def f(self): self.x = g()", []),
        ("def f(self): self.x = 1; self.x += 1", []),
        ("def f(self): self.x = 1; self.x = g()", []),
        ("def f(self): self.x = 1; m = self; m.x = 2", []),
        ("def f(self): self.x = self.y = 1", []),
        ("def f(self): self.x = 1; setattr(self, 'x', g())", []),
        ("def f(self): self.x = 1; del self.x", []),
        ("def f(self, other): other.x = 1", []),
        ("def f(): pass", []),
    ],
)
def test_constants(source: str, constants: list[object]):
    assert [c.value for c in constants_stored(method(source), "x")] == constants
