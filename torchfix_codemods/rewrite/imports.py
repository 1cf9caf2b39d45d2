"""The verb that makes a module reachable: the name it has in a file already, or a new import.

A name counts only if every binding of it in its scope is this import and no scope in between binds it too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite.layout import end_of_lines
from torchfix_codemods.rewrite.proof import Twin, line_end, line_start, prove_block, prove_expression, start_of
from torchfix_codemods.rewrite.scan import CannotRewrite, newline_of
from torchfix_codemods.rewrite.statements import insertion, is_docstring

_CALLED_LATER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_SCOPES = (*_CALLED_LATER, ast.ClassDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class _Binding:
    """`name` comes to mean the module or object `target` (None: something else) at an offset."""

    name: str
    target: str | None
    offset: int
    certain: bool


def ensure_import(file: ParsedFile, module: str, visible_from: ast.AST | None = None) -> tuple[str, list[Edit]]:
    """The expression that means `module` (`torch`, `torch.nn.functional`) and the edits that it needs, if any.

    It holds at `visible_from`, or in functions anywhere in the file. Only `import torch` is ever added. Raises
    `CannotRewrite` where the name means something else there.
    """
    around = _scopes_around(file, visible_from)
    scopes = [_bindings(file, scope) for scope in around]
    called_later = any(isinstance(scope, _CALLED_LATER) for scope in around)
    position = _position(file, visible_from)
    for depth, bindings in enumerate(scopes):
        limit = None if called_later and depth == len(scopes) - 1 else position
        for binding in sorted(bindings, key=lambda item: (-len(item.target or ""), item.offset)):
            if not _serves(binding, module, bindings, limit):
                continue
            if not any(_binds(inner, binding.name) for inner in scopes[:depth]):
                return binding.name + module[len(binding.target or "") :], []
    root = module.partition(".")[0]
    if any(_binds(inner, root) for inner in scopes[:-1]) or any(
        item.name == root and item.target != root for item in scopes[-1]
    ):
        raise CannotRewrite(f"the name `{root}` means something else here")
    return module, _new_import(file, root, None if called_later else position)


def rename_imported(file: ParsedFile, statement: ast.ImportFrom, alias: ast.alias, new: str) -> list[Edit]:
    """`from torch.nn import NLLLoss` -> `from torch.nn import CrossEntropyLoss`: another name from the same module."""
    start = file.span(alias)[0]

    def change(twin: Twin) -> None:
        renamed = twin.of(alias)
        assert isinstance(renamed, ast.alias)
        renamed.name = new

    return prove_expression(file, statement, [Edit(file.path, start, start + len(alias.name), new)], change)


def _serves(binding: _Binding, module: str, scope: list[_Binding], limit: int | None) -> bool:
    """Whether a binding certainly means `module` or a package on the way to it (torch loads its own)."""
    target = binding.target
    if target is None or not binding.certain or (limit is not None and binding.offset > limit):
        return False
    reached = module == target or (module.startswith(f"{target}.") and module.startswith("torch."))
    return reached and all(other.target == target for other in scope if other.name == binding.name)


def _binds(bindings: list[_Binding], name: str) -> bool:
    return any(binding.name == name for binding in bindings)


def _position(file: ParsedFile, node: ast.AST | None) -> int | None:
    """Offset of a node, from which on a binding in the same scope would come too late."""
    if node is None:
        return None
    return start_of(file, file.enclosing_statement(node))


def _scopes_around(file: ParsedFile, node: ast.AST | None) -> list[ast.AST]:
    """The scopes that a name at `node` is looked up in, innermost first, the module last."""
    scopes: list[ast.AST] = []
    current = file.parents.get(node) if node is not None else None
    while current is not None:
        visible = not isinstance(current, ast.ClassDef) or not scopes
        if isinstance(current, (*_SCOPES, *_COMPREHENSIONS)) and visible:
            scopes.append(current)
        current = file.parents.get(current)
    return [*scopes, file.tree]


def _bindings(file: ParsedFile, scope: ast.AST) -> list[_Binding]:
    """All that a scope binds. Names that it declares global or nonlocal count as bound to something else."""
    arguments = getattr(scope, "args", None)
    found = [_Binding(arg.arg, None, 0, True) for arg in ast.walk(arguments or ast.Pass()) if isinstance(arg, ast.arg)]
    body = getattr(scope, "body", [])
    certain = set(body) if isinstance(body, list) else set()
    for node in _own_nodes(scope):
        if isinstance(node, ast.Import | ast.ImportFrom):
            parent = file.parents[node]
            sure = node in certain or (parent in certain and isinstance(parent, ast.Try | ast.With))
            found += [_Binding(*pair, file.span(node)[0], sure) for pair in _imported(node)]
        else:
            found += [_Binding(name, None, 0, True) for name in _other_names(node)]
    if isinstance(scope, ast.Module):  # a function that says `global` may bind the name here at any time
        declared = (node for node in ast.walk(scope) if isinstance(node, ast.Global))
        found += [_Binding(name, None, 0, True) for node in declared for name in node.names]
    return found


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those of inner ones, and without `except` blocks (`torch = None` there)."""
    pending = list(ast.iter_child_nodes(scope))
    while pending:
        node = pending.pop()
        yield node
        if not isinstance(node, (*_SCOPES, *_COMPREHENSIONS, ast.ExceptHandler)):
            pending += ast.iter_child_nodes(node)


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str | None]]:
    """The names that an import binds and what they mean."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            whole = alias.name if alias.asname else alias.name.partition(".")[0]
            yield alias.asname or whole, whole
        else:
            absolute = node.module and not node.level
            yield alias.asname or alias.name, f"{node.module}.{alias.name}" if absolute else None


def _other_names(node: ast.AST) -> list[str]:
    """The names that a node binds in its scope other than by an import."""
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return [name]
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return names
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            return [name]
    return []


def _new_import(file: ParsedFile, root: str, limit: int | None) -> list[Edit]:
    """Add `import root`: before its first relative, else below the first imports, else above the code."""
    body = file.tree.body
    new = ast.Import([ast.alias(root)])
    if not body:
        newline = newline_of(file.text)
        gap = newline if file.text and not file.text.endswith(("\n", "\r")) else ""
        edits = [Edit(file.path, len(file.text), len(file.text), f"{gap}import {root}{newline}")]
        return prove_block(file, body, [new], edits)
    index, lines, directly_above = _place(file, root, limit)
    edits = insertion(file, body, index, lines, _line(file, index, directly_above))
    return prove_block(file, body, [*body[:index], new, *body[index:]], edits)


def _line(file: ParsedFile, index: int, directly_above: bool) -> int:
    """Where the line of an import goes: above its relative; else below the import or docstring before it."""
    body = file.tree.body
    follows = index and (index == len(body) or isinstance(body[index - 1], ast.Import | ast.ImportFrom))
    if follows and not directly_above:
        return end_of_lines(file, body[index - 1])
    return line_start(file, start_of(file, body[index]))


def _place(file: ParsedFile, root: str, limit: int | None) -> tuple[int, list[str], bool]:
    """Index in the module's body, the lines, and whether they belong to the import that stands there."""
    body, line = file.tree.body, f"import {root}"
    early = [i for i, item in enumerate(body) if limit is None or start_of(file, item) < limit]
    imports = [i for i in early if isinstance(body[i], ast.Import | ast.ImportFrom)]
    for index in imports:
        if any((target or "").partition(".")[0] == root for _, target in _imported_of(body[index])):
            return index, [line], True
    if imports:
        last = imports[0]
        while last + 1 in imports:
            last += 1
        return last + 1, [line], False
    index = 1 if is_docstring(file, body[0]) else 0
    return index, _with_blanks(file, index, line), False


def _imported_of(statement: ast.stmt) -> Iterator[tuple[str, str | None]]:
    assert isinstance(statement, ast.Import | ast.ImportFrom)
    return _imported(statement)


def _with_blanks(file: ParsedFile, index: int, line: str) -> list[str]:
    """The import with blank lines between it and the code around it."""
    body, lines = file.tree.body, [line]
    if index:
        below = file.text[line_end(file, file.span(body[0])[1]) :]
        touching = len(body) > 1 and body[0].end_lineno == body[1].lineno - 1
        if touching or not below.strip():
            lines.insert(0, "")
    return [*lines, ""] if index < len(body) else lines
