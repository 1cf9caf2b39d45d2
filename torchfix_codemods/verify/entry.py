"""Whether a file is a program: something that people start, and not only import; and what it wants to be told."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from posixpath import basename

from torchfix_codemods.analysis.facts import top_level
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trees import walk
from torchfix_codemods.verify.closure import closure, distances

_TRAINS = re.compile(r"\.backward\(|\.fit\(|\bTrainer\(")
_WORKS = re.compile(r"\.backward\(|\.step\(|\.fit\(|\.eval\(\)|\.train\(\)")
_ASKS = re.compile(r"add_argument\(|add_subparsers\(|click|sys\.argv")
_MAIN = re.compile(r"^if\b[^\n]*\b__name__\b", re.M)
_TEST_LIBRARY = re.compile(r"^[ \t]*(?:import|from)[ \t]+(?:pytest|unittest|nose|hypothesis)\b", re.M)
_TEST_FUNCTION = re.compile(r"^[ \t]*def test_?\w", re.M)
_SETTING_UP = frozenset("setup.py hubconf.py noxfile.py versioneer.py fabfile.py tasks.py conf.py".split())
_OPEN_ENDED = ("?", "*", "...", "A...")  # argparse: none is enough


def aside(project: Project, path: str) -> str | None:
    """ "test", "documentation" or "set-up" for files that are programs of another kind, None for all others.

    The name alone says little: `test.py` and `test_net.py` are what papers call their evaluation.
    """
    *folders, name = path.split("/")
    text = project.read(path) or ""
    if name == "conftest.py" or "tests" in folders or _TEST_LIBRARY.search(text):
        return "test"
    if name.startswith("test_") and _TEST_FUNCTION.search(text) and not _MAIN.search(text):
        return "test"
    if not {"docs", "doc"}.isdisjoint(folders):
        return "documentation"
    return "set-up" if name in _SETTING_UP else None


def is_program(project: Project, path: str) -> bool:
    """Whether starting a file does something: a main block, or a top level that trains, evaluates or stands alone."""
    known: dict[str, bool] = project.memory.setdefault("programs", {})
    if path not in known:
        parsed = project.parse(path)
        if basename(path) == "__main__.py":
            known[path] = True
        elif parsed is None:
            known[path] = _MAIN.search(project.read(path) or "") is not None
        else:
            known[path] = (
                any(map(_is_main_block, parsed.tree.body))
                or _works_when_imported(project, parsed)
                or (_acts(parsed) and len(distances(project, path)) == 1)
            )
    return known[path]


def trains(project: Project, path: str) -> bool:
    """Whether a program, or something that it imports, trains a model."""
    return any(_says(project, file, _TRAINS) for file in closure(project, path))


def required_arguments(project: Project, path: str) -> tuple[str, ...]:
    """Arguments without which a program ends at once, as far as argparse, click or `sys.argv` are used plainly."""
    known: dict[tuple[str, bool], tuple[str, ...]] = project.memory.setdefault("arguments", {})
    found: list[str] = []
    for file in closure(project, path):
        if (key := (file, file == path)) not in known:
            parsed = project.parse(file) if _says(project, file, _ASKS) else None
            known[key] = tuple(_arguments(parsed, is_started=file == path)) if parsed else ()
        found += known[key]
    return tuple(dict.fromkeys(found))


def _says(project: Project, path: str, words: re.Pattern[str]) -> bool:
    known: dict[tuple[str, re.Pattern[str]], bool] = project.memory.setdefault("said", {})
    if (path, words) not in known:
        known[path, words] = words.search(project.read(path) or "") is not None
    return known[path, words]


def _is_main_block(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.If):
        return False
    names = {node.id for node in ast.walk(statement.test) if isinstance(node, ast.Name)}
    texts = {node.value for node in ast.walk(statement.test) if isinstance(node, ast.Constant)}
    return "__name__" in names and "__main__" in texts


def _acts(parsed: ParsedFile) -> bool:
    """Whether the top level calls or loops for the effect. A module may, once: where nobody imports it, it is none."""
    return any(
        isinstance(s, ast.For | ast.While) or (isinstance(s, ast.Expr) and isinstance(s.value, ast.Call))
        for s in top_level(parsed.tree.body)
    )


def _works_when_imported(project: Project, parsed: ParsedFile) -> bool:
    """Whether the top level itself trains or evaluates, or calls a function that does."""
    working: frozenset[str] | None = None
    for statement in top_level(parsed.tree.body):
        match statement:
            case ast.For() | ast.While() | ast.With() if _WORKS.search(parsed.source(statement)):
                return True
            case ast.Expr() if _WORKS.search(parsed.source(statement)):
                return not isinstance(statement.value, ast.Constant)
            case ast.Expr(value=ast.Call(func=ast.Name(id=name))) | ast.Assign(value=ast.Call(func=ast.Name(id=name))):
                working = _working_functions(project, parsed) if working is None else working
                if name in working:
                    return True
            case _:
                pass
    return False


def _working_functions(project: Project, parsed: ParsedFile) -> frozenset[str]:
    """Functions of a file, its own and those imported from the project, that train or evaluate, maybe by others."""
    own = {node.name: parsed.source(node) for node in parsed.tree.body if isinstance(node, ast.FunctionDef)}
    working = {name for name, source in own.items() if _WORKS.search(source)}
    facts = project.facts(parsed.path)
    for entry in facts.imports if facts else ():
        target = project.module_path(entry.module, parsed.path, entry.level) if entry.name else None
        if (
            target in project.paths
            and _says(project, target, _WORKS)
            and entry.name in _function_names(project, target)
        ):
            working.add(entry.bound)
    while True:
        calls = re.compile(r"\b(?:" + "|".join(map(re.escape, sorted(working))) + r")\(") if working else None
        more = {name for name, source in own.items() if name not in working and calls and calls.search(source)}
        if not more:
            return frozenset(working)
        working |= more


def _function_names(project: Project, path: str) -> frozenset[str]:
    facts = project.facts(path)
    return frozenset(function.name for function in facts.functions) if facts else frozenset()


def _arguments(parsed: ParsedFile, is_started: bool) -> Iterator[str]:
    """What one file asks for. The main block of a file that is only imported does not run."""
    body = [s for s in parsed.tree.body if is_started or not _is_main_block(s)]
    for node in (node for statement in body for node in walk(statement)):
        match node:
            case ast.Call(func=ast.Attribute(attr="add_argument")):
                yield from _of_argparse(node)
            case ast.Call(func=ast.Attribute(attr="add_subparsers")) if _is(node, "required", True):
                yield "a subcommand"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="click"), attr="option" | "argument" as kind)):
                yield from _of_click(node, kind)
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="sys"), attr="argv"), slice=ast.Constant(value=n)):
                if is_started and isinstance(n, int) and n > 0 and "len(sys.argv)" not in parsed.text:
                    yield f"argument {n}"


def _of_argparse(call: ast.Call) -> Iterator[str]:
    """A positional argument is required whatever its default, unless `nargs` allows for none."""
    names = _texts(call)
    if not names:
        return
    if names[0].startswith("-"):
        if _is(call, "required", True):
            yield max(names, key=len) + _choices(call)
    elif not any(_is(call, "nargs", value) for value in _OPEN_ENDED) and "REMAINDER" not in ast.dump(call):
        yield names[0] + _choices(call)


def _choices(call: ast.Call) -> str:
    lists = [k.value for k in call.keywords if k.arg == "choices" and isinstance(k.value, ast.List | ast.Tuple)]
    words = [str(item.value) for item in lists[0].elts if isinstance(item, ast.Constant)] if lists else []
    return f" (one of {', '.join(words)})" if words else ""


def _of_click(call: ast.Call, kind: str) -> Iterator[str]:
    names = _texts(call)
    given = {keyword.arg for keyword in call.keywords}
    if not names:
        return
    if kind == "option" and _is(call, "required", True):
        yield max(names, key=len)
    if kind == "argument" and not _is(call, "required", False) and "default" not in given and "nargs" not in given:
        yield names[0]


def _texts(call: ast.Call) -> list[str]:
    return [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]


def _is(call: ast.Call, name: str, value: object) -> bool:
    """Whether a keyword argument is written out with this very value."""
    values = [k.value for k in call.keywords if k.arg == name]
    return any(isinstance(v, ast.Constant) and v.value == value and type(v.value) is type(value) for v in values)
