"""Verbs on expressions: put one in the place of another, take a call from around it, put one around it.

What stays of the code is never written again: the edits only take away or add what stands around it, so nested
fixes don't disturb one another. Parentheses are added when the proof fails without them. All verbs raise
`CannotRewrite`, with the reason, where the result would not be certain.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.fragment import expression_fragment, minimal_edit
from torchfix_codemods.rewrite.proof import Twin, first_proved, prove_expression, refuse_inside_string
from torchfix_codemods.rewrite.scan import CannotRewrite, Token, newline_of, tokens_of

_HOLE = "torchfix_hole_"
_Span = tuple[int, int]


def replace_with_argument(file: ParsedFile, call: ast.Call, index: int = 0, keyword: str = "input") -> list[Edit]:
    """`F.softmax(x, dim=1)` -> `x`: the call by its positional argument `index`, or by the one named `keyword`."""
    argument = _argument(call, index, keyword)
    value = argument.value if isinstance(argument, ast.keyword) else argument
    expression_fragment(file, call)  # within the bounds, and read alike by libcst
    return _keep_only(file, call, value, [own_span(file, value)])


def _argument(call: ast.Call, index: int, keyword: str) -> ast.expr | ast.keyword:
    named = next((item for item in call.keywords if item.arg == keyword), None)
    if index >= len(call.args) and named is not None:
        return named
    if index >= len(call.args) or any(isinstance(item, ast.Starred) for item in call.args[: index + 1]):
        raise CannotRewrite("it is not clear which argument of the call is meant")
    return call.args[index]


def replace_with_receiver(file: ParsedFile, call: ast.Call) -> list[Edit]:
    """`x.softmax(1)` -> `x`: a method call by the object that it is called on."""
    if not isinstance(call.func, ast.Attribute):
        raise CannotRewrite("the call is not a method call")
    expression_fragment(file, call)
    receiver, tokens = call.func.value, tokens_of(file.text)
    start = file.span(call)[0]
    name = tokens.before(_open_parenthesis(file, call))
    dot = tokens.before(name.start) if name else None
    end = tokens.before(dot.start) if dot else None
    assert dot is not None and end is not None
    comments = tokens.comments(end.end, dot.start)
    ends = [end.end, *(comment.end for comment in comments[-1:]), dot.start]
    return _keep_only(file, call, receiver, [(start, end) for end in ends])


def rename_method(file: ParsedFile, call: ast.Call, new: str) -> list[Edit]:
    """`x.softmax(1)` -> `x.log_softmax(1)`: another method of the same object."""
    if not isinstance(call.func, ast.Attribute):
        raise CannotRewrite("the call is not a method call")
    function = call.func
    name = tokens_of(file.text).before(_open_parenthesis(file, call))
    if name is None or name.text != function.attr:
        raise CannotRewrite("the name of the method was not found in the text")

    def change(twin: Twin) -> None:
        renamed = twin.of(function)
        assert isinstance(renamed, ast.Attribute)
        renamed.attr = new

    return prove_expression(file, call, [Edit(file.path, name.start, name.end, new)], change)


def _open_parenthesis(file: ParsedFile, call: ast.Call) -> int:
    """Offset of the parenthesis that opens the arguments of a call."""
    token = tokens_of(file.text).after(file.span(call.func)[1])
    while token is not None and token.text != "(":  # parentheses around the function are closed first
        token = tokens_of(file.text).after(token.end)
    assert token is not None
    return token.start


def _keep_only(file: ParsedFile, call: ast.expr, part: ast.expr, spans: list[_Span]) -> list[Edit]:
    """Remove what stands before and behind `part`, in parentheses where they are needed."""
    start, end = file.span(call)

    def attempt(left: str, right: str, first: int, last: int) -> list[Edit]:
        edits = [Edit(file.path, start, first, left), Edit(file.path, last, end, right)]
        edits = [edit for edit in edits if edit.new or edit.start < edit.end]
        return prove_expression(file, call, edits, lambda twin: twin.replace(call, twin.of(part)))

    return first_proved(partial(attempt, *brackets, *span) for brackets in (("", ""), ("(", ")")) for span in spans)


def own_span(file: ParsedFile, node: ast.expr) -> _Span:
    """The range of an expression together with the parentheses that belong to it alone."""
    return _parentheses(file, node)[-1]


def _parentheses(file: ParsedFile, node: ast.expr) -> list[_Span]:
    """The range of an expression, then with each pair of parentheses that belongs to it alone."""
    refuse_inside_string(file, node)
    tokens, spans = tokens_of(file.text), [_bare_span(file, node)]
    while True:
        left, right = tokens.before(spans[-1][0]), tokens.after(spans[-1][1])
        if left is None or right is None or (left.text, right.text) != ("(", ")"):
            return spans
        if _opens_arguments(file, node, left):
            return spans
        spans.append((left.start, right.end))


def _bare_span(file: ParsedFile, node: ast.expr) -> _Span:
    """The range of an expression. `ast` lends a generator that is a sole argument the parentheses of the call."""
    start, end = file.span(node)
    parent, tokens = file.parents.get(node), tokens_of(file.text)
    if isinstance(node, ast.GeneratorExp) and isinstance(parent, ast.Call) and parent.func is not node:
        first, last = tokens.after(start + 1), tokens.before(end - 1)
        if start == _open_parenthesis(file, parent) and first and last:
            return first.start, last.end
    return start, end


def _opens_arguments(file: ParsedFile, node: ast.expr, left: Token) -> bool:
    """Whether a parenthesis before `node` is that of a call or a class statement, not the node's own."""
    parent = file.parents.get(node)
    if isinstance(parent, ast.Call) and parent.func is not node:
        return left.start == _open_parenthesis(file, parent)
    before = tokens_of(file.text).before(left.start)
    return isinstance(parent, ast.ClassDef) and before is not None and before.text not in ("(", ",", "@")


def replace_expression(file: ParsedFile, expression: ast.expr, code: str) -> list[Edit]:
    """Put `code` (one expression) in the place of another expression."""
    refuse_inside_string(file, expression)
    start, end = _bare_span(file, expression)
    code = code.replace("\n", newline_of(file.text, start))
    new = _parsed(code)

    def attempt(text: str) -> list[Edit]:
        edits = minimal_edit(file, start, file.text[start:end], text)
        return prove_expression(file, expression, edits, lambda twin: twin.replace(expression, new))

    return first_proved(partial(attempt, text) for text in (code, f"({code})"))


def wrap_expression(file: ParsedFile, expression: ast.expr, template: str) -> list[Edit]:
    """Put an expression into a template with one `{}`: `torch.softmax({}, dim=1)`."""
    left, right = template.split("{}")
    if isinstance(expression, ast.Starred | ast.Slice) or not isinstance(
        getattr(expression, "ctx", ast.Load()), ast.Load
    ):
        raise CannotRewrite("this is not a value")

    def change(twin: Twin) -> None:
        whole = _parsed(f"{left}{_HOLE}{right}")
        twin.replace(expression, _Fill(twin.of(expression)).visit(whole))

    def attempt(first: int, last: int, before: str, after: str) -> list[Edit]:
        edits = [Edit(file.path, first, first, before), Edit(file.path, last, last, after)]
        return prove_expression(file, expression, [edit for edit in edits if edit.new], change)

    shapes = _shapes(_parentheses(file, expression), left, right)
    return first_proved(partial(attempt, *shape) for shape in shapes)


def _shapes(spans: list[_Span], left: str, right: str) -> Iterator[tuple[int, int, str, str]]:
    """Ways to write the template around an expression, the most natural first."""
    first, last = spans[-1]
    if len(spans) > 1 and left.endswith("(") and right.endswith(")"):
        yield first, last - 1, left[:-1], right[:-1]  # the expression's own parentheses become the call's
        yield *spans[0], left, right
    yield first, last, left, right
    yield first, last, f"{left}(", f"){right}"
    yield first, last, f"({left}", f"{right})"
    yield first, last, f"({left}(", f"){right})"


class _Fill(ast.NodeTransformer):
    """Puts an expression into the hole of a template's tree."""

    def __init__(self, expression: ast.AST) -> None:
        self._expression = expression

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """The expression for the hole, any other name as it is."""
        return self._expression if node.id == _HOLE else node


def suffix_expression(file: ParsedFile, expression: ast.expr, suffix: str) -> list[Edit]:
    """`x` -> `x.squeeze(0)`, `a + b` -> `(a + b).squeeze(0)`."""
    return wrap_expression(file, expression, "{}" + suffix)


def _parsed(code: str) -> ast.expr:
    try:
        return ast.parse(f"({code}\n)", mode="eval").body
    except SyntaxError as error:
        raise ValueError(f"not an expression: {code}") from error
