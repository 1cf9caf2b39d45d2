"""What NLL and BCE are given: the scores of a layer, as they are, or something else; and logarithms of a softmax."""

from __future__ import annotations

import pytest
from observed import events, program_of

from torchfix_codemods.analysis.trace import LossCall

SOFT = "F.softmax(z, dim=1)"


def kinds(text: str) -> set[str]:
    """The kinds of the activations that the losses get."""
    return {a.kind for loss in events(program_of(text), LossCall) for a in loss.activations if a.kind != "none"}


@pytest.mark.parametrize("log", ["torch.log({p})", "{p}.log()", "np.log({p})"])
def test_the_logarithm_of_a_softmax_is_a_log_softmax(log: str):
    (loss,) = events(program_of(f"import numpy as np\nF.nll_loss({log.format(p=SOFT)}, y)"), LossCall)
    assert {(a.kind, a.form) for a in loss.activations} == {("log_softmax", "log")}


@pytest.mark.parametrize(
    "log", ["({p} + 1e-8).log()", "{p}.clamp(min=1e-8).log()", "(0.5 * {p} + 0.5 * z).log()", "torch.log1p({p})"]
)
def test_other_logarithms_are_not(log: str):
    assert kinds(f"z = unread()\nF.nll_loss({log.format(p=SOFT)}, y)") == set()


MODEL = """
class Net(nn.Module):
    def __init__(self, cond=False):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.act = nn.ReLU()
    def forward(self, x):
        {}
net = Net()
criterion = nn.NLLLoss()
criterion({}, y)
"""


def raw(body: str, given: str = "net(x)") -> bool:
    """Whether the loss certainly gets a layer's very scores."""
    (loss,) = events(program_of(MODEL.format(body, given)), LossCall)
    return bool(loss.raw)


@pytest.mark.parametrize(
    "body",
    [
        "return self.fc(x)",
        "x = self.fc(x)\n        return x.view(-1, 2)",
        "return self.fc(x).squeeze(1)",
        "return nn.Conv2d(1, 1, 1)(x).permute(0, 2, 3, 1)",
        "return nn.Sequential(self.act, self.fc)(x)",
        "return nn.Dropout()(self.fc(x))",
        "return self.fc(x) if len(x) else self.fc(x)[:, :1]",
    ],
)
def test_scores_of_a_layer(body: str):
    assert raw(body)


@pytest.mark.parametrize(
    "body",
    [
        "return F.log_softmax(self.fc(x), 1)",
        "return self.act(self.fc(x))",
        "return torch.relu(self.fc(x))",
        "return self.fc(x) - 1",
        "return x",
        "return unread(self.fc(x))",
        "y = self.fc(x)\n        y.sigmoid_()\n        return y",
        "y = self.fc(x)\n        y[:, 0] = torch.sigmoid(y[:, 0])\n        return y",
        "y = self.fc(x)\n        y -= y.logsumexp(1, keepdim=True)\n        return y",
        "y = self.fc(x)\n        if not self.training:\n            y = F.log_softmax(y, 1)\n        return y",
        "return self.fc(x) if len(x) else unread(x)",
        "layers = [self.fc]\n        if len(x):\n            layers.append(nn.LogSoftmax(1))\n"
        "        return nn.Sequential(*layers)(x)",
        "return nn.Sequential(self.fc, nn.LogSoftmax(1) if len(x) else nn.Linear(2, 2))(x)",
        "return self.fc(x).max(1)[0]",
    ],
)
def test_what_may_be_something_else(body: str):
    assert not raw(body)
