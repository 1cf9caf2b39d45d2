"""Look-alikes and misses of the rules about losses that other people's models showed, each written anew."""

from __future__ import annotations

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules import (
    functional_dropout_training,
    loss_target_requires_grad,
    nll_loss_needs_log_softmax,
    sigmoid_before_bce_with_logits,
    softmax_before_cross_entropy,
)

MODEL = """import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, sizes=(8, 8, 8)):
        super().__init__()
        {layers}
        self.layers = {made}

    def forward(self, x):
        return self.layers(x)


net = Net()
optimizer = torch.optim.Adam(net.parameters())
criterion = nn.{loss}()
for x, y in [(torch.randn(4, 8), torch.tensor([0, 1, 2, 0]))]:
    optimizer.zero_grad()
    criterion(net(x), y).backward()
    optimizer.step()
"""
LOOP = "layers = []\n        for size in sizes:\n            {}\n        {}"
BLOCK = "layers += [nn.Linear(8, size), nn.ReLU()]"


def model(layers, made="nn.Sequential(*layers)", loss="CrossEntropyLoss"):
    return {"main.py": MODEL.format(layers=layers, made=made, loss=loss)}


@pytest.mark.parametrize(
    ("layers", "made"),
    [
        ("layers = [nn.Linear(8, size) for size in sizes]", "nn.Sequential(*layers, nn.Softmax(dim=1))"),
        ("layers = build(sizes)", "nn.Sequential(*layers, nn.Softmax(dim=1))"),
        (LOOP.format("layers.extend([nn.Linear(8, 8)])", ""), "nn.Sequential(*layers, nn.Softmax(dim=1))"),
        (LOOP.format(BLOCK, "layers += [nn.Linear(8, 3), nn.Softmax(dim=1)]"), "nn.Sequential(*layers)"),
        (LOOP.format(BLOCK, "layers.append(nn.Softmax(dim=1))"), "nn.Sequential(*layers)"),
    ],
)
def test_a_softmax_behind_layers_of_an_unknown_number(layers, made, findings, applied):
    files = model(layers, made)
    (finding,) = findings(files, softmax_before_cross_entropy.RULE)
    assert finding.level == Level.BEHAVIOR
    assert "Softmax" not in applied(files, softmax_before_cross_entropy.RULE)["main.py"]


@pytest.mark.parametrize(
    ("layers", "made"),
    [
        ("layers = build(sizes)", "nn.Sequential(nn.Softmax(dim=1), *layers)"),
        (LOOP.format(BLOCK, "layers += [nn.Softmax(dim=1), nn.Linear(8, 3)]"), "nn.Sequential(*layers)"),
    ],
)
def test_a_softmax_in_front_of_other_layers(layers, made, findings):
    assert not findings(model(layers, made), softmax_before_cross_entropy.RULE)


@pytest.mark.parametrize("more", ["layers += [nn.LogSoftmax(dim=1)]", "layers.append(nn.LogSoftmax(dim=1))"])
def test_scores_are_no_scores_where_a_layer_is_added_on_a_condition(more, findings):
    layers = f"layers = [nn.Linear(8, 3)]\n        if len(sizes) > 2:\n            {more}"
    assert not findings(model(layers, loss="NLLLoss"), nll_loss_needs_log_softmax.RULE)


FUNCTIONAL = """import torch
from torch import nn
from torch.functional import F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        x = F.dropout(self.fc(x), p=0.2)
        return F.softmax(x, dim=1)


net = Net()
F.cross_entropy(net(torch.randn(2, 4)), torch.tensor([0, 1])).backward()
"""


def test_the_functional_module_by_way_of_torch_functional(findings, applied):
    files = {"main.py": FUNCTIONAL}
    (finding,) = findings(files, softmax_before_cross_entropy.RULE)
    assert finding.level == Level.BEHAVIOR
    fixed = applied(files, functional_dropout_training.RULE)["main.py"]
    assert "F.dropout(self.fc(x), p=0.2, training=self.training)" in fixed


TARGET = """import copy

import torch
import torch.nn.functional as F
from torch import nn

net = nn.Linear(4, 1)
target_net = copy.deepcopy(net)
optimizer = torch.optim.Adam(net.parameters())


def value_of(model, states):
    value = model(states)
    {cut}
    return value


for state, reward, following in [(torch.randn(8, 4), torch.randn(8, 1), torch.randn(8, 4))]:
    target = reward + value_of(target_net, following)
    loss = F.mse_loss(net(state), target)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(("cut", "count"), [("value.detach_()", 0), ("value.detach()", 1), ("value.squeeze_()", 1)])
def test_a_target_that_is_detached_in_place(cut, count, findings):
    assert len(findings({"main.py": TARGET.format(cut=cut)}, loss_target_requires_grad.RULE)) == count


BINARY = """import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.{attribute} = nn.Linear(4, 1), nn.{layer}

    def forward(self, x):
        return self.{attribute}(self.fc(x))


def accuracy(predicted, y):
    return {read}


net, criterion = Net(), nn.{loss}()
optimizer = torch.optim.Adam(net.parameters())
for x, y in [(torch.randn(4, 4), torch.ones(4))]:
    predicted = net(x).{shape}
    loss = criterion(predicted, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(accuracy(predicted, y))
"""


def binary(read, shape="squeeze(1)", layer="Sigmoid()", loss="BCEWithLogitsLoss"):
    return {"main.py": BINARY.format(read=read, shape=shape, layer=layer, loss=loss, attribute="last")}


@pytest.mark.parametrize("shape", ["squeeze(1)", "view(-1)", "flatten()", "permute(1, 0).reshape(-1)"])
@pytest.mark.parametrize(
    ("read", "after"),
    [
        ("((predicted > 0.5) == y).float().mean()", "((torch.sigmoid(predicted) > 0.5) == y)"),
        ("predicted.detach().cpu().numpy().round()", "torch.sigmoid(predicted.detach().cpu()).numpy().round()"),
    ],
)
def test_a_sigmoid_moves_behind_a_new_shape(shape, read, after, findings, applied):
    files = binary(read, shape)
    (finding,) = findings(files, sigmoid_before_bce_with_logits.RULE)
    assert finding.level == Level.BEHAVIOR
    assert after in applied(files, sigmoid_before_bce_with_logits.RULE)["main.py"]


def test_a_softmax_stays_where_its_classes_are(findings):
    files = binary("(predicted > 0.5).sum()", "permute(1, 0)", "Softmax(dim=1)", "CrossEntropyLoss")
    (finding,) = findings(files, softmax_before_cross_entropy.RULE)
    assert finding.level == Level.SUGGESTION


def test_a_function_that_gets_other_probabilities_too(findings):
    files = binary("(predicted > 0.5).sum()")
    files["main.py"] += "print(accuracy(torch.rand(4), torch.ones(4)))\n"
    (finding,) = findings(files, sigmoid_before_bce_with_logits.RULE)
    assert finding.level == Level.SUGGESTION
