"""A softmax before cross entropy whose output somebody sees by another way than its name."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Level
from torchfix_codemods.rules import softmax_before_cross_entropy
from torchfix_codemods.rules._activation_flow import quoted_names

HEAD = """
import torch, torch.nn as nn
import torch.nn.functional as F
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.act = nn.Softmax(dim=1)
    def forward(self, x):
        return self.act(self.layer(x))
{}
net = Net()
loss = nn.CrossEntropyLoss()(net(torch.randn(2, 4)), torch.tensor([0, 1]))
loss.backward()
{}
"""
SEEN = {
    "a forward hook of the model": "net.register_forward_hook(lambda m, i, o: print(o.sum()))",
    "a forward hook of the layer": "net.act.register_forward_hook(lambda m, i, o: print(o.sum()))",
    "another softmax": "F.softmax = lambda x, dim: 2 * x",
    "another loss": "nn.CrossEntropyLoss = nn.NLLLoss",
    "the whole model is saved": "torch.save(net, 'net.pth')",
    "a wrapper that averages models": "ema = torch.optim.swa_utils.AveragedModel(net)\n"
    "print(ema(torch.ones(1, 4)).sum())",
    "a pool of threads": "from concurrent.futures import ThreadPoolExecutor\n"
    "print([p.sum() for p in ThreadPoolExecutor(2).map(net, [torch.ones(1, 4)])])",
    "a functional call": "print(torch.func.functional_call(net, {}, torch.ones(1, 4)).sum())",
    "patterns": "match net(torch.ones(1, 4)):\n    case p:\n        print(p.sum())",
    "zip takes pairs apart": "pairs = [(net(torch.ones(1, 4)), i) for i in range(2)]\n"
    "ps, _ = zip(*pairs)\nprint(ps[0].sum())",
    "a module that is imported by its name": "import importlib\nprint(importlib.import_module('main').net)",
    "a class that is looked up by its name": "print(globals()['Net']()(torch.ones(1, 4)).sum())",
}
# The numbers are read there: the softmax moves to these places, or nothing is written.
READ = {
    "a dictionary's values": "found = {i: net(torch.ones(1, 4)) for i in range(2)}\n"
    "print([p.sum() for p in found.values()])",
    "the values of the best": "print(net(torch.ones(1, 4)).max(1).values, net(torch.ones(1, 4)).topk(2).indices)",
    "the values of the best by a name": "best = torch.max(net(torch.ones(1, 4)), dim=1)\nprint(best.values.item())",
    "the sorted values": "print(torch.sort(net(torch.ones(1, 4)), dim=1).values[:, 0])",
    "the modules of a ModuleDict": "nets = nn.ModuleDict({'a': net})\nfor name, one in nets.items():\n"
    "    print(name, one(torch.ones(1, 4)).sum(), [n(torch.ones(1, 4)).max() for n in nets.values()])",
    "the children of a container": "for one in nn.Sequential(net).children():\n    print(one(torch.ones(1, 4)).sum())",
    "a dataclass": "import dataclasses\n@dataclasses.dataclass\nclass R:\n    p: object\n"
    "r = R(net(torch.ones(1, 4)))\nprint(r.p.sum())",
    "by its special method": "print(net.__call__(torch.ones(1, 4)).sum())",
    "kept by setdefault": "c = {}\nc.setdefault('p', net(torch.ones(1, 4)))\nprint(c['p'].sum())",
    "a stack of outputs": "print(torch.stack([net(torch.ones(1, 4)) for _ in range(2)]).mean(0).sum())",
    "shared between functions": "def f():\n    p = net(torch.ones(1, 4))\n    def g():\n        nonlocal p\n"
    "        p = p / 2\n    g()\n    return p.sum()\nprint(f())",
    "awaited later": "import asyncio\nasync def h(x):\n    return net(x)\nasync def run():\n"
    "    (p,) = await asyncio.gather(h(torch.ones(1, 4)))\n    return p.sum()\nprint(asyncio.run(run()))",
}


def program(inside: str = "", below: str = "") -> dict[str, str]:
    return {"main.py": HEAD.format(inside, dedent(below))}


def test_without_them_it_is_written(findings):
    (found,) = findings(program(), softmax_before_cross_entropy.RULE)
    assert found.fix and found.level == Level.BEHAVIOR


@pytest.mark.parametrize("below", SEEN.values(), ids=SEEN)
def test_what_sees_the_output_from_outside_makes_it_a_suggestion(findings, below):
    for found in findings(program(below=below), softmax_before_cross_entropy.RULE):
        assert found.level == Level.SUGGESTION


@pytest.mark.parametrize(
    ("below", "level"),
    [
        ("'Nets'; globals()['Other']", Level.BEHAVIOR),
        ("'x' 'nets.Net'; globals()[name]", Level.SUGGESTION),
        ("print('a', b'Net'); __import__(name)", Level.SUGGESTION),
        ("'Net'", Level.BEHAVIOR),
    ],
)
def test_only_who_looks_up_names_and_has_this_one_in_quotes_counts(findings, below, level):
    (found,) = findings(program(below=below), softmax_before_cross_entropy.RULE)
    assert found.level == level


@given(st.text(st.sampled_from("'\"N.é ")), st.sampled_from(["N", "NN", "é"]))
def test_a_name_in_quotes_is_what_a_search_for_it_would_find(text, name):
    project = Project(["a.py"], lambda path: text)
    searched = re.search(rf"[\"'](?:[\w.]*\.)?(?:{name})[\"']", text)
    assert (name in quoted_names(project)) == (searched is not None)


@pytest.mark.parametrize("below", READ.values(), ids=READ)
def test_readers_still_see_probabilities(applied, below, capsys):
    before = program(below=below)
    outputs = []
    for (text,) in (before.values(), applied(before, softmax_before_cross_entropy.RULE).values()):
        exec(
            compile("import torch; torch.manual_seed(0)\n" + text, "main.py", "exec", dont_inherit=True),
            {"__name__": "builtins"},
        )
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1] != ""


def test_a_layer_stays_where_somebody_goes_through_the_children(applied):
    below = "extract = nn.Sequential(*list(net.children())[:-1])\nprint(extract(torch.ones(1, 4)).shape)"
    (text,) = applied(program(below=below), softmax_before_cross_entropy.RULE).values()
    assert "self.act = nn.Softmax(dim=1)\n" in text


def test_a_layer_that_is_asked_for_by_its_name_stays(applied):
    inside = "    def predict(self, x):\n        return getattr(self, 'act')(self.layer(x))"
    (text,) = applied(program(inside), softmax_before_cross_entropy.RULE).values()
    assert "return self.layer(x)\n" in text
    assert "self.act = nn.Softmax(dim=1)\n" in text
