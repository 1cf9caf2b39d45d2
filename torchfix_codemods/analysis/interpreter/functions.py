"""Names and functions: what a name is worth, and running a function of the project with its arguments."""

from __future__ import annotations

import ast
from collections.abc import Hashable
from collections.abc import Sequence as Seq
from dataclasses import replace

from torchfix_codemods.analysis.facts import top_level
from torchfix_codemods.analysis.frameworks import tool_of
from torchfix_codemods.analysis.interpreter import expressions, grad_modes, statements
from torchfix_codemods.analysis.interpreter.alike import RUNS, Alike, Outcome, without_calls
from torchfix_codemods.analysis.interpreter.core import MAX_DEPTH, Core, Kwargs
from torchfix_codemods.analysis.interpreter.state import (
    Frame,
    State,
    is_generator,
    merge_states,
)
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.trace import (
    Context,
    place_of,
)
from torchfix_codemods.analysis.values import (
    NONE,
    ClassRef,
    External,
    FunctionRef,
    Instance,
    ListOf,
    Mapping,
    Sequence,
    Unknown,
    Value,
    calls_of,
    join,
)


class Functions(Core):
    """Looks names up and runs functions; a call in the same place, state and with the same arguments is remembered."""

    def lookup(self, name: str, frame: Frame) -> Value:
        """The value of a name: local, of the enclosing functions, global, builtin."""
        current: Frame | None = frame
        while current is not None:
            if name in current.env and name not in current.globals:
                return current.env[name]
            current = current.outer
        return self.global_value(frame.file.path, name)

    def global_value(self, path: str, name: str) -> Value:
        """A top-level name of a file: as left by the running script, else as its definitions say."""
        running = self.module_frames.get(path)
        if running is not None and name in running.env:
            return running.env[name]
        key = (path, name)
        if key not in self._static:
            self._static[key] = Unknown("defined by itself", key=f"{path}:{name}")
            self._static[key] = self._static_value(path, name)
        return self._static[key]

    def _static_value(self, path: str, name: str) -> Value:
        found = self.project.definition(path, name)
        if found is not None:
            return found
        file = None if path.endswith("/") else self.project.parse(path)
        if file is None:
            return Unknown("not found", key=f"{path}:{name}")
        facts = self.project.facts(path)
        if facts is not None and name in facts.assigned and (values := self._assigned(file, name)):
            return join(values)
        for entry in facts.imports if facts else ():
            if entry.bound == name or entry.name == "*":
                target = self.project.module_path(entry.module, path, entry.level)
                if target and target != path and (facts2 := self.project.facts(target)):
                    wanted = name if entry.name == "*" else entry.name or name
                    if wanted in facts2.assigned:
                        return self.global_value(target, wanted)
        if name in __builtins__ if isinstance(__builtins__, dict) else hasattr(__builtins__, name):
            return External(f"builtins.{name}")
        return Unknown(f"the name {name} is not defined in view", key=f"{path}:{name}")

    def _assigned(self, file: ParsedFile, name: str) -> list[Value]:
        """What the top level of a file assigns to a name."""
        frame = Frame(file, Context("module", self._file_place(file)), State(), is_global=True, silent=True)
        return [
            value
            for statement in top_level(file.tree.body)
            for value in statements.values_assigned(self.whole, statement, name, frame)
        ]

    def node_of(self, ref: FunctionRef) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda:
        """The tree of a function or lambda."""
        file = self.project.parse(ref.path)
        assert file is not None, ref
        return file.function_at(ref.line, ref.column)

    def call_function(
        self,
        ref: FunctionRef,
        args: Seq[Value],
        kwargs: Kwargs,
        receiver: Value | None,
        node: ast.AST | None,
        frame: Frame,
        *,
        unknown_rest: bool = False,
    ) -> Value:
        """Run a function of the project with these arguments; its effects on modes reach the caller's state."""
        file = self.project.parse(ref.path)
        calls = frozenset().union(*map(calls_of, args), *map(calls_of, kwargs.values()))
        if file is None or frame.depth > MAX_DEPTH or self._active[ref] >= 2 or not self.tick():
            return Unknown(f"{ref.name}() was not followed", calls=calls)
        # What a call does with a model depends on where it stands: another place may train on the result.
        where = place_of(frame.file.path, node) if node is not None and not frame.silent else None
        around = (ref, frame.state.snapshot(), frame.silent, unknown_rest, where)
        key = (around, tuple(args), tuple(kwargs.items()), receiver)
        if (known := self._remembered.get(key)) is not None:
            return self._recall(known, known.value, frame)
        alike = self._alike_to(around, args, kwargs, receiver)
        if alike is not None and alike.runs >= RUNS:
            for escape in alike.escapes:
                self.emit(replace(escape, context=frame.context, calls=alike.given), frame)
            return self._recall(alike.last, alike.answer, frame)
        self.trace.reached.add(ref)
        self.trace.files.add(ref.path)
        self._active[ref] += 1
        ran, events, kept = self.ran, len(self.trace.events), self.kept_graphs
        try:
            value, state = self._run(ref, file, args, kwargs, receiver, node, frame, unknown_rest)
        finally:
            self._active[ref] -= 1
        self._remembered[key] = outcome = Outcome(value, state.copy(), self.ran > ran)
        if alike is not None:
            self._alike[alike.key] = alike.after(outcome, self.trace.events[events:], self.kept_graphs > kept)
        frame.state.grad, frame.state.modes = state.grad, state.modes
        return value

    def _recall(self, known: Outcome, value: Value, frame: Frame) -> Value:
        """Give a value that is known, with what the call does to the state."""
        frame.state.grad, frame.state.modes = known.state.grad, dict(known.state.modes)
        self.ran += known.ran
        return value

    def _alike_to(self, around: Hashable, args: Seq[Value], kwargs: Kwargs, receiver: Value | None) -> Alike | None:
        """What is known of calls that differ from this one only in their model calls; None where it has none."""
        values = [*args, *kwargs.values(), *(() if receiver is None else (receiver,))]
        given = frozenset[int]().union(*map(calls_of, values))
        if not given:
            return None
        key = (around, len(args), tuple(kwargs), *map(without_calls, values))
        return self._alike.get(key, Alike(key)).asked(given)

    def _run(
        self,
        ref: FunctionRef,
        file: ParsedFile,
        args: Seq[Value],
        kwargs: Kwargs,
        receiver: Value | None,
        node: ast.AST | None,
        caller: Frame,
        unknown_rest: bool,
    ) -> tuple[Value, State]:
        function = self.node_of(ref)
        of_module = ref.owner is not None and self.project.is_module(ref.owner)
        context = Context(
            "function",
            place_of(ref.path, function),
            caller.context,
            function=ref,
            of_module=of_module,
            call=place_of(caller.file.path, node) if node is not None else None,
            arguments=plain_arguments(node, args, kwargs),
        )
        inner = Frame(
            file,
            context,
            caller.state.copy(),
            function=ref,
            cls=ref.owner,
            outer=self.closures.get(ref),
            silent=caller.silent,
            depth=caller.depth + 1,
            generator=is_generator(function),
        )
        decorators = getattr(function, "decorator_list", [])
        flavour = {d.id for d in decorators if isinstance(d, ast.Name)}
        if receiver is not None and "staticmethod" not in flavour:
            args = (receiver, *args)
            inner.self_value = receiver
            first = [*function.args.posonlyargs, *function.args.args]
            inner.self_name = first[0].arg if first else ""
        grad_before, modes_before = inner.state.grad, inner.state.modes
        for decorator in decorators:
            grad_modes.enter_decorator(self.whole, decorator, inner, caller)
        self._bind(function, ref, inner, args, kwargs, unknown_rest)
        if isinstance(function, ast.Lambda):
            return expressions.evaluate(self.whole, function.body, inner), inner.state
        statements.run_block(self.whole, function.body, inner, is_function=True)
        state = merge_states(inner.ends) if inner.ends else inner.state
        if decorators or inner.generator:
            state.grad = grad_before
            grad_modes.recall_modes(state, modes_before)
        value = join(inner.returns) if inner.returns else NONE
        if calls := calls_of(value):
            self.trace.returned.setdefault(ref, set()).update(calls)
        if inner.generator:
            value = ListOf(value, "generator")
        return value, state

    def _bind(
        self,
        function: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
        ref: FunctionRef,
        inner: Frame,
        args: Seq[Value],
        kwargs: Kwargs,
        unknown_rest: bool,
    ) -> None:
        spec = function.args
        names = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        given = list(args)
        for name, value in zip(names, given, strict=False):
            inner.env[name] = value
        if spec.vararg:
            rest = given[len(names) :]
            inner.env[spec.vararg.arg] = (
                Sequence(tuple(rest)) if not unknown_rest else self._parameter(ref, spec.vararg.arg)
            )
        remaining = {k: v for k, v in kwargs.items() if k not in names}
        for name, value in kwargs.items():
            if name in names:
                inner.env[name] = value
        for argument in spec.kwonlyargs:
            if argument.arg in remaining:
                inner.env[argument.arg] = remaining.pop(argument.arg)
        if spec.kwarg:
            inner.env[spec.kwarg.arg] = (
                self._parameter(ref, spec.kwarg.arg) if unknown_rest else Mapping(tuple(remaining.items()))
            )
        positional = dict(zip(reversed(names), reversed(spec.defaults), strict=False))
        keyword = {a.arg: d for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is not None}
        defining = Frame(
            inner.file,
            inner.context,
            State(),
            is_global=True,
            silent=True,
            outer=inner.outer,
            depth=inner.depth,
        )
        for name in (*names, *(a.arg for a in spec.kwonlyargs)):
            if name in inner.env:
                continue
            default = positional.get(name) or keyword.get(name)
            found = None if default is None else expressions.evaluate(self.whole, default, defining)
            if found is None or (unknown_rest and not isinstance(found, Instance)):
                found = self._annotated(spec, name, defining) or self._parameter(ref, name)
            inner.env[name] = found

    def _annotated(self, spec: ast.arguments, name: str, frame: Frame) -> Value | None:
        """`model: Net` is some `Net`."""
        arguments = (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)
        annotation = next((a.annotation for a in arguments if a.arg == name), None)
        if not isinstance(annotation, ast.Name | ast.Attribute):
            return None
        cls = expressions.evaluate(self.whole, annotation, frame)
        if isinstance(cls, External) and tool_of(self.project, cls):
            return Instance(cls)
        return self.unknown_instance(cls) if isinstance(cls, ClassRef) and self.project.is_module(cls) else None

    @staticmethod
    def _parameter(ref: FunctionRef, name: str) -> Value:
        return Unknown(f"parameter {name} of {ref.name}()", key=f"{ref.path}:{ref.line}:{ref.column}:{name}")


def plain_arguments(node: ast.AST | None, args: Seq[Value], kwargs: Kwargs) -> tuple[tuple[str, Value], ...]:
    """The arguments of a call that are names or chains of attributes, as written, with their values."""
    if not isinstance(node, ast.Call) or any(isinstance(a, ast.Starred) for a in node.args):
        return ()
    pairs = [*zip(node.args, args, strict=False), *((k.value, kwargs[k.arg]) for k in node.keywords if k.arg in kwargs)]
    return tuple((ast.unparse(e), v) for e, v in pairs if isinstance(e, ast.Name | ast.Attribute))
