"""Verbs on expressions and calls, case by case."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from verb_tools import call_of, expression, rewrite

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rewrite.edits import apply_edits
from torchfix_codemods.rewrite.verbs import CannotRewrite


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("p = F.softmax(self.fc(x), dim=1)  # c\n", "p = self.fc(x)  # c\n"),
        ("y = F.softmax(a + b, 1) * 2", "y = (a + b) * 2"),
        ("y = 2 * F.softmax(a * b, 1)", "y = 2 * (a * b)"),
        ("y = F.softmax(a * b, 1) + 2", "y = a * b + 2"),
        ("y = F.softmax(a if c else b, 1).max()", "y = (a if c else b).max()"),
        ("y = F.softmax(a < b, 1) < c", "y = (a < b) < c"),
        ("y = F.softmax(-a, 1) ** 2", "y = (-a) ** 2"),
        ("y = F.softmax(lambda: 1, 1)()", "y = (lambda: 1)()"),
        ("y = F.softmax(dim=1, input=x)", "y = x"),
        ("y = F.softmax(input=a + b)[0]", "y = (a + b)[0]"),
        ("y = F.softmax((a + b), 1)", "y = (a + b)"),
        ("y = F.softmax(\n    self.fc(x), dim=1\n)\n", "y = self.fc(x)\n"),
        ("y = F.softmax(self.fc(a,\n    b), dim=1)\n", "y = self.fc(a,\n    b)\n"),
        ("y = F.softmax(\n    a +\n    b, dim=1)\n", "y = (a +\n    b)\n"),
        ("y = (F.softmax(\n    a +\n    b, dim=1))\n", "y = (a +\n    b)\n"),
        ("y = F.softmax(a +\r\n  b, 1)\r\n", "y = (a +\r\n  b)\r\n"),
        ("y = F.softmax(f(a,  # c\n    b), 1)\n", "y = f(a,  # c\n    b)\n"),
        ("z = 1if F.softmax(x)else 2", "z = 1if (x)else 2"),
        ("z = F.softmax(x for x in y)", "z = (x for x in y)"),
        ("z = f(F.softmax(a := b, 1), c)", "z = f(a := b, c)"),
        ("F.softmax(a := b, 1)", "(a := b)"),
        ("é = 'ßé'; y = F.softmax(é, 1); z", "é = 'ßé'; y = é; z"),
        ("if x:\n  pass\nelif F.softmax(x, (1)):\n  pass", "if x:\n  pass\nelif x:\n  pass"),
        ("@d(F.softmax(x, 1))\ndef f(): pass", "@d(x)\ndef f(): pass"),
        ("def f():\n\x0c    return F.softmax('''a\n b''', 1)", "def f():\n\x0c    return '''a\n b'''"),
        ("y = F.softmax(x, 1) \\\n  + z", "y = x \\\n  + z"),
        ("y = [F.softmax(x, 1)  # c\n]", "y = [x  # c\n]"),
        ("async def f():\n    return F.softmax(await g(), 1).x", "async def f():\n    return (await g()).x"),
    ],
)
def test_replace_with_argument(before: str, after: str):
    assert rewrite(before, lambda f: verbs.replace_with_argument(f, call_of(f, "softmax"))) == after


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("y = F.softmax(\n    x,  # logits\n    dim=1)\n", "comment"),
        ("y = F.softmax(*x)", "not clear"),
        ("y = F.softmax(*x, y)", "not clear"),
        ("y = F.softmax(dim=1)", "not clear"),
        ("y = f'{F.softmax(x)}'", "f-string"),
        ("y = F.softmax(" + "(" * 120 + "x" + ")" * 120 + ")", "deeply"),
        ("y = F.softmax(" + "+".join("x" * 300) + ")", "deeply"),
        ("y = F.softmax([" + "x," * 30_000 + "])", "longer"),
    ],
)
def test_replace_with_argument_refuses(text: str, reason: str):
    file = ParsedFile("a.py", text)
    with pytest.raises(CannotRewrite, match=reason) as caught:
        verbs.replace_with_argument(file, call_of(file, "softmax"))
    assert caught.value.reason == str(caught.value)


def test_what_stays_is_not_written_again():
    file = ParsedFile("a.py", "y = F.log_softmax(F.softmax(x, 1), 1)")
    outer = verbs.replace_with_argument(file, call_of(file, "log_softmax"))
    inner = verbs.replace_with_argument(file, call_of(file, "F.softmax"))
    assert apply_edits(file.text, [*outer, *inner]) == "y = x"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("y = x.softmax(1)", "y = x"),
        ("y = x . softmax ( 1 )", "y = x"),
        ("y = (a + b).softmax(1)", "y = (a + b)"),
        ("y = f(x)[0].softmax(dim=-1).log()", "y = f(x)[0].log()"),
        ("y = (x\n  .foo()\n  .softmax(1)\n)", "y = (x\n  .foo()\n)"),
        ("y = (x  # k\n  .softmax(1)\n)", "y = (x  # k\n)"),
        ("y = (x  # k\n  .softmax(1).view(2)\n)", "y = (x  # k\n  .view(2)\n)"),
        ("y = x \\\n  .softmax(1)\nz", "y = x\nz"),
    ],
)
def test_replace_with_receiver(before: str, after: str):
    assert rewrite(before, lambda f: verbs.replace_with_receiver(f, call_of(f, "softmax"))) == after


@pytest.mark.parametrize("text", ["y = softmax(1)", "y = (x.softmax)(1)", "y = f'{x.softmax(1)}'"])
def test_replace_with_receiver_refuses(text: str):
    file = ParsedFile("a.py", text)
    with pytest.raises(CannotRewrite):
        verbs.replace_with_receiver(file, call_of(file, "softmax"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("y = x.softmax(1)", "y = x.log_softmax(1)"),
        ("y = softmax.softmax(1)", "y = softmax.log_softmax(1)"),
        ("y = (x  # why\n  .softmax(1))", "y = (x  # why\n  .log_softmax(1))"),
    ],
)
def test_rename_method(before: str, after: str):
    assert rewrite(before, lambda f: verbs.rename_method(f, call_of(f, "softmax"), "log_softmax")) == after


@pytest.mark.parametrize("text", ["y = softmax(1)", "y = (x.softmax)(1)"])
def test_rename_method_refuses(text: str):
    file = ParsedFile("a.py", text)
    with pytest.raises(CannotRewrite):
        verbs.rename_method(file, call_of(file, "softmax"), "log_softmax")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from m import A", "from m import B"),
        ("from m import (\n    A,  # why\n    C,\n)", "from m import (\n    B,  # why\n    C,\n)"),
        ("if 1:\n    from m import C, A as D; x = 1", "if 1:\n    from m import C, B as D; x = 1"),
    ],
)
def test_rename_imported(before: str, after: str):
    def rename(file: ParsedFile) -> list[Edit]:
        statement = next(n for n in ast.walk(file.tree) if isinstance(n, ast.ImportFrom))
        return verbs.rename_imported(file, statement, next(a for a in statement.names if a.name == "A"), "B")

    assert rewrite(before, rename) == after


@pytest.mark.parametrize(
    ("before", "target", "suffixed", "wrapped"),
    [
        ("y = x", "x", "y = x.s(0)", "y = t.softmax(x, dim=1)"),
        ("y = a + b", "a + b", "y = (a + b).s(0)", "y = t.softmax(a + b, dim=1)"),
        ("y = (a + b)", "a + b", "y = (a + b).s(0)", "y = t.softmax(a + b, dim=1)"),
        ("f((a), b)", "a", "f((a).s(0), b)", "f(t.softmax(a, dim=1), b)"),
        ("f(a)", "a", "f(a.s(0))", "f(t.softmax(a, dim=1))"),
        ("f((a))", "a", "f((a).s(0))", "f(t.softmax(a, dim=1))"),
        ("class A(B): pass", "B", "class A(B.s(0)): pass", "class A(t.softmax(B, dim=1)): pass"),
        ("class A((B)): pass", "B", "class A((B).s(0)): pass", "class A(t.softmax(B, dim=1)): pass"),
        ("y = -x", "-x", "y = (-x).s(0)", "y = t.softmax(-x, dim=1)"),
        ("y = -x", "x", "y = -x.s(0)", "y = -t.softmax(x, dim=1)"),
        ("y = -x ** 2", "-x ** 2", "y = (-x ** 2).s(0)", "y = t.softmax(-x ** 2, dim=1)"),
        ("y = 1", "1", "y = (1).s(0)", "y = t.softmax(1, dim=1)"),
        ("y = lambda: 1", "lambda: 1", "y = (lambda: 1).s(0)", "y = t.softmax(lambda: 1, dim=1)"),
        ("f(x := 1)", "x := 1", "f((x := 1).s(0))", "f(t.softmax(x := 1, dim=1))"),
        ("y = not a", "not a", "y = (not a).s(0)", "y = t.softmax(not a, dim=1)"),
        ("y = a, b", "a, b", "y = (a, b).s(0)", "y = t.softmax((a, b), dim=1)"),
        ("g(x for x in y)", "(x for x in y)", "g((x for x in y).s(0))", "g(t.softmax((x for x in y), dim=1))"),
        ("y = (a  # c\n + b)", "a  # c\n + b", "y = (a  # c\n + b).s(0)", "y = t.softmax(a  # c\n + b, dim=1)"),
        ("y = [a\n + b]", "a\n + b", "y = [(a\n + b).s(0)]", "y = [t.softmax(a\n + b, dim=1)]"),
        ("f(  # see (\n    a\n)", "a", "f(  # see (\n    a.s(0)\n)", "f(  # see (\n    t.softmax(a, dim=1)\n)"),
        ("y = 'a' 'b'", "'a' 'b'", "y = 'a' 'b'.s(0)", "y = t.softmax('a' 'b', dim=1)"),
        ("assert(a)", "a", "assert(a).s(0)", "assert(t.softmax(a, dim=1))"),
    ],
)
def test_suffix_and_wrap(before: str, target: str, suffixed: str, wrapped: str):
    assert rewrite(before, lambda f: verbs.suffix_expression(f, expression(f, target), ".s(0)")) == suffixed
    template = "t.softmax({}, dim=1)"
    assert rewrite(before, lambda f: verbs.wrap_expression(f, expression(f, target), template)) == wrapped


def test_wrapping_needs_a_value():
    file = ParsedFile("a.py", "x = f(*y)[1:]")
    for node in (expression(file, "x"), expression(file, "*y"), expression(file, "1:")):
        with pytest.raises(CannotRewrite, match="not a value"):
            verbs.suffix_expression(file, node, ".s(0)")


def test_unsqueeze_and_squeeze_go_together():
    file = ParsedFile("a.py", "y = F.interpolate(a + b,\n                  size=s)  # up\n")
    edits = [
        *verbs.suffix_expression(file, expression(file, "a + b"), ".unsqueeze(0)"),
        *verbs.suffix_expression(file, call_of(file, "interpolate"), ".squeeze(0)"),
    ]
    wanted = "y = F.interpolate((a + b).unsqueeze(0),\n                  size=s).squeeze(0)  # up\n"
    assert apply_edits(file.text, edits) == wanted


@pytest.mark.parametrize(
    ("before", "target", "code", "after"),
    [
        ("y = F.softmax(x)*2", "F.softmax(x)", "a + b", "y = (a + b)*2"),
        ("y = F.softmax(x)*2", "F.softmax(x)", "F.log_softmax(x)", "y = F.log_softmax(x)*2"),
        ("return_ = probs", "probs", "a, b", "return_ = a, b"),
        ("y = f(a)", "a", "a, b", "y = f((a, b))"),
        ("y = (a)", "a", "b", "y = (b)"),
        ("g(x for x in y)", "(x for x in y)", "z", "g(z)"),
        ("x = 1if a else b", "a", "-c", "x = 1if -c else b"),
        ("x = a\r\n", "a", "f(\n    b)", "x = f(\r\n    b)\r\n"),
    ],
)
def test_replace_expression(before: str, target: str, code: str, after: str):
    assert rewrite(before, lambda f: verbs.replace_expression(f, expression(f, target), code)) == after


def test_an_edit_replaces_whole_words():
    file = ParsedFile("a.py", "y = F.softmax(x)")
    [edit] = verbs.replace_expression(file, call_of(file, "softmax"), "F.log_softmax(x)")
    assert (file.text[edit.start : edit.end], edit.new) == ("softmax", "log_softmax")
    assert verbs.replace_expression(file, call_of(file, "softmax"), "F.softmax(x)") == []


def test_replace_expression_keeps_comments_or_refuses():
    file = ParsedFile("a.py", "y = f(a,  # c\n  b)")
    with pytest.raises(CannotRewrite, match="comment"):
        verbs.replace_expression(file, call_of(file, "f"), "g")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f()", "f(k=s.t)"),
        ("f( )", "f(k=s.t)"),
        ("f(a)", "f(a, k=s.t)"),
        ("f(a,)", "f(a, k=s.t,)"),
        ("f(*a)", "f(*a, k=s.t)"),
        ("f(a, **kw)", "f(a, k=s.t, **kw)"),
        ("f(**kw)", "f(k=s.t, **kw)"),
        ("f(a=1, **kw, b=2)", "f(a=1, k=s.t, **kw, b=2)"),
        ("f(a=1, *b)", "f(a=1, *b, k=s.t)"),
        ("f(x for x in y)", "f((x for x in y), k=s.t)"),
        ("f((x for x in y))", "f((x for x in y), k=s.t)"),
        ("f(\n    a, b\n)", "f(\n    a, b, k=s.t\n)"),
        ("f(a,\n  b)", "f(a,\n  b,\n  k=s.t)"),
        ("f(\n    a\n)", "f(\n    a,\n    k=s.t\n)"),
        ("f(\n    a,  # c\n    b=1,  # d\n)", "f(\n    a,  # c\n    b=1,  # d\n    k=s.t,\n)"),
        ("f(\n    a,  # c\n    b=1  # d\n)", "f(\n    a,  # c\n    b=1,  # d\n    k=s.t\n)"),
        ("f(\n    a,\n    # b=1,\n)", "f(\n    a,\n    # b=1,\n    k=s.t,\n)"),
        ("f(\n    a,  # c\n    **kw,\n)", "f(\n    a,  # c\n    k=s.t,\n    **kw,\n)"),
        ("f(  # c\n)", "f(  # c\n    k=s.t\n)"),
        ("f(a  # c\n)", "f(a,  # c\n    k=s.t\n)"),
        ("if x:\r\n\tf(a,\r\n\t  b)\r\n", "if x:\r\n\tf(a,\r\n\t  b,\r\n\t  k=s.t)\r\n"),
        ("f('''a\n  b''', c)", "f('''a\n  b''', c, k=s.t)"),
    ],
)
def test_add_keyword(before: str, after: str):
    assert rewrite(before, lambda f: verbs.add_keyword(f, call_of(f, "f"), "k", "s.t")) == after


def test_a_call_of_one_line_is_rewritten_in_a_file_of_carriage_returns():
    add = lambda f: verbs.add_keyword(f, call_of(f, "f"), "k", "1")  # noqa: E731
    assert rewrite("if x:\r  f(a)\rg()\r", add) == "if x:\r  f(a, k=1)\rg()\r"


def test_keywords_are_added_and_renamed_once():
    file = ParsedFile("a.py", "f(a=1, b=2)")
    call = call_of(file, "f")
    with pytest.raises(CannotRewrite, match="already"):
        verbs.add_keyword(file, call, "a", "1")
    with pytest.raises(CannotRewrite, match="already"):
        verbs.rename_keyword(file, call, "a", "b")
    with pytest.raises(CannotRewrite, match="no argument"):
        verbs.remove_keyword(file, call, "c")
    with pytest.raises(CannotRewrite, match="no positional"):
        verbs.remove_positional(file, call, 0)
    renamed = rewrite("f(x, a = 1, # c\n b=2)", lambda f: verbs.rename_keyword(f, call_of(f, "f"), "a", "z"))
    assert renamed == "f(x, z = 1, # c\n b=2)"


def test_remove_arguments():
    text = "v = Variable(x, False, True, volatile=True)"
    remove = lambda f: verbs.remove_keyword(f, call_of(f, "Variable"), "volatile")  # noqa: E731
    assert rewrite(text, remove) == "v = Variable(x, False, True)"
    remove = lambda f: verbs.remove_positional(f, call_of(f, "Variable"), 2)  # noqa: E731
    assert rewrite(text, remove) == "v = Variable(x, False, volatile=True)"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(a, gone)", "f(a)"),
        ("f(gone, a)", "f(a)"),
        ("f(gone)", "f()"),
        ("f(a , gone , b)", "f(a , b)"),
        ("f(a, gone, *b, c=1)", "f(a, *b, c=1)"),
        ("f(\n    a,  # a\n    gone,\n)", "f(\n    a,  # a\n)"),
        ("f(\n    a,  # a\n    gone\n)", "f(\n    a  # a\n)"),
        ("f(\n    a,  # a\n    gone,  # c\n)", "f(\n    a,  # a\n    # c\n)"),
        ("f(\n    a,  # a\n    gone  # c\n)", "f(\n    a  # a\n    # c\n)"),
        ("f(\n    a,\n    # above\n    gone,  # c\n    b,\n)", "f(\n    a,\n    # above\n    # c\n    b,\n)"),
        ("f(\n    gone,  # c\n    b,\n)", "f(\n    # c\n    b,\n)"),
        ("f(a, gone, # c\n b)", "f(a, # c\n b)"),
        ("f(a,\n  gone, b)", "f(a,\n  b)"),
        ("f(a, gone,\n  b)", "f(a,\n  b)"),
        ("f(gone,\n  b)", "f(b)"),
        ("f(a # x\n , gone)", "f(a # x\n )"),
        ("f(\r\n  a,\r\n  gone,\r\n)", "f(\r\n  a,\r\n)"),
        ("f(\n  gone,\n)", "f()"),
        ("y = (a, gone)", "y = (a,)"),
        ("y = (gone,)", "y = ()"),
        ("y = a, gone, b", "y = a, b"),
        ("y = [a, gone]", "y = [a]"),
        ("y = [gone]", "y = []"),
        ("y = [\n  # k\n  gone\n]", "y = [\n  # k\n]"),
        ("y = {a, gone}", "y = {a}"),
        ("y = {a: 1, gone: 2}", "y = {a: 1}"),
        ("y = {a: 1, 'k': gone, **b}", "y = {a: 1, **b}"),
        ("y = [('a', 1),\n     ('s', gone)]", "y = [('a', 1),\n     ('s',)]"),
        ("y = [a, # c\n gone]", "y = [a # c\n]"),
    ],
)
def test_remove_element(before: str, after: str):
    def verb(file: ParsedFile):
        element = expression(file, "gone")
        container = file.parents[element]
        return verbs.remove_call_argument_element(file, container, element)

    assert rewrite(before, verb) == after


def test_a_sequential_keeps_its_container():
    before = (
        "m = nn.Sequential(OrderedDict([\n"
        '    ("fc", nn.Linear(1, 2)),  # scores\n'
        '    ("prob", nn.Softmax(dim=1)),  # probabilities\n'
        "]))\n"
    )

    def verb(file: ParsedFile):
        entry = file.parents[call_of(file, "Softmax")]
        return verbs.remove_call_argument_element(file, file.parents[entry], entry)

    after = 'm = nn.Sequential(OrderedDict([\n    ("fc", nn.Linear(1, 2)),  # scores\n    # probabilities\n]))\n'
    assert rewrite(before, verb) == after


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("f(a, gone(  # c\n b))", "comment"),
        ("y = {gone()}", "set without"),
        ("f(a, # a\n gone() # b\n , c)", None),
    ],
)
def test_remove_element_keeps_comments_or_refuses(text: str, reason: str | None):
    file = ParsedFile("a.py", text)
    element = call_of(file, "gone")
    verb = verbs.remove_call_argument_element
    if reason is None:
        after = rewrite(text, lambda f: verb(f, call_of(f, "f"), call_of(f, "gone")))
        assert after == "f(a, # a\n # b\n c)"
    else:
        with pytest.raises(CannotRewrite, match=reason):
            verb(file, file.parents[element], element)


def test_an_element_of_another_container_is_refused():
    file = ParsedFile("a.py", "f(g(x))")
    with pytest.raises(CannotRewrite, match="directly"):
        verbs.remove_call_argument_element(file, call_of(file, "f"), expression(file, "x"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(a, v): pass", "def f(a): pass"),
        ("def f(v): pass", "def f(): pass"),
        ("def f(a, v=1, *args): pass", "def f(a, *args): pass"),
        ("def f(v, /): pass", "def f(): pass"),
        ("def f(v, /, a): pass", "def f(a): pass"),
        ("def f(b, v, /, a): pass", "def f(b, /, a): pass"),
        ("def f(a, *, v=1): pass", "def f(a): pass"),
        ("def f(a, *, v=1, **k): pass", "def f(a, **k): pass"),
        ("def f(a, *, v, c=2) -> int:\n  return 1", "def f(a, *, c=2) -> int:\n  return 1"),
        ("def f(\n    a,  # x\n    v=False,  # y\n):\n    pass", "def f(\n    a,  # x\n    # y\n):\n    pass"),
        ("@d\ndef f(a: int=2, v: bool=False, *, k=(1,2)): pass", "@d\ndef f(a: int=2, *, k=(1,2)): pass"),
        ("class A:\n\tasync def f(self, v = {'a': 1}): pass", "class A:\n\tasync def f(self): pass"),
        ("def f(a, v=1, b=lambda v: v): pass", "def f(a, b=lambda v: v): pass"),
    ],
)
def test_remove_parameter(before: str, after: str):
    def verb(file: ParsedFile):
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        function = next(node for node in ast.walk(file.tree) if isinstance(node, functions))
        return verbs.remove_parameter(file, function, "v")

    assert rewrite(before, verb) == after


def test_an_unknown_parameter_is_refused():
    file = ParsedFile("a.py", "def f(*v, **w): pass")
    with pytest.raises(CannotRewrite, match="no parameter"):
        verbs.remove_parameter(file, file.tree.body[0], "v")


def test_importing_the_verbs_costs_no_libcst():
    code = "import sys, torchfix_codemods.rewrite.verbs; sys.exit('libcst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
