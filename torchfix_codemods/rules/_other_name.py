"""Putting another function or class of torch in the place of the one that a call names."""

from __future__ import annotations

import ast

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.findings import Edit
from torchfix_codemods.rewrite import verbs

#: Modules of torch that give a softmax or a loss; what has one name of those below has the other too.
_MODULES = frozenset(
    "torch torch.special torch.nn torch.nn.functional torch.nn.modules torch.nn.modules.loss"
    " torch.nn.modules.activation".split()
)


def other_name(file: ParsedFile, call: ast.Call, new: str) -> list[Edit]:
    """`nn.NLLLoss(...)` -> `nn.CrossEntropyLoss(...)`, with the import of the new name where that is needed.

    Raises `CannotRewrite` where the name does not come from torch by an import of this file.
    """
    match call.func:
        case ast.Attribute(value=base):
            if _imported(file, base) not in _MODULES:
                raise verbs.CannotRewrite("it is reached by a name of another file")
            return verbs.replace_expression(file, call.func, f"{file.source(base)}.{new}")
        case ast.Name():
            return _instead_of(file, call.func, new)
        case _:
            raise verbs.CannotRewrite("it is not called by its name")


def name_in_torch(file: ParsedFile, call: ast.Call) -> str:
    """What torch calls the function or class that a call names; by an import, it may have another name here."""
    match call.func:
        case ast.Attribute(attr=name):
            return name
        case ast.Name(id=name):
            aliases = _aliases(file, name)
            return aliases[0][1].name if len(aliases) == 1 else name
        case _:
            return ""


def _aliases(file: ParsedFile, name: str) -> list[tuple[ast.ImportFrom, ast.alias]]:
    """The imports from other packages that bind a name."""
    return [
        (statement, alias)
        for statement in ast.walk(file.tree)
        if isinstance(statement, ast.ImportFrom) and not statement.level
        for alias in statement.names
        if (alias.asname or alias.name) == name
    ]


def _imported(file: ParsedFile, node: ast.expr) -> str:
    """What a dotted name means by the imports of the file; "" where that is not clear."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    meanings = {
        target
        for statement in ast.walk(file.tree)
        if isinstance(statement, ast.Import | ast.ImportFrom)
        for bound, target in _bound(statement)
        if bound == node.id
    }
    return ".".join([meanings.pop(), *parts]) if len(meanings) == 1 else ""


def _bound(statement: ast.Import | ast.ImportFrom) -> list[tuple[str, str]]:
    """The names that an import binds, with what they mean."""
    if isinstance(statement, ast.ImportFrom):
        prefix = "." if statement.level else f"{statement.module}."
        return [(alias.asname or alias.name, prefix + alias.name) for alias in statement.names]
    return [
        (alias.asname, alias.name) if alias.asname else (alias.name.partition(".")[0],) * 2 for alias in statement.names
    ]


def _instead_of(file: ParsedFile, name: ast.Name, new: str) -> list[Edit]:
    """The new name for an imported one: it takes the old one's place in the import too, or comes by a module."""
    aliases = _aliases(file, name.id)
    if len(aliases) != 1 or aliases[0][0].module not in _MODULES:
        raise verbs.CannotRewrite("it is not imported from torch by this file")
    statement, alias = aliases[0]
    module = "torch.nn" if new[0].isupper() else "torch.nn.functional"
    if alias.asname is None and _mentions(file, name.id) == 1 and not _mentions(file, new):
        edits = verbs.rename_imported(file, statement, alias, new)
        return [*edits, *verbs.replace_expression(file, name, new)]
    prefix, imports = verbs.ensure_import(file, module, visible_from=name)
    return [*imports, *verbs.replace_expression(file, name, f"{prefix}.{new}")]


def _mentions(file: ParsedFile, name: str) -> int:
    """How often a name is used or bound in the file, imports of another one aside; a text that says it counts too."""
    uses = sum(isinstance(n, ast.Name) and n.id == name for n in ast.walk(file.tree))
    texts = sum(isinstance(n, ast.Constant) and n.value == name for n in ast.walk(file.tree))
    return uses + texts
