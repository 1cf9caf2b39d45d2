"""Bounds for loops, put in when a file of the program is loaded: the file itself stays as it is, and so do its lines.

Any loop in whose body a model works (a forward, a backward, a step) ends after a number of such iterations; a loop that
holds a working loop and does not train outside of it is an outer one, with a bound of its own: a loop over batches that
evaluates now and then has to come round to training again. Inside of a module's forward nothing is bounded.
"""

import ast
import builtins
import importlib.machinery
import os

FOR, ENTER, GO_ON, LEAVE, HIT = (
    f"__torchfix_{word}__" for word in ("for", "while_enter", "while_go_on", "while_leave", "hit")
)


class Loop:
    """One entry of a loop: how many of its iterations worked, whether it holds such a loop, whether it trains itself.

    `before` and `trained` are the recorder's counts when the iteration began, `inner` is what loops inside trained.
    """

    __slots__ = ("before", "holds_loop", "inner", "name", "started", "trained", "trains", "worked")

    def __init__(self, name, recorder):
        self.name = name
        self.worked = 0
        self.holds_loop = False
        self.trains = False
        self.started = recorder.trained
        self.begin(recorder)
        self.before = None  # no iteration has begun

    def begin(self, recorder):
        """An iteration begins."""
        self.before, self.trained, self.inner = recorder.work, recorder.trained, 0


class Bounds:
    """The loops that are running, innermost last."""

    def __init__(self, recorder):
        self.recorder = recorder
        self._running = []
        self._cut = set()

    def install(self):
        """Give the names that rewritten code calls."""
        hits = set()

        def hit(mark):
            if mark not in hits:
                hits.add(mark)
                self.recorder.stream.event("hit", mark=mark)

        for name, function in (
            (FOR, self.bounded),
            (ENTER, self.enter),
            (GO_ON, self.go_on),
            (LEAVE, self.leave),
            (HIT, hit),
        ):
            setattr(builtins, name, function)

    def bounded(self, iterable, name):
        """The items of a `for` loop or comprehension, until it has worked enough."""
        return iterable if self.recorder.inside() else self._items(iterable, name)

    def _items(self, iterable, name):
        loop = Loop(name, self.recorder)
        self._running.append(loop)
        try:
            for item in iterable:
                loop.begin(self.recorder)
                yield item
                if self._is_enough(loop):
                    break
        finally:
            self._end(loop)

    def enter(self, name):
        """Before a `while` loop."""
        if not self.recorder.inside():
            self._running.append(Loop(name, self.recorder))

    def go_on(self, name):
        """At the condition of a `while` loop: False once it has worked enough."""
        if self.recorder.inside():
            return True
        loop = self._named(name)
        if loop is None:
            return True
        enough = loop.before is not None and self._is_enough(loop)
        loop.begin(self.recorder)
        return not enough

    def leave(self, name):
        """After a `while` loop."""
        loop = self._named(name)
        if loop is not None and not self.recorder.inside():
            self._end(loop)

    def _named(self, name):
        return next((loop for loop in reversed(self._running) if loop.name == name), None)

    def _is_enough(self, loop):
        job = self.recorder.job
        if self.recorder.work == loop.before:
            return False
        loop.worked += 1
        loop.trains |= self.recorder.trained - loop.trained > loop.inner
        if loop.worked < (job.outer if loop.holds_loop and not loop.trains else job.inner):
            return False
        if loop.worked < job.evaluating and self.recorder.trained == loop.started:
            self.recorder.notes("loop", f"up to {job.evaluating} iterations where nothing is trained")
            return False
        if loop.name not in self._cut:
            self._cut.add(loop.name)
            self.recorder.stream.event("cut", loop=loop.name, n=loop.worked)
        return True

    def _end(self, loop):
        """Forget a loop, and those inside of it that were left by a return or an exception."""
        if loop in self._running:
            del self._running[self._running.index(loop) :]
        if self._running:
            self._running[-1].inner += self.recorder.trained - loop.started
        if loop.worked:
            for outer in self._running:
                outer.holds_loop = True


class Rewriter:
    """Compiles files of the program with bounded loops and marks."""

    def __init__(self, recorder, prepare):
        self._recorder = recorder
        self._prepare = prepare  # what makes old source acceptable, bytes to bytes

    def install(self):
        """Every module of the program that is imported from source from now on is bounded."""
        loader, original = importlib.machinery.SourceFileLoader, importlib.machinery.SourceFileLoader.source_to_code
        rewriter = self

        def source_to_code(self, data, path, *args, **kwargs):
            name = os.fsdecode(path) if isinstance(path, (str, bytes, os.PathLike)) else ""
            if not isinstance(data, bytes) or rewriter._recorder.relative(name) is None:
                return original(self, data, path, *args, **kwargs)
            return rewriter.compiled(data, name)

        loader.source_to_code = source_to_code

    def compiled(self, raw, filename):
        """The code of a file. Raises `SyntaxError` as its own text does."""
        tree = ast.parse(self._prepare(raw), filename)
        path = (self._recorder.relative(filename) or "").replace(os.sep, "/")
        self._recorder.stream.event("file", path=path)
        marks = self._recorder.job.marks.get(path)
        if marks:
            _mark(tree, marks)
        tree = _Bounding(path).visit(tree)
        ast.fix_missing_locations(tree)
        return compile(tree, filename, "exec", dont_inherit=True)


class _Bounding(ast.NodeTransformer):
    """Puts the calls in. Loops are named by their number in the file: lines differ between variants."""

    def __init__(self, path):
        self._path = path
        self._count = 0

    def _name(self):
        self._count += 1
        return ast.Constant(f"{self._path} loop {self._count}")

    def visit_For(self, node):
        node.iter = self._bounded(node.iter)
        self.generic_visit(node)
        return node

    def visit_comprehension(self, node):
        if not node.is_async:
            node.iter = self._bounded(node.iter)
        self.generic_visit(node)
        return node

    def _bounded(self, iterable):
        return ast.copy_location(_call(FOR, iterable, self._name()), iterable)

    def visit_While(self, node):
        name = self._name()
        node.test = ast.copy_location(ast.BoolOp(ast.And(), [_call(GO_ON, name), node.test]), node.test)
        self.generic_visit(node)
        before, after = (ast.copy_location(ast.Expr(_call(word, name)), node) for word in (ENTER, LEAVE))
        return [before, node, after]


def _call(name, *args):
    return ast.Call(func=ast.Name(name, ast.Load()), args=list(args), keywords=[])


# --- marks -----------------------------------------------------------------------------------------------------------

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _mark(tree, marks):
    """Put a call before every statement that an edited range touches; into a function whose header it touches."""
    for node in reversed(list(ast.walk(tree))):  # inner blocks first: what is put in is not looked at again
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                setattr(node, field, _marked(block, marks))


def _marked(block, marks):
    result = []
    for statement in block:
        found = [mark for mark, first, last in marks if _touches(statement, first, last)]
        if found and isinstance(statement, _DEFINITIONS):
            start = 1 if ast.get_docstring(statement, clean=False) is not None else 0
            statement.body[start:start] = _hits(found, statement.body[0])
        elif found and not _must_be_first(statement):
            result += _hits(found, statement)
        result.append(statement)
    return result


def _touches(statement, first, last):
    """Whether a range of lines touches a statement, or the header of one that has a block."""
    start = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", ()))])
    body = getattr(statement, "body", None)
    end = body[0].lineno - 1 if isinstance(body, list) and body else getattr(statement, "end_lineno", statement.lineno)
    return start <= last and first <= max(start, end)


def _must_be_first(statement):
    """A docstring, or an import from `__future__`: nothing may stand before it."""
    if isinstance(statement, ast.ImportFrom):
        return statement.module == "__future__"
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _hits(marks, near):
    return [ast.copy_location(ast.Expr(_call(HIT, ast.Constant(mark))), near) for mark in marks]
