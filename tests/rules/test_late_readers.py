"""TFC101 and its twins where the output is read by a function that nobody calls, and that says no word of interest."""

from __future__ import annotations

import pytest

from torchfix_codemods.analysis.late_readers import read_flows
from torchfix_codemods.analysis.program import program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Level
from torchfix_codemods.rules import (
    nll_loss_needs_log_softmax,
    sigmoid_before_bce_with_logits,
    softmax_before_cross_entropy,
)

NET = """import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 2), nn.{layer})

    def forward(self, x):
        return self.layers(x)
"""
TRAINER = """

class Trainer:
    def __init__(self):
        self.net = Net()

    def fit(self, batches):
        optimizer = torch.optim.Adam(self.net.parameters())
        criterion = nn.{loss}()
        for x, y in batches:
            optimizer.zero_grad()
            criterion(self.net(x), y).backward()
            optimizer.step()

"""
RULES = [
    (softmax_before_cross_entropy.RULE, "Softmax(dim=1)", "CrossEntropyLoss", "torch.softmax({}, dim=1)"),
    (sigmoid_before_bce_with_logits.RULE, "Sigmoid()", "BCEWithLogitsLoss", "torch.sigmoid({})"),
    (nll_loss_needs_log_softmax.RULE, "Softmax(dim=1)", "NLLLoss", "torch.softmax({}, dim=1)"),
]
SHOW = "    def show(self, x):\n        print((self.net(x) > 0.9).sum())\n"


def program(rest, layer="Softmax(dim=1)", loss="CrossEntropyLoss"):
    return {"main.py": NET.format(layer=layer) + TRAINER.format(loss=loss) + rest}


@pytest.mark.parametrize(("rule", "layer", "loss", "applied_by"), RULES)
def test_who_reads_the_numbers_gets_them(rule, layer, loss, applied_by, findings, applied):
    files = program(SHOW, layer, loss)
    (finding,) = findings(files, rule)
    assert finding.level == Level.BEHAVIOR
    assert f"print(({applied_by.format('self.net(x)')} > 0.9).sum())" in applied(files, rule)["main.py"]


@pytest.mark.parametrize(("rule", "layer", "loss", "_"), RULES)
def test_whoever_calls_it_may_count_on_probabilities(rule, layer, loss, _, findings):
    (finding,) = findings(program("    def scores(self, x):\n        return self.net(x)\n", layer, loss), rule)
    assert finding.level == Level.SUGGESTION
    assert "returned by scores()" in finding.message


@pytest.mark.parametrize(
    "rest",
    [
        "    def guess(self, x):\n        return self.net(x).argmax(dim=1)\n",  # the order is that of the scores
        "    def save(self, path):\n        torch.save(self.net.state_dict(), path)\n",
        "    def describe(self):\n        print(self.net)\n",
    ],
)
def test_nobody_reads_the_numbers(rest, findings):
    (finding,) = findings(program(rest), softmax_before_cross_entropy.RULE)
    assert finding.level == Level.BEHAVIOR


def test_a_function_that_calls_the_one_that_asks_the_model(findings, applied):
    ask = "    def ask(self, x):\n        return self.net(x)\n"
    files = program(ask + "\n    def show(self, x):\n        print(self.ask(x).max())\n")
    (finding,) = findings(files, softmax_before_cross_entropy.RULE)
    assert finding.level == Level.BEHAVIOR
    assert "torch.softmax(self.ask(x), dim=1).max()" in applied(files, softmax_before_cross_entropy.RULE)["main.py"]


def test_in_another_file(findings, applied):
    reader = "from main import Trainer\n\n\ndef report(x):\n    one = Trainer()\n    print(one.net(x).tolist())\n"
    files = {**program(""), "report.py": reader}
    rule = softmax_before_cross_entropy.RULE
    (finding,) = findings(files, rule)
    assert finding.level == Level.BEHAVIOR
    assert "torch.softmax(one.net(x), dim=1).tolist()" in applied(files, rule)["report.py"]


GIVEN = """
    def show(self, x):
        self.net.eval()
        print((self.net(x) > 0.9).sum())


trainer = Trainer({made})
trainer.fit([])
"""


@pytest.mark.parametrize("made", ["Net()", "nn.DataParallel(Net())"])
def test_a_method_of_an_object_that_is_given_the_model(made, findings, applied):
    files = program(GIVEN.format(made=made))
    files["main.py"] = files["main.py"].replace(
        "(self):\n        self.net = Net()", "(self, net):\n        self.net = net"
    )
    (finding,) = findings(files, softmax_before_cross_entropy.RULE)
    assert finding.level == Level.BEHAVIOR
    assert "torch.softmax(self.net(x), dim=1) > 0.9" in applied(files, softmax_before_cross_entropy.RULE)["main.py"]


def test_each_object_that_the_program_makes(findings):
    rest = GIVEN.format(made="nn.Linear(8, 2)") + "Trainer(Net()).fit([])\n"
    files = program(rest)
    files["main.py"] = files["main.py"].replace(
        "(self):\n        self.net = Net()", "(self, net):\n        self.net = net"
    )
    (finding,) = findings(files, softmax_before_cross_entropy.RULE)
    assert finding.level == Level.SUGGESTION


FUNCTION = """import torch
import torch.nn.functional as F
from torch import nn

net = nn.Linear(4, 3)


def scores(x):
    return F.softmax(net(x), dim=1)


def train(batches):
    optimizer = torch.optim.Adam(net.parameters())
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(scores(x), y).backward()
        optimizer.step()


def show(x):
    print(scores(x).max())


train([])
"""


def test_the_softmax_of_a_function(applied):
    after = applied({"main.py": FUNCTION}, softmax_before_cross_entropy.RULE)["main.py"]
    assert "return net(x)" in after
    assert "print(torch.softmax(scores(x), dim=1).max())" in after


def test_other_rules_see_the_program_as_before():
    files = program(SHOW)
    known = program_for(Project(files, files.get), "main.py")
    before = len(known.traces), set(known.reached)
    wider, flows = read_flows(known, "main.py", lambda flow: True)
    assert flows and len(wider.traces) > len(known.traces)
    assert (len(known.traces), known.reached) == before


HELD = """

def build(size):
    return Net()


def fit(model, batches):
    optimizer = torch.optim.Adam(model.parameters())
    criterion = nn.CrossEntropyLoss()
    for x, y in batches:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()


{made}
fit(best, [])


def show(x):
    print({asked}(x).max())
"""


@pytest.mark.parametrize(
    ("made", "asked"),
    [
        ("best = Net()", "best"),
        ("best = build(2)", "best"),
        ("best = build(2)\nother = best", "other"),
        ("best = nn.DataParallel(build(2)).to('cpu')", "best"),
        ("best = build(2)\nALL = {'best': build(2)}", "ALL['best']"),
    ],
)
def test_another_name_for_the_model(made, asked, applied):
    files = {"main.py": NET.format(layer="Softmax(dim=1)") + HELD.format(made=made, asked=asked)}
    after = applied(files, softmax_before_cross_entropy.RULE)["main.py"]
    assert "nn.Softmax" not in after
    assert f"print(torch.softmax({asked}(x), dim=1).max())" in after
