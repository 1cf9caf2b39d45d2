"""Runs a program of the corpus in a process of its own and says what was seen, as JSON.

torch is imported once by a server (this file as a script); each run is a fork of it. The programs are written for a
GPU: `.cuda()` and `device="cuda"` stay on the CPU. Nothing else is changed. A *forward* is a call of an outermost
module with parameters: it belongs to training when a later `backward` walks through its output, else to evaluation.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import random
import runpy
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

_SHAPE_ONLY = frozenset(
    (
        *("View", "UnsafeView", "Reshape", "ReshapeAlias", "Squeeze", "Unsqueeze", "Permute", "Transpose", "T"),
        *("Slice", "Select", "Clone", "ToCopy", "Cat", "Stack"),
    )
)
_ACTIVATIONS = ("Softmax", "LogSoftmax", "Sigmoid")
_LOSSES = frozenset(
    (
        *("cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "kl_div"),
        *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"),
    )
)
_TIMEOUT = 60  # seconds


class Runner:
    """The side of the tests. Use as a context manager; runs one program at a time."""

    def __enter__(self) -> Runner:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        self._server = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        assert self._server.stdin and self._server.stdout
        self._server.stdin.close()
        self._server.wait(_TIMEOUT)
        self._server.stdout.close()

    def run(
        self, folder: Path, entry: str, args: list[str], *, memory: bool = False, lines: bool = False
    ) -> dict[str, Any]:
        """Run `folder/entry` as `__main__` inside `folder`, which it may write to.

        `memory` counts the bytes that forwards keep for a backward, in a run of its own: the hooks that count
        would hide torch's error about values changed in place. `lines` notes which lines of the program are run.
        """
        assert self._server.stdin and self._server.stdout
        job = {"folder": str(folder), "entry": entry, "args": args, "memory": memory, "lines": lines}
        self._server.stdin.write(json.dumps(job) + "\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline()
        assert answer, "the server of the corpus runs has ended"
        seen: dict[str, Any] = json.loads(answer)
        assert "lost" not in seen, f"{folder / entry}: {seen['lost']}"
        return seen


def _serve() -> None:
    """Answer every line of standard input (a job) with one line (what was seen)."""
    # All before the fork: each run would pay for them (an optimizer's first step imports _dynamo, 1.5 seconds).
    import numpy  # noqa: F401
    import stepping  # noqa: F401
    import torch
    import torch._dynamo

    torch.set_num_threads(1)
    for line in sys.stdin:
        print(_fork(json.loads(line)), flush=True)


def _fork(job: dict[str, Any]) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        status = 1
        try:
            with os.fdopen(writing, "w") as answer:
                answer.write(json.dumps(_run(job)))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with _alarm(lambda: os.kill(child, signal.SIGKILL)), os.fdopen(reading) as answer:
        text = answer.read()
        _, status = os.waitpid(child, 0)
    return text if status == 0 else json.dumps({"lost": f"wait status {status}"})


@contextlib.contextmanager
def _alarm(action: Callable[[], None]) -> Iterator[None]:
    signal.signal(signal.SIGALRM, lambda *_: action())
    signal.alarm(_TIMEOUT)
    try:
        yield
    finally:
        signal.alarm(0)


def _run(job: dict[str, Any]) -> dict[str, Any]:
    """Inside the fork: run the program, look on."""
    import numpy
    import torch

    folder = Path(job["folder"])
    os.chdir(folder)
    sys.path[0], sys.argv = str(folder), [job["entry"], *job["args"]]
    random.seed(0), numpy.random.seed(0), torch.manual_seed(0)
    observer = _Observer(folder, memory=job["memory"])
    output = io.StringIO()
    with contextlib.redirect_stdout(output), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = observer.on_warning
        try:
            with observer.watching(), _tracing(observer) if job["lines"] else contextlib.nullcontext():
                runpy.run_path(str(folder / job["entry"]), run_name="__main__")
        except Exception as error:
            observer.on_exception(error)
        else:
            observer.replay()
    reached = {path: sorted(lines) for path, lines in observer.lines.items()}
    return {**observer.seen, "lines": reached, "output": output.getvalue()}


@contextlib.contextmanager
def _tracing(observer: _Observer) -> Iterator[None]:
    """Notes the lines that are run in files of the program."""

    def entered(frame: Any, event: str, argument: Any) -> Any:
        return note if frame.f_code.co_filename.startswith(observer.folder) else None

    def note(frame: Any, event: str, argument: Any) -> Any:
        path = os.path.relpath(frame.f_code.co_filename, observer.folder)
        observer.lines.setdefault(path, set()).add(frame.f_lineno)
        return note

    sys.settrace(entered)
    try:
        yield
    finally:
        sys.settrace(None)


class _Observer:
    """What a run did, in plain data (`seen`)."""

    def __init__(self, folder: Path, *, memory: bool) -> None:
        from stepping import Steps

        self.steps = Steps()
        self.folder = str(folder)
        self.memory = memory
        self.seen: dict[str, Any] = {
            "exception": None,
            **{kind: [] for kind in ("warnings", "forwards", "losses", "inputs", "backwards", "replays")},
        }
        self.lines: dict[str, set[int]] = {}
        self._depth = 0
        self._calls: list[tuple[Any, Any, Any, list[tuple[Any, bool]]]] = []  # in step with seen["forwards"]
        self._forward_of: dict[Any, int] = {}  # node of the graph -> index of the forward that made it

    # what the program does

    def on_warning(
        self, message: Any, category: Any, filename: str, lineno: int, file: Any = None, line: Any = None
    ) -> None:
        self.seen["warnings"].append({"message": str(message), "place": f"{self._shown(filename)}:{lineno}"})

    def on_exception(self, error: Exception) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if frame.filename.startswith(self.folder)]
        place = f"{self._shown(own[-1].filename)}:{own[-1].lineno}" if own else ""
        self.seen["exception"] = {"type": type(error).__name__, "message": str(error), "place": place}

    def on_loss(self, scores: Any, target: Any, loss: Any) -> None:
        """At `F.cross_entropy`, after it."""
        import torch

        self.seen["losses"].append(
            {
                "place": self._place(),
                "classes": scores.shape[1] if scores.dim() > 1 else scores.shape[0],
                "hard": not target.is_floating_point(),
                "value": float(loss.detach().mean()),
                "grad": torch.is_grad_enabled(),
                "softmax": _ends_in_softmax(scores),
            }
        )

    def on_input(self, loss: str, scores: Any, target: Any) -> None:
        """At every loss of `_LOSSES`: what was applied last to what it is given, and whether its target has a graph."""
        self.seen["inputs"].append(
            {
                "loss": loss,
                "place": self._place(),
                "last": _last_activation(scores.grad_fn) if scores.grad_fn is not None else None,
                "grad": scores.requires_grad,
                "target_grad": target.requires_grad,
            }
        )

    def on_backward(self, roots: Any) -> None:
        """At `backward` and `autograd.grad`, before it."""
        import torch

        self.steps.note_backward()
        tensors = [roots] if isinstance(roots, torch.Tensor) else list(roots)
        self.seen["backwards"].append([float(tensor.detach().sum()) for tensor in tensors])
        for node in _nodes_below([tensor.grad_fn for tensor in tensors]):
            if node in self._forward_of:
                self.seen["forwards"][self._forward_of[node]]["backward"] = True

    def on_call(self, original: Any, module: Any, args: Any, kwargs: Any) -> Any:
        """Around every `nn.Module.__call__`."""
        self._depth += 1
        try:
            if self._depth > 1 or next(module.parameters(), None) is None:
                return original(module, *args, **kwargs)
            return self._on_forward(original, module, args, kwargs)
        finally:
            self._depth -= 1

    def _on_forward(self, original: Any, module: Any, args: Any, kwargs: Any) -> Any:
        import torch

        forward = {
            "place": self._place(),
            "module": type(module).__name__,
            "training": module.training,
            "grad": torch.is_grad_enabled(),
            "after_backwards": len(self.seen["backwards"]),
            "backward": False,
            "saved_bytes": 0,
            "norms": sum(map(_moves_statistics, module.modules())),
        }
        self.seen["forwards"].append(forward)
        self._calls.append((module, args, kwargs, [(part, part.training) for part in module.modules()]))
        index = len(self._calls) - 1
        output = original(module, *args, **kwargs)
        tensors = list(_tensors(output))
        forward["requires_grad"] = any(tensor.requires_grad for tensor in tensors)
        self._forward_of.update({tensor.grad_fn: index for tensor in tensors if tensor.grad_fn is not None})
        return output

    def on_saved(self, tensor: Any) -> Any:
        """At every tensor that the graph keeps for a backward."""
        import torch

        if self._depth and not isinstance(tensor, torch.nn.Parameter):
            self.seen["forwards"][-1]["saved_bytes"] += tensor.numel() * tensor.element_size()
        return tensor

    def replay(self) -> None:
        """Evaluate the last batch of each place of evaluation twice more, in the mode that it was evaluated in."""
        import torch

        last = {f["place"]: index for index, f in enumerate(self.seen["forwards"]) if not f["backward"]}
        for place, index in last.items():
            module, args, kwargs, modes = self._calls[index]
            for part, training in modes:
                part.training = training
            with torch.no_grad():
                buffers = [buffer.clone() for buffer in module.buffers()]
                outputs = [list(_tensors(module(*args, **kwargs))) for _ in range(2)]
                equal = all(map(torch.equal, *outputs))
                kept = all(map(torch.equal, buffers, module.buffers()))
            self.seen["replays"].append({"place": place, "equal": equal, "statistics_kept": kept})

    # how it is looked at

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Redirects the GPU to the CPU and reports to this object."""
        import torch

        original = torch.nn.Module.__call__
        backward, gradients = torch.autograd.backward, torch.autograd.grad

        def call(module: Any, *args: Any, **kwargs: Any) -> Any:
            return self.on_call(original, module, args, kwargs)

        def watched(function: Any) -> Any:
            @functools.wraps(function)
            def wrapper(tensors: Any, *args: Any, **kwargs: Any) -> Any:
                self.on_backward(tensors)
                return function(tensors, *args, **kwargs)

            return wrapper

        torch.nn.Module.__call__ = call  # type: ignore[method-assign]
        torch.autograd.backward, torch.autograd.grad = watched(backward), watched(gradients)
        counting = (
            torch.autograd.graph.saved_tensors_hooks(self.on_saved, lambda tensor: tensor)
            if self.memory
            else contextlib.nullcontext()
        )
        try:
            with counting, self.steps.watched(), _on_cpu(self):
                yield
        finally:
            self.seen["steps"] = list(map(asdict, self.steps.found))
            torch.nn.Module.__call__ = original  # type: ignore[method-assign]
            torch.autograd.backward, torch.autograd.grad = backward, gradients

    def _place(self) -> str:
        """The innermost line of the program that is running."""
        frame = sys._getframe(1)
        while frame.f_back is not None and not frame.f_code.co_filename.startswith(self.folder):
            frame = frame.f_back
        return f"{self._shown(frame.f_code.co_filename)}:{frame.f_lineno}"

    def _shown(self, filename: str) -> str:
        return os.path.relpath(filename, self.folder) if filename.startswith(self.folder) else filename


def _on_cpu(observer: _Observer) -> Any:
    """A mode under which nothing leaves the CPU, and which reports losses."""
    import torch
    from torch.overrides import TorchFunctionMode

    def moved(value: Any) -> Any:
        named = isinstance(value, str) and value.split(":")[0] == "cuda"
        return torch.device("cpu") if named or (isinstance(value, torch.device) and value.type == "cuda") else value

    class OnCpu(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is torch.Tensor.cuda:
                return args[0]
            args, kwargs = tuple(map(moved, args)), {key: moved(value) for key, value in (kwargs or {}).items()}
            result = func(*args, **kwargs)
            if getattr(func, "__name__", "") in _LOSSES:
                scores, target, *_ = (*tuple(args), *(kwargs[key] for key in ("input", "target") if key in kwargs))
                observer.on_input(func.__name__, scores, target)
                if func is torch.nn.functional.cross_entropy:
                    observer.on_loss(scores, target, result)
            return result

    return OnCpu()


def _moves_statistics(part: Any) -> bool:
    """Whether a forward changes the running statistics of a normalisation."""
    import torch

    batch_norm = torch.nn.modules.batchnorm._BatchNorm
    return isinstance(part, batch_norm) and part.training and part.track_running_stats


def _ends_in_softmax(scores: Any) -> bool:
    """Whether softmax was applied last: by the graph where there is one, else by the values (sums of 1)."""
    import torch

    if scores.grad_fn is not None:
        return _reaches_softmax(scores.grad_fn)
    sums = scores.detach().sum(dim=1)
    return bool((scores >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-4)


def _reaches_softmax(node: Any) -> bool:
    return _last_activation(node) == "Softmax"


def _last_activation(node: Any) -> str | None:
    """The activation below a node of the graph; looks through operations that only move numbers."""
    name: str = node.name().rstrip("0123456789").removesuffix("Backward")
    if name in _ACTIVATIONS:
        return name
    if name not in _SHAPE_ONLY:
        return None
    below = (_last_activation(parent) for parent, _ in node.next_functions if parent is not None)
    return next((found for found in below if found is not None), None)


def _nodes_below(roots: list[Any]) -> set[Any]:
    seen: set[Any] = set()
    todo = [root for root in roots if root is not None]
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo.extend(parent for parent, _ in node.next_functions if parent is not None)
    return seen


def _tensors(value: Any) -> Iterator[Any]:
    """The tensors of an output, also those in tuples, lists and dicts."""
    import torch

    match value:
        case torch.Tensor():
            yield value
        case dict():
            yield from _tensors(list(value.values()))
        case list() | tuple():
            for item in value:
                yield from _tensors(item)


if __name__ == "__main__":
    _serve()
