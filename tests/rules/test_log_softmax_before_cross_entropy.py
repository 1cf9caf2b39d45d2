"""A redundant log_softmax: only suggested, and only where nobody needs log-probabilities."""

from __future__ import annotations

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules import log_softmax_before_cross_entropy

RULE = log_softmax_before_cross_entropy.RULE
PROGRAM = """
import torch
import torch.nn as nn
import torch.nn.functional as F
net = nn.Linear(4, 3)
criterion = nn.CrossEntropyLoss()
output = {output}
loss = criterion(output, torch.tensor([0, 2]))
loss.backward()
{rest}
"""


def program(output: str, rest: str = "") -> dict[str, str]:
    return {"main.py": PROGRAM.format(output=output.format(x="net(torch.randn(2, 4))"), rest=rest)}


@pytest.mark.parametrize(
    "output", ["F.log_softmax({x}, 1)", "{x}.log_softmax(-1)", "torch.log_softmax({x}, dim=1)", "nn.LogSoftmax(1)({x})"]
)
@pytest.mark.parametrize("rest", ["", "print(output.argmax(1))", "best = output.topk(2)[1]", "_, best = output.max(1)"])
def test_it_is_suggested(findings, applied, output: str, rest: str):
    files = program(output, rest)
    (finding,) = findings(files, RULE)
    assert finding.level == Level.SUGGESTION
    assert applied(files, RULE) == files
    assert "oftmax(" not in applied(files, RULE, up_to=Level.SUGGESTION)["main.py"]


@pytest.mark.parametrize(
    "rest",
    [
        "print(output)",
        "p = output.exp()",
        "p = torch.exp(output)",
        "F.nll_loss(output, torch.tensor([0, 1]))",
        "F.kl_div(output, torch.rand(2, 3))",
        "total = output[0, 1] + output[1, 0]",
        "import unread\nunread.decode(output)",
        "entropy = -(output.exp() * output).sum()",
        "best, places = output.max(1)\nprint(best)",
        "import numpy as np\nnp.save('x.npy', output.detach().numpy())",
    ],
)
def test_silence_where_log_probabilities_are_needed(findings, rest: str):
    assert not findings(program("F.log_softmax({x}, 1)", rest), RULE)


@pytest.mark.parametrize(
    "output",
    ["F.log_softmax({x}, 0)", "F.softmax({x}, 1)", "torch.log(F.softmax({x}, 1))", "F.logsigmoid({x})", "{x}"],
)
def test_other_outputs(findings, output: str):
    assert not findings(program(output), RULE)


def test_a_hook_is_a_doubt_that_is_told(findings):
    files = program("F.log_softmax({x}, 1)", "net.register_forward_hook(print)")
    (finding,) = findings(files, RULE)
    assert "hook" in finding.message


@pytest.mark.parametrize("rest", ["p = F.softmax(output, 1)", "p = output.softmax(dim=1)"])
def test_normalised_again_over_the_same_dimension(findings, rest: str):
    """A softmax of log-probabilities is that of the scores."""
    (finding,) = findings(program("F.log_softmax({x}, 1)", rest), RULE)
    assert finding.level == Level.SUGGESTION


@pytest.mark.parametrize("rest", ["F.softmax(output, 0)", "torch.sigmoid(output)", "F.softmax(output[:, :2], 1)"])
def test_other_normalisations_need_the_numbers(findings, rest: str):
    assert findings(program("F.log_softmax({x}, 1)", rest), RULE) == []
