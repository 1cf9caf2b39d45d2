"""TFC101 where the last layer of a model of torchvision was replaced by one that ends in a softmax."""

from __future__ import annotations

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules import nll_loss_needs_log_softmax
from torchfix_codemods.rules.softmax_before_cross_entropy import RULE

PROGRAM = """import torch
from torch import nn
from torchvision import models


def build(classes):
    model = models.{model}(weights=None)
    {replace}
    return model


def train(model, batches):
    criterion = nn.{loss}()
    optimizer = torch.optim.Adam(model.parameters())
    for x, y in batches:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()


model = build(10)
train(model, [])
{rest}
"""
HEAD = "model.{} = nn.Sequential(nn.Linear(512, classes), nn.Softmax(dim=1))"
FC = HEAD.format("fc")


def program(model="resnet18", replace=FC, loss="CrossEntropyLoss", rest=""):
    return {"main.py": PROGRAM.format(model=model, replace=replace, loss=loss, rest=rest)}


@pytest.mark.parametrize(
    ("model", "attribute"),
    [("resnet18", "fc"), ("wide_resnet50_2", "fc"), ("vgg16_bn", "classifier"), ("mobilenet_v2", "classifier")],
)
def test_the_softmax_goes_out_of_the_head(model, attribute, findings, applied):
    files = program(model, HEAD.format(attribute), rest="print(model(torch.zeros(1, 3, 8, 8)).max())")
    (finding,) = findings(files, RULE)
    assert finding.level == Level.BEHAVIOR
    after = applied(files, RULE)["main.py"]
    assert f"model.{attribute} = nn.Sequential(nn.Linear(512, classes))" in after
    assert "print(torch.softmax(model(torch.zeros(1, 3, 8, 8)), dim=1).max())" in after


@pytest.mark.parametrize(
    ("model", "replace"),
    [
        ("resnet18", HEAD.format("classifier")),  # an attribute that a ResNet does not run
        ("inception_v3", HEAD.format("fc")),  # more than one output, in training mode
        ("resnet18", f"if torch.cuda.is_available():\n        {HEAD.format('fc')}"),
        ("resnet18", f"{HEAD.format('fc')}\n    model.fc = nn.Linear(512, classes)"),
        ("resnet18", "model.fc = nn.Sequential(nn.Softmax(dim=1), nn.Linear(512, classes))"),
    ],
)
def test_what_the_head_is_was_not_understood(model, replace, findings):
    assert findings(program(model, replace), RULE) == []


def test_a_head_that_ends_in_log_softmax(findings):
    replace = HEAD.format("fc").replace("Softmax", "LogSoftmax")
    assert findings(program(replace=replace, loss="NLLLoss"), nll_loss_needs_log_softmax.RULE) == []


def test_the_whole_model_is_saved(findings):
    (finding,) = findings(program(rest="torch.save(model, 'model.pt')"), RULE)
    assert finding.level == Level.SUGGESTION
    assert "the model is handed to torch.save" in finding.message


def test_a_function_that_nobody_calls_asks_it(applied):
    rest = "\n\ndef show(x):\n    print(model(x).tolist())"
    after = applied(program(rest=rest), RULE)["main.py"]
    assert "nn.Softmax" not in after
    assert "print(torch.softmax(model(x), dim=1).tolist())" in after
