"""The verbs on random programs: the intended tree and nothing else, all comments, and it compiles.

The programs are made of nested calls and blocks with comments, tabs, form feeds, all line ends, one-liners,
semicolons, multi-line strings and letters of several bytes. The expected tree is made here, on the whole file,
by other code than the proof inside of the verbs.
"""

from __future__ import annotations

import ast
import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from verb_tools import applied

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rewrite.verbs import CannotRewrite

COMMENT = "a comment inside the removed code would be lost"
LIBCST = "libcst"
CASES = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

NAMES = ("x", "self.fc", "größe", "名", "_y")
ATOMS = ("1", "2.5", "'s'", "'ß # no comment'", "None", "f'{x!r:>3} {y}'", "b'b'", "...")
FORMS = (
    *("call", "call", "call", "list", "{two}", "({one} + {two}{gap})", "-{two}", "(not {one})", "{two} * {three}"),
    *("({two} if {three} else {one})", "(lambda q: {one})", "({one},{gap} {two})", "{{gap}{two}: {three}}"),
    *("'''a{nl}  # b'''", "[i for i in {two}]", "(w := {one})", "({two} < {three})", "f(**{two}, k={three})"),
)

COMPOUNDS = (
    ("if {}:", "elif {}:", "else:"),
    ("if {}:", "else:"),
    ("for i in {}:",),
    ("while {}:",),
    ("with {} as v:",),
    ("try:", "except E as e:", "finally:"),
    ("class A(B):",),
    ("match x:", "    case {}:"),
)
FUNCTIONS = (
    ("@d({})", "def f(a, /, b=1, *c, v=2, **k):"),
    ("def f(v, {gap}b: int = 3,{gap} *, w=x):",),
    ("async def f(v, /, {gap}*,{gap} w=x,{gap}):",),
)


@dataclass
class Writer:
    """Makes the pieces of one program, at random from a seed: drawn one by one they stay too simple."""

    random: Random
    newline: str
    unit: str
    count: int = 0
    lines: list[str] = field(default_factory=list)

    def one_of(self, *options: Any) -> Any:
        return self.random.choice(options)

    def comment(self) -> str:
        self.count += 1
        return self.one_of(f"# c{self.count}", f"#é{self.count} f(", "# c")

    def gap(self) -> str:
        """Whitespace inside of brackets."""
        match self.one_of(0, 0, 0, 0, 1, 2, 3):
            case 1:
                return " "
            case 2:
                return self.newline + self.one_of("", "  ", "\t\t")
            case 3:
                return f"  {self.comment()}{self.newline}    "
        return ""

    def items(self, items: list[str], trailing: bool) -> str:
        text = self.gap()
        for position, item in enumerate(items):
            last = position == len(items) - 1
            comma = "," if not last or (trailing and self.one_of(True, False)) else ""
            text += item + self.one_of("", "", self.gap()) + comma + (self.gap() if comma else "")
            text += " " if comma and not last else ""
        return text

    def call(self, depth: int) -> str:
        arguments = [self.expression(depth - 1) for _ in range(self.one_of(0, 1, 1, 2))]
        starred = self.one_of([], [], ["*a"])
        keywords = [f"{name}={self.expression(depth - 1)}" for name in self.one_of("", "", "k", "kl", "lk")]
        double = self.one_of([], [], [], ["**kw"])
        if not (arguments or starred or keywords or double) and self.one_of(True, False, False):
            return f"{self.primary(depth - 1)}({self.gap()}i for i in {self.primary(0)}{self.gap()})"
        return f"{self.primary(depth - 1)}({self.items([*arguments, *starred, *keywords, *double], True)})"

    def primary(self, depth: int) -> str:
        if depth <= 0:
            return self.one_of(*NAMES)
        match self.one_of("name", "call", "attribute", "index", "brackets"):
            case "call":
                return self.call(depth)
            case "attribute":
                return f"{self.primary(depth - 1)}.softmax"
            case "index":
                return f"{self.primary(depth - 1)}[{self.expression(depth - 1)}]"
            case "brackets":
                return f"({self.gap()}{self.expression(depth - 1)}{self.gap()})"
        return self.one_of(*NAMES)

    def expression(self, depth: int) -> str:
        if depth <= 0:
            return self.one_of(*NAMES, *ATOMS)
        form = self.one_of(*FORMS)
        if form == "call":
            return self.call(depth)
        if form == "list":
            return f"[{self.items([self.primary(depth - 1), self.primary(0)], True)}]"
        parts = {"one": self.expression, "two": self.primary, "three": lambda _: self.primary(0)}
        for name, part in parts.items():
            if name in form:
                form = form.replace("{" + name + "}", part(depth - 1))
        while "{gap}" in form:
            form = form.replace("{gap}", self.gap(), 1)
        return form.replace("{nl}", self.newline)

    def simple(self, depth: int = 2) -> str:
        value = self.expression(depth)
        return self.one_of(value, f"y = {value}", f"y, z = {value}", f"z += {value}", "pass", f"assert {value}")

    def line(self, indent: str) -> None:
        text = "; ".join(self.simple() for _ in range(self.one_of(1, 1, 1, 2, 3))) + self.one_of("", "", "", ";")
        self.lines.append(indent + text + self.one_of("", "", "  " + self.comment()))

    def block(self, indent: str, depth: int) -> None:
        """A block of lines; its first statement may be a docstring."""
        for _ in range(self.one_of(0, 1, 2, 3)):
            match self.one_of("line", "line", "compound", "comment", "blank", "feed", "margin"):
                case "compound" if depth:
                    self.compound(indent, depth - 1)
                case "comment":
                    self.lines.append(indent + self.comment())
                case "blank":
                    self.lines.append(self.one_of("", "  "))
                case "feed":
                    self.lines.append(f"\x0c{indent}{self.simple(1)}")
                case "margin":
                    self.lines.append(self.comment())
                case _:
                    self.line(indent)
        self.line(indent)
        if self.one_of(True, False, False):
            self.lines.append(indent + self.comment())

    def compound(self, indent: str, depth: int, *headers: str) -> None:
        for header in headers or self.one_of(*COMPOUNDS, *FUNCTIONS):
            text = header.replace("{gap}", self.gap()).replace("{}", self.primary(1) if "{}" in header else "")
            inner = indent + self.unit
            if header.startswith(("@", "match")):
                self.lines.append(indent + text)
                continue
            if "case" in header:
                text, inner = self.unit + "case 1:", inner + self.unit
            if self.one_of(True, False, False, False):
                self.lines.append(f"{indent}{text} {'; '.join(self.simple(1) for _ in range(self.one_of(1, 2)))}")
                continue
            self.lines.append(indent + text + self.one_of("", "", "  " + self.comment()))
            self.block(inner, depth)


@st.composite
def programs(
    draw: st.DrawFn, newlines: tuple[str, ...] = ("\n", "\n", "\r\n"), *, function: bool = False
) -> ParsedFile:
    """Programs that compile, with a function in each where that is wanted."""
    random = Random(draw(st.integers(0, 2**32)))
    writer = Writer(random, draw(st.sampled_from(newlines)), draw(st.sampled_from(["    ", "  ", "\t"])))
    depth = draw(st.integers(0, 2))
    writer.block("", depth)
    if function:
        writer.compound("", depth, *writer.one_of(*FUNCTIONS))
    text = writer.newline.join(writer.lines) + writer.one_of("", writer.newline)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "a.py", "exec", dont_inherit=True)
            return ParsedFile("a.py", text)
        except SyntaxError:
            assume(False)
            raise


class Tree:
    """A copy of a file's tree, where nodes are found by their number."""

    def __init__(self, file: ParsedFile) -> None:
        self.root = copy.deepcopy(file.tree)
        self._numbers = {id(node): number for number, node in enumerate(ast.walk(file.tree))}
        self._nodes = list(ast.walk(self.root))

    def of(self, node: ast.AST) -> Any:
        return self._nodes[self._numbers[id(node)]]

    def swap(self, node: ast.AST, new: ast.AST) -> None:
        """Put `new` in the place of a node."""
        old = self.of(node)

        class Swap(ast.NodeTransformer):
            def visit(self, visited: ast.AST) -> Any:
                return new if visited is old else self.generic_visit(visited)

        Swap().visit(self.root)


def pick(data: st.DataObject, nodes: list[Any]) -> Any:
    assume(nodes)
    return data.draw(st.sampled_from(nodes))


def nodes_of(file: ParsedFile, *kinds: type[ast.AST]) -> list[Any]:
    """Nodes of some kinds that don't stand inside of an f-string."""
    inside = {
        id(part)
        for node in ast.walk(file.tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    return [node for node in ast.walk(file.tree) if isinstance(node, kinds) and id(node) not in inside]


def values_of(file: ParsedFile) -> list[ast.expr]:
    """All expressions that are values."""
    loads = [node for node in nodes_of(file, ast.expr) if isinstance(getattr(node, "ctx", ast.Load()), ast.Load)]
    patterns = {id(part) for node in nodes_of(file, ast.pattern) for part in ast.walk(node)}
    others = (ast.Starred, ast.Slice)
    return [node for node in loads if not isinstance(node, others) and id(node) not in patterns]


def check(file: ParsedFile, verb: Callable[[], list[Edit]], tree: Tree, *reasons: str) -> None:
    """The verb makes the tree out of the file, or refuses for one of the reasons."""
    try:
        edits = verb()
    except CannotRewrite as error:
        assert any(reason in error.reason for reason in reasons), f"{error.reason}: {file.text!r}"
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert ast.dump(ast.parse(applied(file, edits))) == ast.dump(tree.root)


def expr(code: str) -> Any:
    return ast.parse(f"({code})", mode="eval").body


@CASES
@given(st.data(), programs())
def test_calls_are_replaced_by_a_part(data: st.DataObject, file: ParsedFile):
    call, tree = pick(data, nodes_of(file, ast.Call)), Tree(file)
    if isinstance(call.func, ast.Attribute) and data.draw(st.booleans()):
        tree.swap(call, tree.of(call.func.value))
        # `(x.softmax)(1)` is not taken apart, and neither is what a comment would swallow
        reasons = (COMMENT, "intended", "parse")
        check(file, lambda: verbs.replace_with_receiver(file, call), tree, *reasons)
    else:
        assume(call.args and not isinstance(call.args[0], ast.Starred))
        tree.swap(call, tree.of(call.args[0]))
        check(file, lambda: verbs.replace_with_argument(file, call), tree, COMMENT)


@CASES
@given(st.data(), programs())
def test_expressions_are_wrapped_and_replaced(data: st.DataObject, file: ParsedFile):
    node, tree = pick(data, values_of(file)), Tree(file)
    match data.draw(st.sampled_from(["wrap", "suffix", "replace"])):
        case "wrap":
            tree.swap(node, ast.Call(expr("t.s"), [tree.of(node)], [ast.keyword("dim", expr("1"))]))
            check(file, lambda: verbs.wrap_expression(file, node, "t.s({}, dim=1)"), tree)
        case "suffix":
            tree.swap(node, ast.Call(ast.Attribute(tree.of(node), "s", ast.Load()), [expr("0")], []))
            check(file, lambda: verbs.suffix_expression(file, node, ".s(0)"), tree)
        case "replace":
            code = data.draw(st.sampled_from(["n", "n + m", "n if m else 1", "n, m", "f(\n  n)", "lambda: n"]))
            tree.swap(node, expr(code))
            check(file, lambda: verbs.replace_expression(file, node, code), tree, COMMENT)


@CASES
@given(st.data(), programs(("\n", "\r\n", "\r")))
def test_keywords_come_and_go(data: st.DataObject, file: ParsedFile):
    call, tree = pick(data, nodes_of(file, ast.Call)), Tree(file)
    copied = tree.of(call)
    named = [keyword for keyword in call.keywords if keyword.arg]
    match data.draw(st.sampled_from(["add", "rename", "keyword", "positional"])):
        case "add":
            place = next((i for i, item in enumerate(call.keywords) if item.arg is None), len(call.keywords))
            copied.keywords.insert(place, ast.keyword("new", expr("self.training")))
            check(file, lambda: verbs.add_keyword(file, call, "new", "self.training"), tree, LIBCST)
        case "rename":
            keyword = pick(data, named)
            tree.of(keyword).arg = "new"
            check(file, lambda: verbs.rename_keyword(file, call, keyword.arg, "new"), tree, LIBCST)
        case "keyword":
            keyword = pick(data, named)
            copied.keywords.remove(tree.of(keyword))
            check(file, lambda: verbs.remove_keyword(file, call, keyword.arg), tree, COMMENT, LIBCST)
        case "positional":
            index = call.args.index(pick(data, call.args))
            del copied.args[index]
            check(file, lambda: verbs.remove_positional(file, call, index), tree, COMMENT, LIBCST)


@CASES
@given(st.data(), programs())
def test_elements_are_removed(data: st.DataObject, file: ParsedFile):
    containers = [
        node
        for node in nodes_of(file, ast.List, ast.Tuple, ast.Set)
        if node.elts and node in values_of(file) and not (isinstance(node, ast.Set) and len(node.elts) == 1)
    ]
    container, tree = pick(data, containers), Tree(file)
    element = pick(data, container.elts)
    tree.of(container).elts.remove(tree.of(element))
    remove = verbs.remove_call_argument_element
    check(file, lambda: remove(file, container, element), tree, COMMENT, "without parentheses")


@CASES
@given(st.data(), programs(function=True))
def test_parameters_are_removed(data: st.DataObject, file: ParsedFile):
    function, tree = pick(data, nodes_of(file, ast.FunctionDef, ast.AsyncFunctionDef)), Tree(file)
    plain = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    name = pick(data, plain).arg
    _drop(tree.of(function.args), name)
    check(file, lambda: verbs.remove_parameter(file, function, name), tree, COMMENT)


def _drop(arguments: ast.arguments, name: str) -> None:
    """Take a parameter out by giving each its default first."""
    positional = [*arguments.posonlyargs, *arguments.args]
    missing: list[Any] = [None] * (len(positional) - len(arguments.defaults))
    pairs = zip(positional, [*missing, *arguments.defaults], strict=True)
    kept = {id(item): default for item, default in pairs if item.arg != name}
    arguments.posonlyargs = [item for item in arguments.posonlyargs if id(item) in kept]
    arguments.args = [item for item in arguments.args if id(item) in kept]
    arguments.defaults = [default for default in kept.values() if default is not None]
    only = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    rest = [(item, default) for item, default in only if item.arg != name]
    arguments.kwonlyargs, arguments.kw_defaults = [item for item, _ in rest], [default for _, default in rest]


def is_docstring(file: ParsedFile, node: ast.stmt) -> bool:
    owner = file.parents[node]
    kinds = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return isinstance(owner, kinds) and owner.body[0] is node and ast.get_docstring(owner) is not None


@CASES
@given(st.data(), programs(("\n", "\r\n", "\r")))
def test_statements_come_and_go(data: st.DataObject, file: ParsedFile):
    node, tree = pick(data, nodes_of(file, ast.stmt)), Tree(file)
    original = file.block_of(node)
    index = original.index(node)
    block = _twin_block(tree, file, node)
    new = ast.parse("if n:\n    m()").body
    lines = ["if n:", "    m()"]
    match data.draw(st.sampled_from(["delete", "before", "after"])):
        case "delete":
            block[index : index + 1] = [] if len(block) > 1 or node in file.tree.body else [ast.Pass()]
            check(file, lambda: verbs.delete_statement(file, node), tree, COMMENT, "elif")
        case "before":
            reasons = ("elif", "docstring") if is_docstring(file, node) else ("elif",)
            block[index:index] = new
            check(file, lambda: verbs.insert_before(file, node, lines), tree, *reasons)
        case "after":
            block[index + 1 : index + 1] = new
            check(file, lambda: verbs.insert_after(file, node, lines), tree, "elif")


def _twin_block(tree: Tree, file: ParsedFile, node: ast.stmt) -> list[Any]:
    """The block of the copied tree in which the copy of a statement stands."""
    copied = tree.of(node)
    for _, value in ast.iter_fields(tree.of(file.parents[node])):
        if isinstance(value, list) and any(item is copied for item in value):
            return value
    raise AssertionError


@CASES
@given(st.data(), programs(("\n", "\r\n", "\r")))
def test_statements_are_put_under_a_with(data: st.DataObject, file: ParsedFile):
    node, tree = pick(data, nodes_of(file, ast.stmt)), Tree(file)
    original, block = file.block_of(node), _twin_block(tree, file, node)
    first = original.index(node)
    last = data.draw(st.integers(first + 1, len(original)))
    [wrapper] = ast.parse("with t.no_grad():\n    pass").body
    assert isinstance(wrapper, ast.With)
    wrapper.body = block[first:last]
    block[first:last] = [wrapper]
    reasons = ("elif", "one-line", "docstring") if is_docstring(file, node) else ("elif", "one-line")
    check(file, lambda: verbs.wrap_in_with(file, original[first:last], "t.no_grad()"), tree, *reasons)


@CASES
@given(st.data(), programs(("\n", "\r\n", "\r"), function=True))
def test_blocks_begin_with_new_lines(data: st.DataObject, file: ParsedFile):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.While, ast.With)
    node, tree = pick(data, nodes_of(file, *kinds)), Tree(file)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and data.draw(st.booleans()):
        tree.of(node).decorator_list.append(expr("t.no_grad()"))
        check(file, lambda: verbs.add_decorator(file, node, "t.no_grad()"), tree)
        return
    place = 1 if is_docstring(file, node.body[0]) else 0
    tree.of(node).body[place:place] = ast.parse("model.train()").body
    check(file, lambda: verbs.insert_first(file, node, ["model.train()"]), tree)


@CASES
@given(st.data(), programs(("\n", "\r\n", "\r")))
def test_an_import_is_added_once(data: st.DataObject, file: ParsedFile):
    place, tree = pick(data, values_of(file)), Tree(file)
    first = 1 if is_docstring(file, file.tree.body[0]) else 0
    tree.root.body.insert(first, ast.Import([ast.alias("torch")]))
    check(file, lambda: verbs.ensure_import(file, "torch", place)[1], tree)
    after = ParsedFile("a.py", applied(file, verbs.ensure_import(file, "torch", place)[1]))
    assert verbs.ensure_import(after, "torch") == ("torch", [])
