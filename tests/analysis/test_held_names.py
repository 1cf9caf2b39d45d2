"""Under which names the objects of a class are held."""

from __future__ import annotations

import pytest

from torchfix_codemods.analysis.held_names import held_names
from torchfix_codemods.analysis.program import program_for
from torchfix_codemods.analysis.project import Project

NET = """import copy

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        return torch.softmax(x, 1)


def build():
    return Net().eval()


def build_two():
    return build(), build()
"""


def names(text):
    files = {"main.py": NET + text}
    return held_names(program_for(Project(files, files.get), "main.py"), {"Net"}, {"model"})


@pytest.mark.parametrize(
    "text",
    [
        "held = Net()",
        "held: Net = build().cuda()",
        "self.held = model",
        "held = model.to(device)",
        "held = copy.deepcopy(model)",
        "NETS['a'] = build()\nheld = NETS['a']",
        "held = wrap(Net(), model.parameters())",
    ],
)
def test_what_may_be_the_model(text):
    assert names(text) & {"held"}


@pytest.mark.parametrize(
    "text", ["held = model(x)", "held = model.fc", "held = remodel", "held == Net()", "held = 3\nNet()"]
)
def test_what_is_not(text):
    assert not names(text) & {"held"}


def test_functions_that_give_one():
    assert {"Net", "build", "build_two", "model"} <= names("")
