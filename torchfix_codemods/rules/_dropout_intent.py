"""What the code around a dropout says about it: a flag asked elsewhere, or an author who wants it in evaluation too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from torchfix_codemods.analysis.dropouts import speaks_of_mode, written_values
from torchfix_codemods.analysis.mentions import paths_with
from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.rules._dropout_calls import Dropout, first_parameter, method_of

#: Parts of names (split at underscores and capitals) that say "I know, and I want it".
_WANTED = re.compile(r"(?:^|_)(?:mc|monte|montecarlo|bayes[a-z]*|uncertain[a-z]*|epistemic|stochastic|always)(?:_|$)")
_SAMPLES = re.compile(r"(?:^|_)(?:sampler?s?|sampling|explore)(?:_|$)")
_WANTED_TEXT = re.compile(
    r"monte.?carlo|\bmc.?drop|bayes|uncertaint|always (?:on|active|appl|drop)|for exploration"
    r"|\b(?:also|even|too|still|active|applied|on|keep)\b.{0,20}\b(?:at|in|during) (?:test|eval|inference)",
    re.I,
)
_DENIED = re.compile(r"\b(?:not|no|off|without|disabled?|only)\b|n't", re.I)
#: The same for an explicit True, where much less is needed.
_DECIDED = re.compile(
    r"(?:^|_)(?:gen|generator\w*|noise|noisy|explor\w*|variational|locked|augment\w*|corrupt\w*)(?:_|$)"
)
_REPEATED = re.compile(r"sampl|pass|draw|\bmc|monte|\bT\b|\bn_?(?:iter|runs?|times|forward)", re.I)
#: Methods that distort on purpose; whether they follow the mode is their author's business.
_DISTORTS = re.compile(
    r"(?:^|_)(?:augment\w*|corrupt\w*|perturb\w*|nois[ey]\w*|mask\w*|drop_(?:feature|edge|node)s?)(?:_|$)"
)
_Region = ast.If | ast.IfExp | ast.While | ast.BoolOp | ast.Match


def snake(name: str) -> str:
    """`MCDropoutNet` -> `mc_dropout_net`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return parted.lower()


def mode_is_asked(file: ParsedFile, dropout: Dropout) -> bool:
    """Whether the call runs, or drops, depending on a condition that speaks of the mode."""
    if _guarded(file, dropout.call) or _follows_mode(file, dropout):
        return True
    method = method_of(file, dropout.call)
    return method is not None and method.name != "forward" and _called_under_guard(file, method)


def _follows_mode(file: ParsedFile, dropout: Dropout) -> bool:
    """Whether the probability, or what its name is given in the function, speaks of the mode."""
    values = written_values(file.enclosing_function(dropout.call), dropout.probability)
    return any(map(speaks_of_mode, values))


def _guarded(file: ParsedFile, node: ast.AST) -> bool:
    """Whether a condition around the node, or an early exit before it, speaks of the mode."""
    while not isinstance(node, ast.ClassDef | ast.Module):
        parent = file.parents[node]
        if isinstance(parent, _Region) and node is not getattr(parent, "test", None):
            tests = parent.values if isinstance(parent, ast.BoolOp) else [getattr(parent, "test", None)]
            tests += [parent.subject] if isinstance(parent, ast.Match) else []
            if any(test is not node and test is not None and speaks_of_mode(test) for test in tests):
                return True
        if isinstance(node, ast.stmt) and _exit_before(file, node):
            return True
        node = parent
    return False


def switches(file: ParsedFile, dropout: Dropout) -> Iterator[str]:
    """The attributes of the object that conditions around the call ask: `if self.use_dropout:`."""
    node: ast.AST = dropout.call
    while not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
        node = file.parents[node]
        test = node.test if isinstance(node, ast.If | ast.IfExp | ast.While) else None
        for asked in ast.walk(test) if test is not None else ():
            if isinstance(asked, ast.Attribute) and isinstance(asked.value, ast.Name):
                yield asked.attr


def is_set_elsewhere(file: ParsedFile, project: Project, attribute: str) -> bool:
    """Whether another file sets an attribute of that name on anything but `self`: `model.use_dropout = flag`."""
    stored = re.compile(rf"(?<!\bself)\.{re.escape(attribute)}[ \t]*=(?!=)")
    others = (path for path in paths_with(project, f".{attribute}") if path != file.path)
    return any(stored.search(project.read(path) or "") for path in others)


def _exit_before(file: ParsedFile, statement: ast.stmt) -> bool:
    """`if not self.training: return x` (or an assertion) in the same block before the statement."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    for other in file.block_of(statement):
        if other is statement:
            return False
        match other:
            case ast.If(test=test, body=[*_, ast.Return() | ast.Raise() | ast.Continue() | ast.Break()]):
                if speaks_of_mode(test):
                    return True
            case ast.Assert(test=test) if speaks_of_mode(test):
                return True
            case _:
                pass
    return False


def _called_under_guard(file: ParsedFile, method: FunctionNode) -> bool:
    """Whether the class calls this method of its own only where the mode has been asked."""
    cls = file.enclosing_class(method)
    calls = [
        node
        for node in ast.walk(cls or method)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == method.name
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == first_parameter(file, node)
    ]
    return bool(calls) and all(_guarded(file, call) for call in calls)


# --- what the author wants -----------------------------------------------------------------------------------------


def is_wanted(file: ParsedFile, dropout: Dropout) -> bool:
    """Whether names, comments or a sampling loop say that dropout is wanted in evaluation."""
    if any(map(_WANTED.search, _names_around(file, dropout.call))) or _sampled(file, dropout.call):
        return True
    texts = (*_comments(file, dropout.call), *_docstrings(file, dropout.call))
    return any(_WANTED_TEXT.search(text) and not _DENIED.search(text) for text in texts)


def is_decided(file: ParsedFile, dropout: Dropout, others: Iterable[Dropout]) -> bool:
    """Whether an explicit True is certainly a decision: its author passes the flag elsewhere, or names say so."""
    if any(other.flag is not None and not isinstance(other.flag, ast.Constant) for other in others):
        return True
    return any(map(_DECIDED.search, _names_around(file, dropout.call)))


def distorts(method: FunctionNode) -> bool:
    """Whether the name of a method says that it distorts its input on purpose."""
    return bool(_DISTORTS.search(snake(method.name)))


def _names_around(file: ParsedFile, node: ast.AST) -> Iterator[str]:
    """Names of the functions and classes around a node, of their parameters, and of the file, in snake case."""
    yield snake(file.path.rpartition("/")[2].removesuffix(".py"))
    while not isinstance(node, ast.Module):
        node = file.parents[node]
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield snake(node.name)
                yield from (snake(a.arg) for a in (*node.args.args, *node.args.kwonlyargs))
            case ast.ClassDef():
                yield snake(node.name)
            case _:
                pass


def _sampled(file: ParsedFile, node: ast.AST) -> bool:
    """Whether the call draws on purpose: `for _ in range(n_samples)`, or in a method that samples."""
    while not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
        node = file.parents[node]
        if isinstance(node, ast.FunctionDef) and _SAMPLES.search(snake(node.name)):
            return True
        loops: list[ast.expr] = []
        match node:
            case ast.For(iter=iterated):
                loops = [iterated]
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                loops = [generator.iter for generator in node.generators]
            case _:
                pass
        for loop in loops:
            if isinstance(loop, ast.Call) and _REPEATED.search(" ".join(map(file.source, loop.args))):
                return True
    return False


def _comments(file: ParsedFile, node: ast.AST) -> list[str]:
    """The comments on the lines of the statement, and those of their own directly above it."""
    statement = file.enclosing_statement(node)
    body = getattr(statement, "body", None)
    last = body[0].lineno - 1 if body else statement.end_lineno or statement.lineno
    found = [_line(file, number).partition("#")[2] for number in range(statement.lineno, last + 1)]
    above = statement.lineno - 1
    while above and _line(file, above).lstrip().startswith("#"):
        found.append(_line(file, above).lstrip()[1:])
        above -= 1
    return [text for text in found if text]


def _line(file: ParsedFile, number: int) -> str:
    end = file.line_starts[number] if number < len(file.line_starts) else len(file.text)
    return file.text[file.line_starts[number - 1] : end]


def _docstrings(file: ParsedFile, node: ast.AST) -> Iterator[str]:
    while not isinstance(node, ast.Module):
        node = file.parents[node]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield ast.get_docstring(node) or ""
