"""Verbs on statements, blocks and imports, case by case."""

from __future__ import annotations

import ast

import pytest
from verb_tools import expression, rewrite, statement

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rewrite.verbs import CannotRewrite


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\ngone\nb\n", "a\nb\n"),
        ("a\n\ngone\n\nb\n", "a\n\n\nb\n"),
        ("def f():\n    # c\n    gone  # t\n    b\n", "def f():\n    # c\n    # t\n    b\n"),
        ("def f():\n    gone  # t\n", "def f():\n    pass  # t\n"),
        ("def f():\n    'doc'\n    gone\n", "def f():\n    'doc'\n"),
        ("gone\n", ""),
        ("gone", ""),
        ("a\ngone", "a"),
        ("a\r\ngone", "a"),
        ("a; gone; b", "a; b"),
        ("a; gone  # c", "a  # c"),
        ("a; gone;", "a;"),
        ("gone; a", "a"),
        ("gone; # t", "# t"),
        ("x = 1; \\\n gone\ny", "x = 1\ny"),
        ("if x: gone\nelse: b", "if x: pass\nelse: b"),
        ("if x:\n  y\nelse:\n  gone # c", "if x:\n  y\nelse:\n  pass # c"),
        ("if x: gone; b", "if x: b"),
        ("try:\n\ta\nexcept E:\n\tgone\nfinally:\n\tb", "try:\n\ta\nexcept E:\n\tpass\nfinally:\n\tb"),
        ("match x:\n  case 1: gone", "match x:\n  case 1: pass"),
        ("a\r\ngone(1,\r\n 2)\r\nb\r\n", "a\r\nb\r\n"),
        ("a\rgone\rb\r", "a\rb\r"),
        ("gone = '''\n# no comment\n'''\nb", "b"),
        ("é = 'ß'; gone; b", "é = 'ß'; b"),
    ],
)
def test_delete_statement(before: str, after: str):
    assert rewrite(before, lambda f: verbs.delete_statement(f, statement(f, "gone"))) == after


def test_a_decorated_function_is_deleted_whole():
    delete = lambda f: verbs.delete_statement(f, f.tree.body[1])  # noqa: E731
    assert rewrite("a\n@d(1)\n@ e\ndef f():\n  pass\nb", delete) == "a\nb"


@pytest.mark.parametrize(
    ("text", "found", "reason"),
    [
        ("gone(1, # x\n 2)", "gone", "comment"),
        ("if gone:\n  # c\n  pass\nx", "if gone", "comment"),
        ("if a:\n  pass\nelif gone:\n  pass", "elif gone", "elif"),
    ],
)
def test_delete_statement_refuses(text: str, found: str, reason: str):
    file = ParsedFile("a.py", text)
    with pytest.raises(CannotRewrite, match=reason):
        verbs.delete_statement(file, statement(file, found))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("this", "new()\nthis"),
        ("a; this; b  # c", "a\nnew()\nthis; b  # c"),
        ("if x: this  # c", "if x:\n    new()\n    this  # c"),
        ("while y:\n\tz\nif x: a; this", "while y:\n\tz\nif x:\n\ta\n\tnew()\n\tthis"),
        ("if x:\n  a\nelse: this", "if x:\n  a\nelse:\n  new()\n  this"),
        ("if x: \\\n  this", "if x:\n    new()\n    this"),
        ("def f():\n\t# c\n\n\tthis", "def f():\n\t# c\n\n\tnew()\n\tthis"),
        ("def f():\n\t# c\n\t# d\n\tthis", "def f():\n\tnew()\n\t# c\n\t# d\n\tthis"),
        ("def f():\n# c\n\tthis", "def f():\n# c\n\tnew()\n\tthis"),
        ("a  # t\n# c\nthis", "a  # t\nnew()\n# c\nthis"),
        ("#!/x\n# -*- coding: utf-8 -*-\nthis", "#!/x\n# -*- coding: utf-8 -*-\nnew()\nthis"),
        ("for x in y:\r\n  this\r\n", "for x in y:\r\n  new()\r\n  this\r\n"),
        ("for x in y:\r  this\r", "for x in y:\r  new()\r  this\r"),
        ("x='''\n# y'''\nthis", "x='''\n# y'''\nnew()\nthis"),
        ("a\n\x0cthis", "a\nnew()\n\x0cthis"),
        ("if a:\n  b\n\x0c  this", "if a:\n  b\n  new()\n\x0c  this"),
    ],
)
def test_insert_before(before: str, after: str):
    assert rewrite(before, lambda f: verbs.insert_before(f, statement(f, "this"), ["new()"])) == after


def test_insert_before_a_decorated_function_stands_above_the_decorator():
    insert = lambda f: verbs.insert_before(f, f.tree.body[1], ["new()"])  # noqa: E731
    assert rewrite("a\n\n# c\n@d\n# e\ndef f(): pass\n", insert) == "a\n\nnew()\n# c\n@d\n# e\ndef f(): pass\n"


@pytest.mark.parametrize(
    ("text", "found", "reason"),
    [
        ("'this'\nx", "'this'", "docstring"),
        ("from __future__ import division", "from", "docstring"),
        ("if a:\n  pass\nelif this:\n  pass", "elif", "elif"),
    ],
)
def test_insert_before_refuses(text: str, found: str, reason: str):
    file = ParsedFile("a.py", text)
    with pytest.raises(CannotRewrite, match=reason):
        verbs.insert_before(file, statement(file, found), ["new()"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("this", "this\nif x:\n    y()"),
        ("this\n", "this\nif x:\n    y()\n"),
        ("a; this; b  # c", "a; this\nif x:\n    y()\nb  # c"),
        ("if x: this  # c", "if x:\n    this  # c\n    if x:\n        y()"),
        ("if x: this; b", "if x:\n    this\n    if x:\n        y()\n    b"),
        ("try: this\nexcept E: pass", "try:\n    this\n    if x:\n        y()\nexcept E: pass"),
        ("def f():\n\tthis  # k\n\t# c\n\tb", "def f():\n\tthis  # k\n\tif x:\n\t\ty()\n\t# c\n\tb"),
        ("if z:\n   this(1,\n 2)", "if z:\n   this(1,\n 2)\n   if x:\n      y()"),
        ("a\nthis\r\nb\r\n", "a\nthis\r\nif x:\r\n    y()\r\nb\r\n"),
    ],
)
def test_insert_after(before: str, after: str):
    insert = lambda f: verbs.insert_after(f, statement(f, "this"), ["if x:", "    y()"])  # noqa: E731
    assert rewrite(before, insert) == after


def test_insert_after_a_block_stands_below_the_comments_that_end_it():
    insert = lambda f: verbs.insert_after(f, f.tree.body[0], ["new()"])  # noqa: E731
    assert rewrite("if a:\n  b\n\n  # c\n# d\ne\n", insert) == "if a:\n  b\n\n  # c\nnew()\n# d\ne\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(): pass", "def f():\n    new()\n    pass"),
        ("def f():\n  'doc'", "def f():\n  'doc'\n  new()"),
        ("def f(): 'doc'", "def f():\n    'doc'\n    new()"),
        ("def f():\n  'doc'  # c\n\n  # k\n  x", "def f():\n  'doc'  # c\n  new()\n\n  # k\n  x"),
        ("for x in y: a(); b()", "for x in y:\n    new()\n    a(); b()"),
        ("for x in y:  # c\n    # d\n    a()", "for x in y:  # c\n    new()\n    # d\n    a()"),
        ("with (a,\n  b):\n\n\tc", "with (a,\n  b):\n\n\tnew()\n\tc"),
        ("while 1:\n  'no docstring'\n", "while 1:\n  new()\n  'no docstring'\n"),
    ],
)
def test_insert_first(before: str, after: str):
    assert rewrite(before, lambda f: verbs.insert_first(f, f.tree.body[0], ["new()"])) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(): pass", "@n.g()\ndef f(): pass"),
        ("\x0cdef f(): pass", "\x0c@n.g()\ndef f(): pass"),
        ("@a\nasync def f(): pass", "@a\n@n.g()\nasync def f(): pass"),
        (
            "class A:\r\n\t@staticmethod\r\n\t# c\r\n\tdef f(): pass\r\n",
            "class A:\r\n\t@staticmethod\r\n\t# c\r\n\t@n.g()\r\n\tdef f(): pass\r\n",
        ),
    ],
)
def test_add_decorator(before: str, after: str):
    def verb(file: ParsedFile):
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
        function = next(node for node in ast.walk(file.tree) if isinstance(node, kinds))
        return verbs.add_decorator(file, function, "n.g()")

    assert rewrite(before, verb) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("this", "with n:\n    this"),
        ("a\r\nthis\r\nb", "a\r\nwith n:\r\n    this\r\nb"),
        ("# up\nthis  # c\n# down\nb", "# up\nwith n:\n    this  # c\n# down\nb"),
        ("a; this; b", "a\nwith n:\n    this\nb"),
        ("a; this  # c\nb", "a\nwith n:\n    this  # c\nb"),
        ("if x: this  # c", "if x:\n    with n:\n        this  # c"),
        ("if y:\n\tz\nelse: this", "if y:\n\tz\nelse:\n\twith n:\n\t\tthis"),
        ("def f():\n\tthis(1,\n2,\n\t\t3)", "def f():\n\twith n:\n\t\tthis(1,\n2,\n\t\t\t3)"),
        ("if a:\n  this = '''\n  b\n'''\n", "if a:\n  with n:\n    this = '''\n  b\n'''\n"),
        ("if a:\n  this = f'''{1}\n   {\"2\"}'''\n", "if a:\n  with n:\n    this = f'''{1}\n   {\"2\"}'''\n"),
        ("if a:\n  this = 'x\\\n  y'\n", "if a:\n  with n:\n    this = 'x\\\n  y'\n"),
        ("if a:\n  this = x + \\\n    y\n", "if a:\n  with n:\n    this = x + \\\n      y\n"),
        ("if a:\n\x0c  this\n", "if a:\n\x0c  with n:\n    this\n"),
        ("match x:\n    case 1: this\n", "match x:\n    case 1:\n        with n:\n            this\n"),
    ],
)
def test_wrap_one_statement(before: str, after: str):
    assert rewrite(before, lambda f: verbs.wrap_in_with(f, [statement(f, "this")], "n")) == after


def test_wrap_many_statements():
    before = """\
class A:
  def f(self):
    # about the loop
    this()

    # between
# margin
    for x in y:
      z = '''
    text
'''
\x0c      # deep

      # deeper still

    # after
    end()
"""
    after = """\
class A:
  def f(self):
    # about the loop
    with torch.no_grad() as g:
      this()

      # between
# margin
      for x in y:
        z = '''
    text
'''
\x0c        # deep

        # deeper still

    # after
    end()
"""
    context = "torch.no_grad() as g"
    wrap = lambda f: verbs.wrap_in_with(f, f.tree.body[0].body[0].body[:2], context)  # noqa: E731
    assert rewrite(before, wrap) == after


def test_wrapping_edits_no_line_that_stays():
    file = ParsedFile("a.py", "for x in y:\n    a(x)\n    b(x)\n")
    edits = verbs.wrap_in_with(file, file.tree.body, "n")
    assert all(edit.start == edit.end for edit in edits)
    assert [edit.new for edit in edits] == ["with n:\n    ", "    ", "    "]


@pytest.mark.parametrize(
    ("text", "pick", "reason"),
    [
        ("if x: a; b", lambda tree: tree.body[0].body[:1], "one-line"),
        ("'doc'\nx", lambda tree: tree.body, "docstring"),
        ("from __future__ import division\nx", lambda tree: tree.body, "future"),
        ("a\nb\nc", lambda tree: [tree.body[0], tree.body[2]], "follow"),
        ("if a:\n  b\nc", lambda tree: [tree.body[0].body[0], tree.body[1]], "follow"),
        ("if a: b\nelif c: d", lambda tree: tree.body[0].orelse, "elif"),
    ],
)
def test_wrap_refuses(text: str, pick, reason: str):
    file = ParsedFile("a.py", text)
    with pytest.raises(CannotRewrite, match=reason):
        verbs.wrap_in_with(file, pick(file.tree), "n")


def imported(text: str, module: str, place: str | None = None) -> tuple[str, str]:
    """The name of a module and the text after `ensure_import`."""
    names = []

    def verb(file: ParsedFile):
        node = expression(file, place) if place else None
        name, edits = verbs.ensure_import(file, module, node)
        names.append(name)
        return edits

    after = rewrite(text, verb)
    return names[0], after


@pytest.mark.parametrize(
    ("text", "module", "name"),
    [
        ("import torch", "torch", "torch"),
        ("import torch as th", "torch", "th"),
        ("import torch as th, torch", "torch", "th"),
        ("import torch.nn", "torch", "torch"),
        ("import os, torch", "torch", "torch"),
        ("try:\n    import torch\nexcept ImportError:\n    torch = None\n", "torch", "torch"),
        ("import torch.nn.functional as F", "torch.nn.functional", "F"),
        ("from torch.nn import functional as F\nimport torch", "torch.nn.functional", "F"),
        ("from torch.nn import functional", "torch.nn.functional", "functional"),
        ("from torch import nn", "torch.nn.functional", "nn.functional"),
        ("import torch.nn as nn", "torch.nn.functional", "nn.functional"),
        ("import torch", "torch.nn.functional", "torch.nn.functional"),
        ("import torch as t", "torch.nn.functional", "t.nn.functional"),
        ("from torch import nn\nnn = 1\nimport torch", "torch.nn.functional", "torch.nn.functional"),
    ],
)
def test_a_name_that_is_there_is_used(text: str, module: str, name: str):
    assert imported(text, module) == (name, text)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "import torch\n"),
        ("# c", "# c\nimport torch\n"),
        ("# c\r\n", "# c\r\nimport torch\r\n"),
        ("x=1", "import torch\n\nx=1"),
        ("'''d'''", "'''d'''\n\nimport torch"),
        ("'''d'''\nx", "'''d'''\n\nimport torch\n\nx"),
        ("'''d'''\n\n# c\nx", "'''d'''\n\n# c\nimport torch\n\nx"),
        ("#!/a\n# licence\nx", "#!/a\n# licence\nimport torch\n\nx"),
        ("from torch import nn\nx", "import torch\nfrom torch import nn\nx"),
        ("import torch.nn as nn", "import torch\nimport torch.nn as nn"),
        (
            "'d'\n# c\nimport os\r\nfrom torch import nn\r\n",
            "'d'\n# c\nimport os\r\nimport torch\r\nfrom torch import nn\r\n",
        ),
        ("import os\nimport sys  # s\n\nx=1", "import os\nimport sys  # s\nimport torch\n\nx=1"),
        ("from __future__ import division\n\nx", "from __future__ import division\nimport torch\n\nx"),
        ("import os; from torch import nn; x", "import os\nimport torch\nfrom torch import nn; x"),
        ("if a: import torch\n", "import torch\n\nif a: import torch\n"),
        ("def f(): import torch", "import torch\n\ndef f(): import torch"),
        ("try:\n  import os\nexcept E: pass", "import torch\n\ntry:\n  import os\nexcept E: pass"),
    ],
)
def test_an_import_is_added(before: str, after: str):
    assert imported(before, "torch") == ("torch", after)


@pytest.mark.parametrize(
    "text",
    [
        "import torch\ndef f(torch): HERE",
        "import torch\ndef f(*torch): HERE",
        "import torch\ndef f():\n  torch = 1\n  HERE",
        "import torch\ndef f():\n  def torch(): pass\n  def g(): HERE",
        "import torch\ndef f():\n  global torch\n  HERE",
        "import torch\nx = [HERE for torch in y]",
        "import torch\nclass A:\n  torch = 1\n  HERE",
        "import torch\ndef f():\n  match x:\n    case torch: HERE",
        "y = lambda torch: HERE",
        "def f():\n  HERE\n  import torch",
        "def f():\n  if x: import torch\n  HERE",
        "torch = 1\nHERE",
        "import torch\ndef f():\n  global torch\n  torch = 1\nHERE",
        "from . import torch\nHERE",
        "import numpy as torch\nHERE",
        "import torch\ntorch = 1\nHERE",
    ],
)
def test_another_meaning_of_the_name_is_refused(text: str):
    with pytest.raises(CannotRewrite, match="means something else"):
        imported(text, "torch", "HERE")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import torch as t\ndef f(torch): HERE", "t"),
        ("def f():\n  import torch as t\n  HERE", "t"),
        ("import torch\nclass A:\n  torch = 1\n  def f(self): HERE", "torch"),
        ("def f(): HERE\nimport torch", "torch"),
        ("import torch\ndef f():\n  def g(torch): pass\n  HERE", "torch"),
    ],
)
def test_the_name_that_is_visible_there_is_used(text: str, name: str):
    assert imported(text, "torch", "HERE") == (name, text)


def test_an_import_that_comes_too_late_is_made_again():
    assert imported("HERE\nimport torch", "torch", "HERE") == ("torch", "import torch\n\nHERE\nimport torch")
