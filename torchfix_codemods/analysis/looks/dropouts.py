"""Does some dropout of a file not follow the mode of its module? Most say `training=self.training`, or drop nothing.

A name counts if it may be torch's: its first part is bound by an import of the file, or by a name that is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis import dropouts
from torchfix_codemods.analysis.looks.functions import Function, FunctionNode, Unclear, functions_of
from torchfix_codemods.analysis.project import Project, local_names

# The patterns begin with letters: these are looked for many times faster than anything else.
_FUNCTION = re.compile(r"(?:dropout(?:1d|2d|3d)?_?|scaled_dot_product_attention)\b")
_MODULE = re.compile(r"Dropout(?:1d|2d|3d)?\b")
_PREFIXES = ("alpha_", "feature_", "Alpha", "Feature")
_IMPORT = re.compile(r"import(?<!\wimport)\b[ \t]*(\((?:[^)#]|#[^\n]*)*\)|(?:[^\n\\;]|\\\r?\n?)*)")
_BEFORE_IMPORT = re.compile(r"[ \t]*(?:from[ \t]+[\w.]+[ \t]+)?\Z")
_CHAIN_GIVEN = r"(?:[ \t]*[\w.]+[ \t]*=)*[ \t(]*(\w+)[ \t]*(?:\.[ \t]*\w+[ \t]*)*\)*[ \t]*\\?\r?(?:[\n;#]|\Z)"
_CHAIN = re.compile(r"[\w.]+\Z")
_TO_A_NAME = re.compile(r"(?:^|[;:])[ \t]*(\w+)[ \t]*=[ \t]*[\w.]*\Z")
_SPACE = " \t\\\r\n"
_AROUND = 200  # a chain of names longer than this is no torch function
_CONSTRUCTION = 2_000  # a construction longer than this is not looked through


def may_drop_always(project: Project, path: str) -> bool:
    """Whether some call in a file may drop out whatever the mode, or (alpha dropout) never."""
    text = project.read(path) or ""
    if "\f" in text or "\r" in text.replace("\r\n", ""):
        return True
    try:
        return _Look(project, path, text).may()
    except Unclear:
        return True


@dataclass(frozen=True)
class _Mention:
    """A dropout's name in a text, from where to where: `nn.functional.dropout`.

    `root` is its first part; "" where something else than a name stands before the first dot.
    """

    start: int
    end: int
    root: str


class _Look:
    """The dropouts of one text."""

    def __init__(self, project: Project, path: str, text: str) -> None:
        self.text = text
        self.functions = functions_of(project, path)
        self._imported: frozenset[str] | None = None

    def may(self) -> bool:
        """Whether one of them may be worth a finding."""
        called: list[int] = []
        for mention in (*self._mentions(_FUNCTION), *self._mentions(_MODULE)):
            if not self._may_be_torchs(mention):
                continue
            if self._follows(mention, "(") is None:
                if not self._is_harmless(mention):
                    return True
            elif self._is_module(mention):
                if self._is_called_at_once(mention) or self._is_only_called(mention):
                    return True
            elif not self.text.endswith("def ", 0, mention.start):
                called.append(mention.end)
        return any(self._may_drop(function) for function, _ in self.functions.holding(sorted(called)) if function)

    def _is_module(self, mention: _Mention) -> bool:
        return "Dropout" in self.text[mention.start : mention.end].rpartition(".")[2]

    def _mentions(self, pattern: re.Pattern[str]) -> Iterator[_Mention]:
        for match in pattern.finditer(self.text):
            start = match.start()
            for prefix in _PREFIXES:
                if self.text.endswith(prefix, 0, start):
                    start -= len(prefix)
            before = self.text[start - 1 : start]
            if before.isalnum() or (before in ("_", '"', "'") and before):
                continue
            head = self._names_before(start)
            if not head or head.endswith("."):
                yield _Mention(start - len(head), match.end(), (head or match[0]).partition(".")[0])

    def _names_before(self, position: int) -> str:
        """`nn.functional.` before a position; "." where space stands around a dot."""
        around = self.text[max(0, position - _AROUND) : position]
        chain = _CHAIN.search(around)
        return chain[0] if chain else "." if around.rstrip(_SPACE).endswith(".") else ""

    def _follows(self, mention: _Mention, sign: str) -> re.Match[str] | None:
        return re.compile(rf"[\s\\]*{re.escape(sign)}").match(self.text, mention.end)

    # --- names ----------------------------------------------------------------------------------------------------

    def _may_be_torchs(self, mention: _Mention) -> bool:
        """Whether the first name of a mention may be bound to torch or a part of it."""
        root = mention.root
        if root in ("self", "cls"):
            return False  # an attribute: where torch's function is put into it, that is mentioned too
        if not root:
            return self.text[max(0, mention.start - _AROUND) : mention.start].rstrip(_SPACE)[-1:] not in (")", "]")
        if root in self.imported or self._is_given_an_imported(root):
            return True
        return "*" in self.imported and not self._is_local(root, mention)

    @property
    def imported(self) -> frozenset[str]:
        """All words behind `import` in the text, and "*"."""
        if self._imported is None:
            lists = (match[1] for match in _IMPORT.finditer(self.text))
            self._imported = frozenset(word for each in lists for word in re.findall(r"\w+|\*", each))
        return self._imported

    def _is_given_an_imported(self, name: str) -> bool:
        """`F = nn.functional`, or by way of other names."""
        names = [name]
        for current in names:
            given = re.compile(rf"{current}(?<![\w.]{current})[ \t]*=(?!=){_CHAIN_GIVEN}")
            roots = {match[1] for match in given.finditer(self.text)}
            if roots & self.imported:
                return True
            names += roots.difference(names)
        return False

    def _is_local(self, name: str, mention: _Mention) -> bool:
        function = self.functions.around(mention.start)
        return function is not None and name in local_names(function.parsed())

    # --- mentions that are no calls --------------------------------------------------------------------------------

    def _is_harmless(self, mention: _Mention) -> bool:
        """Whether a mention gives a dropout no other name: a keyword, an import under its own name, a comment."""
        if self._follows(mention, "=") or self._follows(mention, ":"):
            return True
        line = self._line_until(mention.start)
        if "#" in line and not set(line) & {'"', "'"}:
            return True
        after = self.text[mention.end : mention.end + _AROUND].lstrip(_SPACE)
        if re.match(r"as\b", after):
            return False
        if self._is_module(mention):
            before = self.text[max(0, mention.start - _AROUND) : mention.start].rstrip(_SPACE + "(")
            return not before.endswith("=") or after[:1] in (",", ".")
        return self._is_imported(mention) or (line.lstrip().startswith("from ") and after.startswith("import"))

    def _is_imported(self, mention: _Mention) -> bool:
        """Whether a mention stands in the list of an import."""
        return any(
            match.start() < mention.start < match.end() and _BEFORE_IMPORT.match(self._line_until(match.start()))
            for match in _IMPORT.finditer(self.text)
        )

    def _line_until(self, position: int) -> str:
        return self.text[self.text.rfind("\n", 0, position) + 1 : position]

    # --- calls -----------------------------------------------------------------------------------------------------

    def _is_called_at_once(self, mention: _Mention) -> bool:
        """`nn.Dropout(0.5)(x)`."""
        depth = 0
        for position in range(mention.end, min(len(self.text), mention.end + _CONSTRUCTION)):
            depth += (self.text[position] == "(") - (self.text[position] == ")")
            if self.text[position] in "\"'#":
                break  # brackets may stand in it
            if depth == 0 and self.text[position] == ")":
                return self.text[position + 1 : position + _AROUND].lstrip(_SPACE)[:1] == "("
        return True

    def _is_only_called(self, mention: _Mention) -> bool:
        """`drop = nn.Dropout(0.5)` in a function that does nothing with it but call it."""
        given = _TO_A_NAME.search(self._line_until(mention.start))
        function = self.functions.around(mention.start) if given else None
        if given is None or function is None:
            return False
        nodes = list(ast.walk(function.parsed()))
        calls = sum(_is_named(node.func, given[1]) for node in nodes if isinstance(node, ast.Call))
        uses = sum(_is_named(node, given[1]) for node in nodes)
        return calls > 0 and (uses <= calls + 1 or function.text.count("def ") > 1)

    def _may_drop(self, function: Function) -> bool:
        """Whether a dropout is called in a function that neither tells it when to drop, nor lets its callers."""
        in_class = bool(function.owner) or "class " in function.text
        return any(
            dropouts.last_word(call.func) in dropouts.WORDS and not _is_told(call, around, in_class)
            for call, around in _calls(function.parsed())
        )


def _is_named(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _calls(function: FunctionNode) -> Iterator[tuple[ast.Call, FunctionNode]]:
    """The calls in a function, each with the innermost function around it."""
    todo: list[tuple[ast.AST, FunctionNode]] = [(function, function)]
    while todo:
        node, around = todo.pop()
        if isinstance(node, ast.Call):
            yield node, around
        inner = node if isinstance(node, FunctionNode) else around
        todo += ((child, inner) for child in ast.iter_child_nodes(node))


def _is_told(call: ast.Call, around: FunctionNode, in_class: bool) -> bool:
    """Whether a call says when it drops, or that it doesn't. Which of two functions of a name it is, is not asked."""
    if any(isinstance(a, ast.Starred) for a in call.args) or any(k.arg is None for k in call.keywords):
        return True
    if isinstance(call.func, ast.Call) or dropouts.last_word(call.func).endswith("Dropout"):
        return True  # constructions are looked at where they stand
    attention = dropouts.last_word(call.func) == "scaled_dot_product_attention"
    value = dropouts.argument(call, *dropouts.PLACES["attention" if attention else "function"][0])
    if not attention:
        flag = dropouts.argument(call, 2, "training") or dropouts.argument(call, 2, "train")
        if flag is not None and not dropouts.is_true(flag):
            return True
    elif value is None:
        return True
    if dropouts.is_parameter(around, value) and (attention or not in_class):
        return True
    return dropouts.is_nothing(value) or any(map(dropouts.speaks_of_mode, dropouts.written_values(around, value)))
