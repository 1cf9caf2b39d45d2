"""Programs that train and evaluate in some order, put together by chance, and what a run of one shows."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from unittest import mock

import torch
from torch import nn

TRAINING_BATCH, TEST_BATCH = 5, 7
HEAD = f"""\
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
train_loader = [(torch.randn({TRAINING_BATCH}, 4), torch.randint(0, 3, ({TRAINING_BATCH},))) for _ in range(2)]
test_loader = [(torch.randn({TEST_BATCH}, 4), torch.randint(0, 3, ({TEST_BATCH},))) for _ in range(2)]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.drop, self.out = nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.drop(torch.relu(self.fc(x))))


"""
_MAKE = ["net = Net()", "optimizer = torch.optim.SGD(net.parameters(), lr=0.1)"]
_STEPS = (
    ["OPT.zero_grad()", "loss = F.cross_entropy(NET(x), y)", "loss.backward()", "OPT.step()"],
    ["out = NET(x)", "loss = F.cross_entropy(out, y)", "OPT.zero_grad()", "loss.backward()", "OPT.step()"],
)
_MEASURES = (
    ["right += (NET(v).argmax(1) == t).sum().item()"],
    ["out = NET(v)", "right += out.max(1)[1].eq(t).sum().item()"],
    ["out = NET(v)", "right += F.cross_entropy(out, t).item()"],
)


def indented(lines: list[str]) -> list[str]:
    return ["    " * bool(line) + line for line in lines]


@dataclass
class ModeProgram:
    """`style`: a script with or without functions that take the model, a `main`, a trainer class.

    `care` holds what its author knows of: "train", "eval" and "back" (at the end of an evaluation), "no_grad".
    """

    random: Random
    style: str = ""
    care: dict[str, bool] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    count: int = 0

    def __post_init__(self) -> None:
        self.style = self.random.choice(["global", "argument", "main", "class"])
        chances = {"train": 0.35, "eval": 0.4, "back": 0.25, "no_grad": 0.4}
        self.care = {what: self.random.random() < chance for what, chance in chances.items()}

    def text(self) -> str:
        body = self.evaluation() if self._by(0.2) else []
        body += ["for epoch in range(3):", *indented(self.block())]
        body += self.evaluation() if self._by(0.4) else []
        body += self.training() if self._by(0.15) else []
        if self.style == "class":
            head = ["class Trainer:", *indented(["def __init__(self):", *indented(self._named(["NET = Net()"]))])]
            head += indented(indented(["self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1)"]))
            lines = [*head, *indented([*self.functions, "", "def run(self):", *indented(body)]), "", ""]
            lines += ["trainer = Trainer()", "trainer.run()"]
        elif self.style == "main":
            lines = [*self.functions, "def main():", *indented([*_MAKE, *body]), "", "", "main()"]
        else:
            lines = [*_MAKE, "", "", *self.functions, *body]
        return HEAD + "\n".join(lines) + "\n"

    def block(self) -> list[str]:
        lines: list[str] = []
        for _ in range(self.random.choice([1, 2, 2, 3])):
            lines += self.random.choice(
                [self.training, self.training, self.evaluation, self.evaluation, self._branch]
            )()
        return lines

    def _branch(self) -> list[str]:
        lines = ["if epoch % 2 == 0:", *indented(self.evaluation())]
        return lines + (["else:", *indented(self.training())] if self._by(0.4) else [])

    def training(self) -> list[str]:
        lines, inner = self._careful("train", ["NET.train()"]), self.random.choice(_STEPS)
        if self._by(0.2):
            now = ["if i % 2 == 0:", *indented(self.evaluation())]
            inner = [*now, *inner] if self._by(0.5) else [*inner, *now]
        lines = self._named([*lines, "for i, (x, y) in enumerate(train_loader):", *indented(list(inner))])
        return [self._function("train", lines)] if self._by(0.45) else lines

    def evaluation(self) -> list[str]:
        loop = ["for v, t in test_loader:", *indented(list(self.random.choice(_MEASURES)))]
        if self._careful("no_grad", ["yes"]):
            loop = ["with torch.no_grad():", *indented(loop)]
        lines = self._named(["right = 0", *self._careful("eval", ["NET.eval()"]), *loop])
        lines += self._named(self._careful("back", ["NET.train()"]))
        if self._by(0.6):
            return [f"print({self._function('evaluate', [*lines, 'return right'])})"]
        return [*lines, "print(right)"]

    def _function(self, name: str, body: list[str]) -> str:
        """Define a function, and give back the call of it."""
        self.count += 1
        own = {"class": "self", "global": ""}.get(self.style, "net, optimizer")
        self.functions += [f"def {name}{self.count}({own}):", *indented(body), "", ""]
        return f"self.{name}{self.count}()" if self.style == "class" else f"{name}{self.count}({own})"

    def _named(self, lines: list[str]) -> list[str]:
        owner = "self." if self.style == "class" else ""
        return [line.replace("NET", f"{owner}net").replace("OPT", f"{owner}optimizer") for line in lines]

    def _careful(self, what: str, lines: list[str]) -> list[str]:
        return lines if self.care[what] and self._by(0.8) else []

    def _by(self, chance: float) -> bool:
        return self.random.random() < chance


@dataclass(frozen=True)
class Batch:
    """What a dropout saw of one batch: of the training, or of an evaluation; its mode, and whether a graph is built."""

    trains: bool
    training: bool
    grad: bool


@contextlib.contextmanager
def _watched(seen: list[Batch]) -> Iterator[None]:
    forward = nn.Dropout.forward

    def watching(self: nn.Dropout, x: torch.Tensor) -> torch.Tensor:
        seen.append(Batch(len(x) == TRAINING_BATCH, self.training, torch.is_grad_enabled()))
        return forward(self, x)

    with mock.patch.object(nn.Dropout, "forward", watching), contextlib.redirect_stdout(io.StringIO()):
        yield


def run(text: str) -> tuple[list[Batch], str]:
    """All batches of a run in their order, and the parameters at its end, bit by bit (no model is left by a `main`)."""
    seen: list[Batch] = []
    space: dict[str, object] = {"__name__": "__main__"}
    with _watched(seen):
        exec(text, space)
    net = getattr(space.get("trainer"), "net", space.get("net"))
    return seen, str([p.tolist() for p in net.parameters()]) if isinstance(net, nn.Module) else ""
