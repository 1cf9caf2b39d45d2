"""The abstract machine: runs files and functions on abstract values and writes down what happens.

Calls are followed with their real arguments (remembered by arguments and state), so a mode or a `no_grad` set by a
caller holds inside. The forward of a module is computed only when somebody looks at its output.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence as Seq
from dataclasses import replace

from torchfix_codemods.analysis.frameworks import is_hook, trained_result
from torchfix_codemods.analysis.interpreter import expressions, modules, statements, tensors, torch_calls
from torchfix_codemods.analysis.interpreter.core import Kwargs
from torchfix_codemods.analysis.interpreter.objects import Objects
from torchfix_codemods.analysis.interpreter.state import (
    Frame,
    State,
    merge_states,
)
from torchfix_codemods.analysis.no_models import NO_MODEL_METHODS
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.roots import functions_in
from torchfix_codemods.analysis.trace import (
    Backward,
    Context,
    LossCall,
    ModelCall,
    Trace,
    Use,
    place_of,
)
from torchfix_codemods.analysis.values import (
    NONE,
    Bound,
    Choice,
    ClassRef,
    Const,
    External,
    FunctionRef,
    Instance,
    Lazy,
    Mapping,
    Partial,
    Sequence,
    Super,
    Tensor,
    Unknown,
    Value,
    calls_of,
    force,
    join,
    options,
    with_calls,
)


class Machine(Objects):
    """Interprets the code of one project from one root."""

    def run_module(self, file: ParsedFile) -> Trace:
        """Run the top level of a file as a script (`__name__ == "__main__"` holds)."""
        context = Context("module", self._file_place(file))
        frame = Frame(file, context, State(), is_global=True)
        self._begin(context, file.path)
        self.module_frames = {file.path: frame}
        statements.run_block(self, file.tree.body, frame)
        self.module_frames = {}
        return self.trace

    def run_function(self, ref: FunctionRef, receiver: Instance | None = None) -> Trace:
        """Run a function that nobody in view calls, with unknown arguments; a method on `receiver` or any object."""
        file = self.project.parse(ref.path)
        assert file is not None
        context = Context("module", self._file_place(file))
        self._begin(context, file.path)
        frame = Frame(file, context, State(), is_global=True)
        if receiver is None and ref.owner is not None:
            receiver = self.unknown_instance(ref.owner)
        silent = ref.name == "forward" and ref.owner is not None and self.project.is_module(ref.owner)
        frame.silent = silent
        result = self.call_function(ref, (), {}, receiver, None, frame, unknown_rest=True)
        self._hand_back(result, ref, frame)
        return self.trace

    def run_hooks(self, model: Instance, node: ast.Call, frame: Frame, *, predicts: bool = False) -> None:
        """Run what a framework calls of this object, with arguments that nobody knows.

        Where it predicts, that is its forward too, unless it has a step of its own for that. Only what is done with
        outputs is written down, and all else is left as it was: when they run, nobody knows.
        """
        called = [*self.hooks_of(model), *(self._predicting(model) if predicts else ())]
        self._run_unseen(called, model, node, frame)

    def run_given(self, functions: Seq[FunctionRef], node: ast.Call, frame: Frame) -> None:
        """Run functions of a function, and lambdas, that go to code that was not read: no other run shows them."""
        inner = [ref for ref in functions if ref in self.closures and ref not in self._given and not frame.silent]
        self._given.update(inner)
        if inner:
            self._run_unseen(inner, None, node, frame)

    def _run_unseen(self, called: Seq[FunctionRef], receiver: Instance | None, node: ast.Call, frame: Frame) -> None:
        """Run what is called out of sight, when nobody knows: only what is done with outputs is written down."""
        state, count, trace = frame.state, len(self.trace.events), self.trace
        before = set(trace.reached), dict(self._remembered), dict(self._alike)
        for ref in called:
            frame.state = state.copy()
            result = self.call_function(ref, (), {}, receiver, node, frame, unknown_rest=True)
            self._hand_back(result, ref, frame)
        trace.events[count:] = [e for e in trace.events[count:] if isinstance(e, Use | LossCall)]
        frame.state = state
        trace.reached, self._remembered, self._alike = before

    def hooks_of(self, model: Instance) -> list[FunctionRef]:
        """The methods that a framework calls, of a class of the project or of its bases."""
        if not isinstance(model.cls, ClassRef):
            return []
        owner, found = model.cls, dict[str, FunctionRef]()
        for cls in self.project.lineage(owner):
            known = self.project.class_node(cls) if isinstance(cls, ClassRef) else None
            for ref, _ in functions_in(known[0]) if known is not None else ():
                if ref.owner == cls:
                    found.setdefault(ref.name, ref)
        return [ref for ref in found.values() if is_hook(self.project, replace(ref, owner=owner))]

    def _predicting(self, model: Instance) -> list[FunctionRef]:
        """The forward, if that is what predicts."""
        if not isinstance(model.cls, ClassRef) or self.project.method(model.cls, "predict_step") is not None:
            return []
        forward = self.project.method(model.cls, "forward")
        return [forward] if forward is not None else []

    def _hand_back(self, result: Value, ref: FunctionRef, frame: Frame) -> None:
        """What becomes of the result of a function that is called from where nobody can see."""
        if trained_result(self.project, ref) and not frame.silent:
            self._train_on(result, ref, frame)
        if not frame.silent:
            statements.escape(self, result, self.node_of(ref), frame, "return")
        expressions.look(self, result, self.node_of(ref), frame, "escape", f"returned by {ref.name}()")

    def _train_on(self, result: Value, ref: FunctionRef, frame: Frame) -> None:
        """A framework runs `backward()` on what a step returns: the loss alone, first in a tuple, or under "loss"."""
        for option in options(result):
            loss = option.get("loss") if isinstance(option, Mapping) else None
            if isinstance(option, Sequence) and option.items:
                loss = option.items[0]
            place = place_of(ref.path, self.node_of(ref))
            context = Context("function", place, frame.context, function=ref)
            self.emit(Backward(place, context, calls_of(option if loss is None else loss)), frame)

    def call(self, callee: Value, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> Value:
        """Call any value."""
        callee = force(callee)
        match callee:
            case FunctionRef():
                return self.call_function(callee, args, kwargs, None, node, frame)
            case Bound(function=FunctionRef() as function, receiver=receiver):
                return self._call_method(receiver, function, args, kwargs, node, frame)
            case Bound():
                return torch_calls.call_method(self, callee, args, kwargs, node, frame)
            case ClassRef():
                return self.construct(callee, args, kwargs, node, frame)
            case External():
                return torch_calls.call_external(self, callee.name, args, kwargs, node, frame)
            case Instance():
                return self.call_instance(callee, args, kwargs, node, frame)
            case Partial():
                merged = {**dict(callee.kwargs), **kwargs}
                return self.call(callee.function, (*callee.args, *args), merged, node, frame)
            case Choice(options=found):
                return self._call_each(found, args, kwargs, node, frame)
            case _:
                return torch_calls.call_unknown(self, callee, args, kwargs, node, frame)

    def _call_each(self, found: Seq[Value], args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> Value:
        callable_options = [o for o in found if not isinstance(o, Const)][:6]
        if not callable_options:
            return torch_calls.call_unknown(self, Unknown("not callable"), args, kwargs, node, frame)
        if all(isinstance(o, Bound) and o.function is None for o in callable_options):
            return join([self.call(o, args, kwargs, node, frame) for o in callable_options])
        before, after, values = frame.state, [], []
        for option in callable_options:
            frame.state = before.copy()
            values.append(self.call(option, args, kwargs, node, frame))
            after.append(frame.state)
        merged = merge_states(after)
        before.grad, before.modes = merged.grad, merged.modes
        frame.state = before
        return join(values)

    def _call_method(
        self,
        receiver: Value,
        function: FunctionRef,
        args: Seq[Value],
        kwargs: Kwargs,
        node: ast.Call,
        frame: Frame,
    ) -> Value:
        target = receiver.instance if isinstance(receiver, Super) else receiver
        if not isinstance(target, Instance) or not self.is_module_instance(target):
            return self.call_function(function, args, kwargs, target, node, frame)
        if function.name in ("train", "eval", "__init__"):
            if function.name in ("train", "eval"):
                modules.set_mode(self, target, function.name, args, kwargs, node, frame)
            return NONE if function.name == "__init__" else target
        if target == frame.self_value:  # inside the module itself: part of the same forward
            return self.call_function(function, args, kwargs, target, node, frame)
        before, events = self.ran, len(self.trace.events)
        value = self.call_function(function, args, kwargs, target, node, frame)
        if frame.silent or self.ran == before:
            return value  # no layer ran: `model.save(path)` is no forward
        inner = [e.grad for e in self.trace.events[events:] if isinstance(e, ModelCall)]
        if inner and not any(grad is not False for grad in inner):
            self.graphless.add(function)  # the method switches gradients off itself
        grad = frame.state.grad
        frame.state.grad = False if function in self.graphless else grad
        calls = self.model_call(target, function.name, args, kwargs, node, frame) or frozenset()
        frame.state.grad = grad
        return with_calls(value, calls | calls_of(value))

    def call_instance(
        self, instance: Instance, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame
    ) -> Value:
        """Call an object: a module runs forward (lazily), another runs its `__call__`."""
        if not isinstance(instance.cls, ClassRef):
            return modules.call_external_instance(self, instance, args, kwargs, node, frame)
        if self.is_module_instance(instance):
            return self._forward(instance, args, kwargs, node, frame)
        method = self.project.method(instance.cls, "__call__")
        if method is None:
            return torch_calls.call_unknown(self, instance, args, kwargs, node, frame)
        return self.call_function(method, args, kwargs, instance, node, frame)

    def _forward(self, instance: Instance, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> Value:
        assert isinstance(instance.cls, ClassRef)
        calls = self.model_call(instance, "forward", args, kwargs, node, frame)
        flowing = (
            calls
            if calls is not None
            else frozenset[int]().union(*map(calls_of, args), *map(calls_of, kwargs.values()))
        )
        method = self.project.method(instance.cls, "forward")
        if method is None:
            if any(
                isinstance(b, External) and b.name == "torch.nn.Sequential" for b in self.project.lineage(instance.cls)
            ):
                return modules.run_sequential(self, instance, args, node, frame, flowing)
            return Tensor(calls=flowing)
        trace = self.trace

        def run() -> Value:
            inner = Frame(frame.file, frame.context, State(frame.state.grad), silent=True, depth=frame.depth + 1)
            current, self.trace = self.trace, trace
            try:
                value = self.call_function(method, args, kwargs, instance, node, inner)
            finally:
                self.trace = current
            self._carry(value, instance)
            return with_calls(value, flowing)

        return Lazy(run, flowing)

    def _carry(self, value: Value, instance: Instance) -> None:
        """Remember through which classes the output of an activation leaves."""
        assert isinstance(instance.cls, ClassRef)
        for activation in tensors.activations_in(value):
            self.trace.carriers.setdefault(activation.site, set()).add(instance.cls.name)

    def model_call(
        self, model: Value, method: str, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame
    ) -> frozenset[int] | None:
        """Write down that a model runs. The ids that its output's graph carries; None inside a forward."""
        if frame.silent:
            return None
        values = [*args, *kwargs.values()]
        incoming = frozenset[int]().union(*map(calls_of, values))
        volatile = frozenset(s for v in values for s in tensors.volatile_in(v))
        self.next_call += 1
        self.ran += not _runs_no_model(model, node)
        grad = frame.state.grad
        self.emit(
            ModelCall(
                self.next_call,
                place_of(frame.file.path, node),
                frame.context,
                model,
                method,
                grad,
                self.mode_of(model, frame.state),
                volatile,
                frozenset(id_ for id_ in incoming if id_ > 0),
            ),
            frame,
        )
        return frozenset() if grad is False else incoming | {self.next_call}


def _runs_no_model(callee: Value, node: ast.Call) -> bool:
    """Whether an unknown method has a name that only files, text, containers and tensors use: `path.with_suffix()`."""
    named = isinstance(node.func, ast.Attribute) and node.func.attr in NO_MODEL_METHODS
    return named and isinstance(callee, Unknown)
