"""Functions found by lines alone: the ones that Python's own parser finds, or an answer that says "unclear"."""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import HealthCheck, given, settings
from random_programs import PROGRAMS

from torchfix_codemods.analysis.looks.functions import Function, Functions, Unclear, functions_of
from torchfix_codemods.analysis.project import Project

STANDARD = Path(sysconfig.get_paths()["stdlib"])
MODULES = ["argparse.py", "ast.py", "dataclasses.py", "inspect.py", "typing.py", "doctest.py", "asyncio/base_events.py"]
MODULES += ["tokenize.py", "logging/__init__.py", "unittest/mock.py", "pydoc.py", "contextlib.py", "tempfile.py"]
Expected = tuple[str, str, int] | None


def statements(text: str) -> Iterator[tuple[int, Expected]]:
    """Where each statement begins, and the outermost function that holds it: name, class, first character."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def visit(node: ast.AST, owner: str, held: Expected) -> Iterator[tuple[int, Expected]]:
        for child in ast.iter_child_nodes(node):
            inside, inner = owner, held
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and held is None:
                inner = (child.name, owner, starts[child.lineno - 1])
            elif isinstance(child, ast.ClassDef):
                inside = child.name
            elif isinstance(child, ast.stmt):
                yield starts[child.lineno - 1] + child.col_offset, held
            yield from visit(child, inside, inner)

    yield from visit(ast.parse(text), "", None)


def answer(functions: Functions, position: int) -> Expected | str:
    try:
        found = functions.around(position)
        if found is None:
            return None
        found.parsed()
    except Unclear:
        return "unclear"
    return found.name, found.owner, found.start


def test_most_of_the_standard_library_is_clear():
    texts = [(STANDARD / name).read_text(encoding="utf-8") for name in MODULES]
    answers = [answer(Functions(text), position) for text in texts for position, _ in statements(text)]
    assert answers.count("unclear") < len(answers) / 5


@pytest.mark.parametrize("name", MODULES)
def test_the_functions_of_the_standard_library(name: str):
    text = (STANDARD / name).read_text(encoding="utf-8")
    functions = Functions(text)
    wrong = [
        (text.count("\n", 0, position) + 1, wanted, got)
        for position, wanted in statements(text)
        if (got := answer(functions, position)) not in (wanted, "unclear")
    ]
    assert not wrong


@given(PROGRAMS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_functions_of_random_programs(text: str):
    functions = Functions(text)
    for position, wanted in statements(text):
        assert answer(functions, position) in (wanted, "unclear")


TEXT = dedent(
    '''
    """A module with a def in its text.

    def no_function(x):
        pass
    """
    import torch


    class Net(nn.Module):
        limit = soft(1)

        class Inner:
            def deep(self, a=first(1)):
                return second(a)

        @staticmethod
        def build(x,
                  y=third(2)):
            """
    A text that is not indented.
            """
            def helper(z):
                return fourth(z)
            values = [
          fifth(1),
            ]
    # a comment that is not indented
            return helper(sixth(x))

        async def run(self): return seventh(self)


    if flag:
        def late(x):
            return eighth(x)

    last = ninth(1)
    '''
)
AROUND = {
    "no_function": None,
    "soft(": None,
    "first(": ("deep", "Inner"),
    "second(": ("deep", "Inner"),
    "third(": ("build", "Net"),
    "fourth(": ("build", "Net"),
    "fifth(": ("build", "Net"),
    "sixth(": ("build", "Net"),
    "seventh(": ("run", "Net"),
    "eighth(": ("late", ""),
    "ninth(": None,
}


@pytest.mark.parametrize("word", [word for word in AROUND if word != "no_function"])
def test_the_outermost_function_and_its_class(word: str):
    found = Functions(TEXT).around(TEXT.index(word))
    assert (found and (found.name, found.owner)) == AROUND[word]
    if found is not None:
        assert any(isinstance(node, ast.Call) for node in ast.walk(found.parsed()))


def test_a_definition_in_a_text_is_unclear():
    found = Functions(TEXT).around(TEXT.index("pass"))
    assert found is not None and found.name == "no_function"
    with pytest.raises(Unclear):
        found.parsed()


ODD = {
    "arguments less indented than their function": "class A:\n    def f(x):\n        return g(\n  here(x))\n",
    "code behind them": "class A:\n    def f(x):\n        y = g(\n  1)\n        return here(y)\n",
    "code behind a line of a list": "def f(x):\n    y = [\n1]\n    return here(y)\n",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_lines_that_do_not_tell_where_a_function_ends_are_unclear(text: str):
    with pytest.raises(Unclear):
        Functions(text).around(text.index("here"))


def test_each_function_is_given_once_with_its_places():
    positions = sorted(TEXT.index(word) for word in AROUND)
    holding = dict(Functions(TEXT).holding(positions))
    names = [function.name if isinstance(function, Function) else None for function in holding]
    assert len(names) == len(set(names)) and sum(map(len, holding.values())) == len(positions)


def test_functions_by_name():
    text = "def step(x):\n    return x\n\nclass A:\n    def step(self):\n        def step(y): return y\n"
    assert [(f.name, f.owner) for f in Functions(text).named("step")] == [("step", ""), ("step", "A"), ("step", "A")]


def test_the_functions_of_a_file_are_remembered_while_it_is_looked_at():
    files = {"a.py": TEXT, "b.py": "x = 1\n"}
    project = Project(files, files.get)
    assert functions_of(project, "a.py") is functions_of(project, "a.py")
    assert functions_of(project, "b.py").text == "x = 1\n"
