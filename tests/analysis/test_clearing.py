"""Where gradients are cleared, as the interpreter sees it."""

from __future__ import annotations

from textwrap import dedent

import pytest
from observed import program_of, text_at

from torchfix_codemods.analysis.trace import Backward, GradientsCleared
from torchfix_codemods.analysis.values import Instance

SETTING = """
net = nn.Linear(3, 2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
"""


def cleared(body: str) -> dict[str, str]:
    """What is cleared in a program with `net` and `optimizer`: expression -> class of the owner, "" if unknown."""
    program = program_of(SETTING + dedent(body))
    return {
        text_at(program.project, e.place): e.owner.cls.name if isinstance(e.owner, Instance) else ""
        for _, e in program.events(GradientsCleared)
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("optimizer.zero_grad()", {"optimizer.zero_grad()": "torch.optim.SGD"}),
        ("optimizer.zero_grad(set_to_none=True)", {"optimizer.zero_grad(set_to_none=True)": "torch.optim.SGD"}),
        ("net.zero_grad()", {"net.zero_grad()": "torch.nn.Linear"}),
        ("unknown().zero_grad()", {"unknown().zero_grad()": ""}),
        ("clear = optimizer.zero_grad\nclear()", {"clear()": "torch.optim.SGD"}),
        ("for p in net.parameters():\n    p.grad = None", {"p.grad": "torch.nn.Linear"}),
        ("for p in net.parameters():\n    p.grad.zero_()", {"p.grad.zero_()": "torch.nn.Linear"}),
        ("for p in net.parameters():\n    p.grad.data.zero_()", {"p.grad.data.zero_()": "torch.nn.Linear"}),
        ("for p in net.parameters():\n    p.grad.detach_()", {"p.grad.detach_()": "torch.nn.Linear"}),
        ("for n, p in net.named_parameters():\n    p.grad = None", {"p.grad": ""}),
        ("for p in net.parameters():\n    p.grad *= 0", {"p.grad": "torch.nn.Linear"}),
        ("for p in net.parameters():\n    p.grad.data[:] = 0", {"p.grad.data[:]": "torch.nn.Linear"}),
        ("for p in net.parameters():\n    del p.grad", {"p.grad": "torch.nn.Linear"}),
        ("for p in net.parameters():\n    setattr(p, 'grad', None)", {"setattr(p, 'grad', None)": "torch.nn.Linear"}),
        ("def clear(o):\n    o.zero_grad()\nclear(optimizer)", {"o.zero_grad()": "torch.optim.SGD"}),
        ("x = torch.ones(2).zero_()", {}),
        ("print(net.weight.grad)", {}),
    ],
)
def test_ways_of_clearing(body: str, expected: dict[str, str]):
    """Each names what it clears, as far as that is known."""
    assert cleared(body) == expected


def test_a_helper_of_another_file_clears():
    """The call is followed through the import."""
    program = program_of(
        {
            "tools.py": "def fresh(optimizer):\n    optimizer.zero_grad()\n",
            "main.py": "import torch\nfrom tools import fresh\nnet = torch.nn.Linear(3, 2)\n"
            "fresh(torch.optim.SGD(net.parameters(), lr=0.1))\n",
        }
    )
    assert [text_at(program.project, e.place) for _, e in program.events(GradientsCleared)] == ["optimizer.zero_grad()"]


def test_a_closure_given_to_step_is_run():
    """What it clears and differentiates happens in the step."""
    program = program_of(
        SETTING
        + dedent("""
        for x in batches:
            def closure():
                optimizer.zero_grad()
                loss = net(x).sum()
                loss.backward()
                return loss
            optimizer.step(closure)
        """)
    )
    assert list(program.events(GradientsCleared)) and list(program.events(Backward))
