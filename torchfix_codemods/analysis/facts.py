"""What one file says at a glance: its imports and definitions. Picklable, and keyed by the content.

The facts answer "what does this name mean here?" without the tree, which is dropped and parsed again when needed.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.trees import statements

#: `try` with `except*`, new in Python 3.11, has the fields of the other.
TryStar: type[ast.Try] = getattr(ast, "TryStar", ast.Try)

# The patterns begin with a literal: it is searched for ten times faster than the start of a word or of a line.
STAR_IMPORT = re.compile(r"import(?<!\wimport)[ \t(]+\*")
_LISTED = re.compile(r"\n__all__[ \t]*=[ \t]*[\[(]([^\])]*)[\])]")
_QUOTED = re.compile(r"[\"'](\w+)[\"']")


@dataclass(frozen=True, slots=True)
class Imported:
    """`import a.b as c` binds `c` to module `a.b`; `from ..a import b as c` binds `c` to `b` of `..a`.

    `level` counts the leading dots; `name` is None for `import`, "*" for a star import.
    """

    bound: str
    module: str
    level: int = 0
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """A top-level class: its line, and its bases as written (dotted, "" where they are no plain name)."""

    name: str
    line: int
    bases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """A top-level function: its line (from 1) and column (in UTF-8 bytes)."""

    name: str
    line: int
    column: int


@dataclass(frozen=True)
class FileFacts:
    """Imports (in order), classes, functions and names assigned at the top level of one file."""

    path: str
    digest: str
    imports: tuple[Imported, ...]
    classes: tuple[ClassFacts, ...]
    functions: tuple[FunctionFacts, ...]
    assigned: tuple[str, ...]
    inner_imports: tuple[Imported, ...] = ()

    @property
    def all_imports(self) -> tuple[Imported, ...]:
        """Imports at the top level and inside functions."""
        return self.imports + self.inner_imports


def listed_names(text: str) -> frozenset[str] | None:
    """What a module exports by an `__all__` that is written out and never changed; None where there is no such list."""
    listed = _LISTED.search("\n" + text) if text.count("__all__") == 1 else None
    return frozenset(_QUOTED.findall(listed[1])) if listed else None


def facts_of(path: str, text: str, tree: ast.Module) -> FileFacts:
    """The facts of a parsed file. Functions without a word of an import may be hollow."""
    imports: list[Imported] = []
    classes: list[ClassFacts] = []
    functions: list[FunctionFacts] = []
    assigned: list[str] = []
    for statement in top_level(tree.body):
        match statement:
            case ast.Import() | ast.ImportFrom():
                imports += imported(statement)
            case ast.ClassDef():
                classes.append(ClassFacts(statement.name, statement.lineno, tuple(map(dotted, statement.bases))))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                functions.append(FunctionFacts(statement.name, statement.lineno, statement.col_offset))
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                assigned += target_names(statement)
            case _:
                pass
    outer = {id(s) for s in top_level(tree.body)}
    inner = [
        entry
        for node in statements(tree.body)
        if isinstance(node, ast.Import | ast.ImportFrom) and id(node) not in outer
        for entry in imported(node)
    ]
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return FileFacts(path, digest, tuple(imports), tuple(classes), tuple(functions), tuple(assigned), tuple(inner))


def top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when the file is imported, looking into if, try, with and loops."""
    for statement in body:
        yield statement
        match statement:
            case ast.If() | ast.For() | ast.While():
                yield from top_level(statement.body)
                yield from top_level(statement.orelse)
            case ast.With():
                yield from top_level(statement.body)
            case ast.Match():
                for case in statement.cases:
                    yield from top_level(case.body)
            case ast.Try() | TryStar():
                yield from top_level(statement.body)
                for handler in statement.handlers:
                    yield from top_level(handler.body)
                yield from top_level(statement.orelse)
                yield from top_level(statement.finalbody)
            case _:
                pass


def imported(statement: ast.Import | ast.ImportFrom) -> list[Imported]:
    """What an import statement binds. `import a.b` binds `a`, so its module is `a`."""
    if isinstance(statement, ast.Import):
        return [
            Imported(alias.asname or alias.name.partition(".")[0], alias.name)
            if alias.asname
            else Imported(alias.name.partition(".")[0], alias.name.partition(".")[0])
            for alias in statement.names
        ]
    module = statement.module or ""
    return [Imported(alias.asname or alias.name, module, statement.level, alias.name) for alias in statement.names]


def dotted(node: ast.expr) -> str:
    """`nn.Module` as text; "" for anything that isn't a chain of names."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            head = dotted(node.value)
            return f"{head}.{node.attr}" if head else ""
        case _:
            return ""


def target_names(statement: ast.Assign | ast.AnnAssign | ast.AugAssign) -> list[str]:
    """The plain names that an assignment binds."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return [
        node.id
        for target in targets
        for node in ast.walk(target)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
