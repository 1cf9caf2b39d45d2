"""A file stays where the interpreter finds a loss on scores in it, whichever way the scores take; look-alikes go."""

from __future__ import annotations

import pytest

from torchfix_codemods.analysis import closer
from torchfix_codemods.analysis.gate import Topic, topics
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Finding
from torchfix_codemods.rules import nll_loss_needs_log_softmax

_HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"
_NET = (
    "\nclass Net(nn.Module):\n    def __init__(self):\n"
    "        super().__init__()\n        self.fc = nn.Linear(4, 3)\n\n"
    "    def forward(self, x):\n        return self.fc(x)\n"
)
_TRAIN = (
    "\nnet = Net()\noptimizer = torch.optim.SGD(net.parameters(), 0.1)\n"
    "x, y = torch.randn(2, 4), torch.tensor([0, 2])\n"
)
_STEP = "loss.backward()\noptimizer.step()\n"


def _main(steps: str, net: str = _NET, more: str = "") -> dict[str, str]:
    return {"main.py": f"{_HEAD}{more}{net}{_TRAIN}{steps}{_STEP}"}


def _forward(body: str, init: str = "self.fc = nn.Linear(4, 3)") -> str:
    lines = "\n        ".join(body.split("\n"))
    setup = "\n        ".join(init.split("\n"))
    return (
        f"\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        {setup}\n\n"
        f"    def forward(self, x):\n        {lines}\n"
    )


_PLAIN = "loss = F.nll_loss(net(x), y)\n"
_ONLY_LOSS = f"{_HEAD}\ndef compute(scores, y):\n    return F.nll_loss(scores, y)\n"
_CALLS_IT = "loss = compute(net(x), y)\n"
#: In each of these the interpreter finds a loss that gets scores.
KEPT: dict[str, dict[str, str]] = {
    "a function": _main(_PLAIN),
    "a function by keywords": _main("loss = F.nll_loss(target=y, input=net(x))\n"),
    "another name of the module": _main("loss = G.nll_loss(net(x), y)\n", more="import torch.nn.functional as G\n"),
    "another name of the function": _main(
        "loss = nll(net(x), y)\n", more="from torch.nn.functional import nll_loss as nll\n"
    ),
    "a star import": _main("loss = nll_loss(net(x), y)\n", more="from torch.nn.functional import *\n"),
    "asked for by its name": _main('loss = getattr(F, "nll_loss")(net(x), y)\n'),
    "an object": _main("criterion = nn.NLLLoss()\nloss = criterion(net(x), y)\n"),
    "an object called at once": _main("loss = nn.NLLLoss()(net(x), y)\n"),
    "the forward of an object": _main("criterion = nn.NLLLoss()\nloss = criterion.forward(net(x), y)\n"),
    "an object that was moved": _main("criterion = nn.NLLLoss().to('cpu')\nloss = criterion(net(x), y)\n"),
    "a choice of objects": _main("criterion = nn.NLLLoss() if len(y) else None\nloss = criterion(net(x), y)\n"),
    "a class in a variable": _main("kind = nn.NLLLoss\ncriterion = kind()\nloss = criterion(net(x), y)\n"),
    "a function in a variable": _main("criterion = F.nll_loss\nloss = criterion(net(x), y)\n"),
    "a dictionary of objects": _main("losses = {'nll': nn.NLLLoss()}\nloss = losses['nll'](net(x), y)\n"),
    "a list of objects": _main("losses = [nn.NLLLoss()]\nfor criterion in losses:\n    loss = criterion(net(x), y)\n"),
    "made by a function": _main("loss = make()(net(x), y)\n", more="\ndef make():\n    return nn.NLLLoss()\n"),
    "handed to a function": _main(
        "loss = apply(nn.NLLLoss(), net(x), y)\n", more="\ndef apply(loss, out, y):\n    return loss(out, y)\n"
    ),
    "handed to a function by a keyword": _main(
        "loss = apply(net(x), y, f=nn.NLLLoss())\n", more="\ndef apply(out, y, f):\n    return f(out, y)\n"
    ),
    "in an attribute": _main(
        "loss = Step(nn.NLLLoss()).run(net(x), y)\n",
        more="\nclass Step:\n    def __init__(self, f):\n        self.f = f\n\n    def run(self, out, y):\n"
        "        return self.f(out, y)\n",
    ),
    "in a property": _main(
        "loss = Step().criterion(net(x), y)\n",
        more="\nclass Step:\n    @property\n    def criterion(self):\n        return nn.NLLLoss()\n",
    ),
    "through a variable": _main("out = net(x)\nout = out.view(-1, 3)\nloss = F.nll_loss(out, y)\n"),
    "through a helper": _main(
        "loss = F.nll_loss(flat(net(x)), y)\n", more="\ndef flat(t):\n    return t.view(-1, 3)\n"
    ),
    "through a helper's attribute": _main(
        "loss = F.nll_loss(Out(net(x)).scores, y)\n",
        more="\nclass Out:\n    def __init__(self, scores):\n        self.scores = scores\n",
    ),
    "through a tuple": _main(
        "a, b = net(x)\nloss = F.nll_loss(b, y)\n", net=_forward("scores = self.fc(x)\nreturn x, scores")
    ),
    "through an item of a tuple": _main(
        "loss = F.nll_loss(net(x)[1], y)\n", net=_forward("scores = self.fc(x)\nreturn (x,) + (scores,)")
    ),
    "through a dictionary": _main("loss = F.nll_loss(net(x)['out'], y)\n", net=_forward("return {'out': self.fc(x)}")),
    "through a dictionary that grows": _main(
        "loss = F.nll_loss(net(x)['out'], y)\n", net=_forward("d = {}\nd['out'] = self.fc(x)\nreturn d")
    ),
    "through a list that grows": _main(
        "loss = F.nll_loss(net(x)[0], y)\n", net=_forward("outs = []\nouts.append(self.fc(x))\nreturn outs")
    ),
    "through a comprehension": _main(
        "loss = sum(F.nll_loss(o, y) for o in net(x))\n", net=_forward("return [self.fc(x) for _ in range(2)]")
    ),
    "through a loop": _main("for o in [net(x)]:\n    loss = F.nll_loss(o, y)\n"),
    "through zip": _main("for o, t in zip([net(x)], [y]):\n    loss = F.nll_loss(o, t)\n"),
    "through enumerate": _main("for i, o in enumerate([net(x)]):\n    loss = F.nll_loss(o, y)\n"),
    "through a condition": _main("loss = F.nll_loss(net(x) if len(x) else net(x), y)\n"),
    "through an assignment in an expression": _main("loss = F.nll_loss((out := net(x)), y)\n"),
    "through a generator": _main(
        "for o in outs(net, x):\n    loss = F.nll_loss(o, y)\n", more="\ndef outs(f, x):\n    yield f(x)\n"
    ),
    "through a closure": _main(
        "loss = run(net, x, y)\n",
        more="\ndef run(f, x, y):\n    out = f(x)\n\n    def inner():\n"
        "        return F.nll_loss(out, y)\n\n    return inner()\n",
    ),
    "through a function inside": _main(
        "loss = run(net, x, y)\n",
        more="\ndef run(f, x, y):\n    def inner(out):\n        return F.nll_loss(out, y)\n\n    return inner(f(x))\n",
    ),
    "through a lambda": _main("f = lambda out, t: F.nll_loss(out, t)\nloss = f(net(x), y)\n"),
    "through star-arguments": _main(
        "loss = run(net(x), y)\n", more="\ndef run(*args):\n    return F.nll_loss(args[0], args[1])\n"
    ),
    "through keywords": _main(
        "loss = run(out=net(x), y=y)\n", more="\ndef run(**kw):\n    return F.nll_loss(kw['out'], kw['y'])\n"
    ),
    "through a static method": _main(
        "loss = Step.run(net(x), y)\n",
        more="\nclass Step:\n    @staticmethod\n    def run(out, y):\n        return F.nll_loss(out, y)\n",
    ),
    "through a class method": _main(
        "loss = Step.run(net(x), y)\n",
        more="\nclass Step:\n    @classmethod\n    def run(cls, out, y):\n        return F.nll_loss(out, y)\n",
    ),
    "through a module of losses": _main(
        "loss = Loss()(net(x), y)\n",
        more="\nclass Loss(nn.Module):\n    def forward(self, out, y):\n        return F.nll_loss(out, y)\n",
    ),
    "through a module that a function makes": _main(
        "loss = make()(net(x), y)\n",
        more="\nclass Loss(nn.Module):\n    def forward(self, out, y):\n        return F.nll_loss(out, y)\n\n\n"
        "def make():\n    return Loss()\n",
    ),
    "through a module that its class makes": _main(
        "loss = Loss.make()(net(x), y)\n",
        more="\nclass Loss(nn.Module):\n    @classmethod\n    def make(cls):\n        return cls()\n\n"
        "    def forward(self, out, y):\n        return F.nll_loss(out, y)\n",
    ),
    "through the loss of a base": _main(
        "loss = Loss()(net(x), y)\n",
        more="\nclass Base(nn.Module):\n    def forward(self, out, y):\n        return F.nll_loss(out, y)\n\n\n"
        "class Loss(Base):\n    def forward(self, out, y):\n        return super().forward(out, y)\n",
    ),
    "a layer in a Sequential": _main(
        _PLAIN, net=_forward("return self.fc(x)", "self.fc = nn.Sequential(nn.ReLU(), nn.Linear(4, 3))")
    ),
    "a Sequential that was filled": _main(
        _PLAIN, net=_forward("return self.fc(x)", "self.fc = nn.Sequential()\nself.fc.add_module('a', nn.Linear(4, 3))")
    ),
    "a Sequential of a list": _main(
        _PLAIN,
        net=_forward(
            "return self.fc(x)",
            "layers = [nn.ReLU()]\nlayers.append(nn.Linear(4, 3))\nself.fc = nn.Sequential(*layers)",
        ),
    ),
    "a layer in a list of modules": _main(
        _PLAIN, net=_forward("return self.fc[0](x)", "self.fc = nn.ModuleList()\nself.fc.append(nn.Linear(4, 3))")
    ),
    "a layer in a dictionary of modules": _main(
        _PLAIN, net=_forward("return self.fc['a'](x)", "self.fc = nn.ModuleDict({'a': nn.Linear(4, 3)})")
    ),
    "a layer by setattr": _main(
        "setattr(net, 'head', nn.Linear(4, 3))\nloss = F.nll_loss(net(x), y)\n",
        net=_forward("return self.head(x)", "self.head = None"),
    ),
    "a layer whose class is handed over": _main(
        _PLAIN,
        net=_forward("return self.fc(x)", "self.fc = make(nn.Linear)"),
        more="\ndef make(kind):\n    return kind(4, 3)\n",
    ),
    "a layer of another model": _main(
        "loss = F.nll_loss(m.fc(x), y)\n",
        more="import torchvision\n\nm = torchvision.models.resnet18()\nm.fc = nn.Linear(4, 3)\n",
    ),
    "a layer behind dropout": _main(
        _PLAIN, net=_forward("return self.drop(self.fc(x))", "self.fc = nn.Linear(4, 3)\nself.drop = nn.Dropout(0.1)")
    ),
    "a layer by a method": _main(
        _PLAIN, net=_forward("return self.head(x)") + "\n    def head(self, x):\n        return self.fc(x)\n"
    ),
    "a layer of a base": _main(_PLAIN, net=_NET.replace("class Net", "class Base") + "\nclass Net(Base):\n    pass\n"),
    "a layer that an heir sets": _main(
        _PLAIN,
        net="\nclass Base(nn.Module):\n    def forward(self, x):\n        return self.fc(x)\n\n\nclass Net(Base):\n"
        "    def __init__(self):\n        super().__init__()\n        self.fc = nn.Linear(4, 3)\n",
    ),
    "a layer that is set from outside": _main(
        "net.head = nn.Linear(4, 3)\nloss = F.nll_loss(net(x), y)\n",
        net=_forward("return self.head(x)", "self.head = None"),
    ),
    "a model in a wrapper": _main("net = nn.DataParallel(net)\nloss = F.nll_loss(net(x), y)\n"),
    "a model of accelerate": _main(
        "from accelerate import Accelerator\nnet, optimizer = Accelerator().prepare(net, optimizer)\n" + _PLAIN
    ),
    "a model that is a parameter's type": {
        "main.py": f"{_HEAD}{_NET}\n\ndef train(net: Net, x, y):\n    F.nll_loss(net(x), y).backward()\n"
    },
    "a loss by partial": _main(
        "f = partial(F.nll_loss)\nloss = f(net(x), y)\n", more="from functools import partial\n"
    ),
    "a loss by map": _main("loss = sum(map(F.nll_loss, [net(x)], [y]))\n"),
    "a loss as a default": _main(
        "loss = run(net(x), y)\n", more="\ndef run(out, y, f=nn.NLLLoss()):\n    return f(out, y)\n"
    ),
    "a loss at the level of a class": _main(
        "loss = Step().f(net(x), y)\n", more="\nclass Step:\n    f = nn.NLLLoss()\n"
    ),
    "a loss in a field": _main(
        "loss = Step(1, F.nll_loss).f(net(x), y)\n",
        more="from dataclasses import dataclass\n\n\n@dataclass\nclass Step:\n    a: int\n    f: object = None\n",
    ),
    "a loss in a global variable": _main(
        "setup()\nloss = criterion(net(x), y)\n",
        more="\ncriterion = None\n\n\ndef setup():\n    global criterion\n    criterion = nn.NLLLoss()\n",
    ),
    "a loss by keywords of a dictionary": _main(
        "loss = run(net, x, y, **{'f': nn.NLLLoss()})\n",
        more="\ndef run(net, x, y, f=None):\n    return f(net(x), y)\n",
    ),
    "resized scores": _main("loss = F.nll_loss(F.interpolate(net(x), size=3), y)\n"),
    "scores behind a function with the name of an activation": _main(
        "loss = F.nll_loss(softmax(net(x)), y)\n", more="\ndef softmax(out):\n    return out\n"
    ),
    "scores in an attribute from outside": _main(
        "step = Step()\nstep.out = net(x)\nloss = step.loss(y)\n",
        more="\nclass Step:\n    def loss(self, y):\n        return F.nll_loss(self.out, y)\n",
    ),
    "a model in a copy": _main("import copy\nnet = copy.deepcopy(net)\nloss = F.nll_loss(net(x), y)\n"),
    "a model with the name of an operation": _main(
        "loss = F.nll_loss(Holder(net).view(x), y)\n",
        more="\nclass Holder:\n    def __init__(self, f):\n        self.f = f\n\n"
        "    def view(self, x):\n        return self.f(x)\n",
    ),
    "a loss in another file": {**_main(_CALLS_IT, more="from losses import compute\n"), "losses.py": _ONLY_LOSS},
    "a loss in another file's module": {
        **_main("loss = losses.compute(net(x), y)\n", more="import losses\n"),
        "losses.py": _ONLY_LOSS,
    },
    "a loss by a star import": {**_main(_CALLS_IT, more="from losses import *\n"), "losses.py": _ONLY_LOSS},
    "a loss by another name": {
        **_main("loss = c(net(x), y)\n", more="from losses import compute as c\n"),
        "losses.py": _ONLY_LOSS,
    },
    "a loss in a dictionary of another file": {
        **_main("loss = LOSSES['a'](net(x), y)\n", more="from losses import LOSSES\n"),
        "losses.py": f"{_ONLY_LOSS}\nLOSSES = {{'a': compute}}\n",
    },
    "a model in another file": {
        "main.py": f"{_HEAD}from net import Net\n{_TRAIN}{_PLAIN}{_STEP}",
        "net.py": f"{_HEAD}{_NET}",
    },
    "an object made in another file": {
        **_main("loss = criterion(net(x), y)\n", more="from losses import criterion\n"),
        "losses.py": f"{_HEAD}\ncriterion = nn.NLLLoss()\n",
    },
    "self by another name": _main(_PLAIN, net=_NET.replace("self", "me")),
    "a model in a dataclass": _main(
        "loss = F.nll_loss(Box(net).model(x), y)\n",
        more="from dataclasses import dataclass\n\n\n@dataclass\nclass Box:\n    model: object\n",
    ),
    "a model out of a closure": _main(
        "loss = F.nll_loss(same(net)(x), y)\n",
        more="\ndef same(a):\n    def give():\n        return a\n\n    return give()\n",
    ),
    "an attribute by its name": _main(
        "loss = getattr(Box(nn.NLLLoss()), 'f')(net(x), y)\n",
        more="\nclass Box:\n    def __init__(self, f):\n        self.f = f\n",
    ),
    "out of keywords of a dictionary": _main("loss = F.nll_loss(dict(a=net(x))['a'], y)\n"),
    "an object through a lambda": _main("same = lambda a: a\nloss = same(nn.NLLLoss())(net(x), y)\n"),
    "partial": _main(
        "loss = partial(same, nn.NLLLoss())()(net(x), y)\n",
        more="from functools import partial\n\n\ndef same(a):\n    return a\n",
    ),
    "after a docstring that isn't indented": _main(
        _PLAIN,
        net=_NET.replace("__init__(self):\n", '__init__(self):\n        """As in\nclass A:\n    x = 1\n"""\n', 1),
    ),
    "probabilities": _main("loss = nn.BCELoss()(net(x), torch.rand(2, 3))\n"),
    "probabilities by a function": _main("loss = F.binary_cross_entropy(net(x), torch.rand(2, 3))\n"),
}

#: Typical code in which no loss gets scores.
GONE: dict[str, str] = {
    "a log_softmax": "def f(net, x, y):\n    return F.nll_loss(F.log_softmax(net(x), -1), y)\n",
    "a variable": "def f(a, b):\n    nll_loss = a.gather(1, b)\n    return nll_loss.sum()\n",
    "a key": "def f(log):\n    return log.get('nll_loss', 0) / 2\n",
    "a result of a function": (
        "def f(a):\n    loss, nll_loss = smooth(a)\n    return nll_loss\n\n\ndef smooth(a):\n    return a, a\n"
    ),
    "a criterion that nobody makes": (
        "class Criterion(nn.Module):\n    def forward(self, model, sample):\n        out = model(**sample)\n"
        "        lprobs = F.log_softmax(out, -1)\n        return F.nll_loss(lprobs.view(-1, 2), sample['y'])\n"
    ),
    "a sigmoid": "def f(net, x, y):\n    return F.binary_cross_entropy(torch.sigmoid(net(x)), y)\n",
    "arithmetic": "class A(nn.Module):\n    def forward(self, x, y):\n        return nn.BCELoss()(x * 0.5 + 1, y)\n",
}


def _findings(files: dict[str, str]) -> list[Finding]:
    project = Project(files, files.get)
    rule = nll_loss_needs_log_softmax.RULE
    return [f for path in files if (file := project.parse(path)) for f in rule.check(file, project)]


@pytest.mark.parametrize("name", KEPT)
def test_scores_are_found_whichever_way_they_take(name: str, monkeypatch: pytest.MonkeyPatch):
    found = _findings(KEPT[name])
    monkeypatch.setattr(closer, "LOOKS", ())
    unlooked = _findings(KEPT[name])
    assert [(f.location, f.level) for f in found] == [(f.location, f.level) for f in unlooked]
    assert unlooked, "the interpreter finds nothing: the program shows nothing"


@pytest.mark.parametrize("name", GONE)
def test_look_alikes_go(name: str):
    text = f"{_HEAD}\n\n{GONE[name]}"
    assert topics(text.encode()) & Topic.LIKELIHOOD
    assert not closer.topics_of(Project(["a.py"], {"a.py": text}.get), "a.py") & Topic.LIKELIHOOD
