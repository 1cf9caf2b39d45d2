"""Code that clears gradients where nobody calls it by name: iterators, contexts, forwards, methods handed on."""

from __future__ import annotations

import ast
import re

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trees import walk

_CLEARS = re.compile(r"zero_grad|\.grad\s*=\s*None|\.grad(?:\.data)?\.zero_\(")
_HANDED_ON = re.compile(r"""['"]zero_grad['"]|\.zero_grad\b(?!\s*\()|register_(?:optimizer_)?step_p|(?<![.\w])exec\(""")
_UNASKED = frozenset("__iter__ __next__ __getitem__ __enter__ __exit__ __call__ forward __getattr__ __del__".split())
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def clears_unasked(project: Project, path: str) -> bool:
    """Whether a file clears gradients in code that is run without a call of its own (remembered)."""
    known: dict[str, bool] = project.memory.setdefault("clears unasked", {})
    if path not in known:
        text = project.read(path) or ""
        file = project.parse_whole(path) if _CLEARS.search(text) or _HANDED_ON.search(text) else None
        known[path] = file is not None and (_hands_on(text) or any(map(_is_unasked, _clearing(file))))
    return known[path]


def _hands_on(text: str) -> bool:
    """Whether the method is given away, or looked up by its name."""
    return any(_HANDED_ON.search(line.partition("#")[0]) for line in text.splitlines())


def _clearing(file: ParsedFile) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    functions = [node for node in walk(file.tree) if isinstance(node, _FUNCTION)]
    return [node for node in functions if _CLEARS.search(file.source(node))]


def _is_unasked(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A special method, or a generator: what a loop goes over, or the inside of a `with`."""
    return function.name in _UNASKED or any(isinstance(n, ast.Yield | ast.YieldFrom) for n in walk(function))
