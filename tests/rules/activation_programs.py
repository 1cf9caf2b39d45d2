"""Programs whose model ends in an activation, and that read its output in ways put together by chance."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from random import Random

#: What is printed of the loss, which a fix changes on purpose; every other line must stay.
LOSS = "loss"
_HEAD = """\
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
train_loader = [(torch.randn(5, 4), {targets}) for _ in range(2)]
test_loader = [(torch.randn(7, 4), {test_targets}) for _ in range(2)]


"""
_ACTIVATIONS = {
    "softmax": ("F.softmax({}, dim=1)", "{}.softmax(1)", "torch.softmax({}, 1)", "nn.Softmax(dim=1)"),
    "sigmoid": ("torch.sigmoid({})", "{}.sigmoid()", "F.sigmoid({})", "nn.Sigmoid()"),
}
_LOSSES = {
    "softmax": ("nn.CrossEntropyLoss()", "F.cross_entropy", "nn.CrossEntropyLoss()", "nn.NLLLoss()"),
    "sigmoid": ("nn.BCEWithLogitsLoss()", "F.binary_cross_entropy_with_logits"),
}
#: Readers of an output OUT beside targets YS.
_READERS = (
    "print('top', OUT.topk(2, dim=1)[1].sum().item())",
    "print('sure', OUT.max(1)[0].mean().item())",
    "print('above', (OUT > 0.5).sum().item())",
    "print('mean', OUT.mean(0).tolist())",
    "kept.append(OUT)",
    "print('entropy', -(OUT * torch.log(OUT.abs() + 1e-8)).sum().item())",
    "print('exp', torch.exp(OUT).sum().item())",
    "print('argmax', OUT.detach().numpy().argmax(1).tolist())",
    "print('second', OUT[:, 1].tolist())",
    "print('loss', criterion(OUT, YS).item())",
)
#: What a function that nobody calls gives back of the model's output for `v`.
_ANSWERS = (
    "{}",
    "{}.max(1)[0]",
    "{}.argmax(1)",
    "({} > 0.5).float()",
    "{}.topk(2)[0]",
    "{}[0].tolist()",
    "{}.detach().numpy()",
)


@dataclass
class ActivationProgram:
    """`shape`: how the model hands its output on (alone, in a tuple, in a dict, by the end of a Sequential)."""

    random: Random
    activation: str
    shape: str = ""

    def text(self) -> str:
        self.shape = self.random.choice(["alone", "alone", "tuple", "dict", "sequential"])
        loss = self.random.choice(_LOSSES[self.activation])
        set_up = ["kept = []", f"criterion = {loss}", "net = Net()"]
        set_up += ["optimizer = torch.optim.SGD(net.parameters(), lr=0.0)  # what is read stays what it is", "", ""]
        lines = [
            *self._model(),
            *set_up,
            *self._training(),
            *self._evaluation(),
            "print('kept', len(kept))",
            *self._later(),
        ]
        names = (
            "torch.randint(0, 2, ({}, 3)).float()" if self.activation == "sigmoid" else "torch.randint(0, 3, ({},))",
        )
        head = _HEAD.format(targets=names[0].format(5), test_targets=names[0].format(7))
        return head + "\n".join(lines) + "\n"

    def _model(self) -> list[str]:
        *written, module = _ACTIVATIONS[self.activation]
        init, last = (
            ["self.fc, self.out = nn.Linear(4, 8), nn.Linear(8, 3)"],
            self.random.choice([*written, "self.act({})"]),
        )
        value = last.format("self.out(h)")
        if "self.act" in last:
            init.append(f"self.act = {module}")
        forward = ["h = torch.relu(self.fc(x))", *self._handed(value)]
        if self.shape == "sequential":
            init = [f"self.net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), {module})"]
            forward = ["return self.net(x)"]
        body = [
            "def __init__(self):",
            *_indented(["super().__init__()", *init]),
            "",
            "def forward(self, x):",
            *_indented(forward),
        ]
        return ["class Net(nn.Module):", *_indented(body), "", ""]

    def _handed(self, value: str) -> list[str]:
        named = self.random.random() < 0.4
        end = {"tuple": "return {}, h", "dict": "return {{'out': {}, 'h': h}}"}.get(self.shape, "return {}")
        return [f"y = {value}", end.format("y")] if named else [end.format(value)]

    def _output(self, call: str) -> str:
        return {"tuple": f"{call}[0]", "dict": f"{call}['out']"}.get(self.shape, call)

    def _reader(self, targets: str) -> str:
        return self.random.choice(_READERS).replace("OUT", "out").replace("YS", targets)

    def _training(self) -> list[str]:
        body = [
            f"out = {self._output('net(x)')}",
            "loss = criterion(out, y)",
            "optimizer.zero_grad()",
            "loss.backward()",
        ]
        body += ["optimizer.step()", "print('loss', loss.item())"]
        body += [self._reader("y")] if self.random.random() < 0.4 else []
        return ["for x, y in train_loader:", *_indented(body)]

    def _evaluation(self) -> list[str]:
        body = [f"out = {self._output('net(v)')}", *(self._reader("t") for _ in range(self.random.choice([1, 2])))]
        return ["with torch.no_grad():", *_indented(["for v, t in test_loader:", *_indented(body)])]

    def _later(self) -> list[str]:
        """A function that nobody calls, but who imports this."""
        if self.random.random() < 0.4:
            return []
        answer = self.random.choice(_ANSWERS).format(self._output("net(v)"))
        if self.random.random() < 0.7:
            return ["", "", "def answer(v):", f"    return {answer}"]
        method = ["def __init__(self, model):", "    self.model = model", "", "def answer(self, v):"]
        method += [f"    return {answer.replace('net(', 'self.model(')}"]
        return [
            "",
            "",
            "class Service:",
            *_indented(method),
            "",
            "",
            "def answer(v):",
            "    return Service(net).answer(v)",
        ]


def _indented(lines: list[str]) -> list[str]:
    return ["    " * bool(line) + line for line in lines]


def run(text: str) -> list[str]:
    """What a program prints, and what its function gives that nobody calls."""
    space: dict[str, object] = {"__name__": "__main__"}
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(text, space)
        if "answer" in space:
            print("answer", space["answer"](space["test_loader"][0][0]))  # type: ignore[operator, index]
    return output.getvalue().splitlines()
