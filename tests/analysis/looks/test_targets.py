"""Files whose losses have targets without graphs: dismissed only where the rule can have no finding."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import pytest

from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.looks.functions import Functions, Unclear
from torchfix_codemods.analysis.looks.loose_losses import losses_of
from torchfix_codemods.analysis.looks.targets import may_leak_into_target
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Finding
from torchfix_codemods.rules import loss_target_requires_grad

HEAD = (
    "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nfrom functools import partial\n"
    "from torch import optim\nfrom net import Net\n\n"
)
NET = (
    "import torch\nfrom torch import nn\n\nclass Net(nn.Module):\n    def __init__(self, width=8):\n"
    "        super().__init__()\n        self.body = nn.Linear(6, width)\n\n    def forward(self, x):\n"
    "        return self.body(x)\n"
)
MADE = "teacher, student = Net(16), Net(8)\noptimizer = optim.SGD(student.parameters(), lr=0.1)\n"


def script(step: str, *, head: str = "", made: str = MADE, **others: str) -> dict[str, str]:
    """A script that trains a student, and other files beside it."""
    body = textwrap.indent(textwrap.dedent(step).strip(), "    ")
    loop = "for x in torch.randn(3, 16, 6):\n    optimizer.zero_grad()\n"
    files = {f"{name}.py": HEAD + textwrap.dedent(text).lstrip() for name, text in others.items()}
    end = "\n    loss.backward()\n    optimizer.step()\n"
    return {"net.py": NET, "main.py": HEAD + textwrap.dedent(head).lstrip() + made + loop + body + end, **files}


MODULE = """
    class Distill(nn.Module):
        def forward(self, s, t):
            return F.mse_loss(s, t)
"""
KEPT = {
    "in a script": script("loss = F.mse_loss(student(x), teacher(x))"),
    "by a name": script("t = teacher(x)\nloss = F.mse_loss(student(x), t)"),
    "the target first": script("loss = F.mse_loss(teacher(x), student(x))"),
    "with spaces before brackets": script("loss = F.mse_loss (student(x), teacher(x))"),
    "in a file of which another hands everything on": script(
        "loss = losses.distill(student(x), teacher(x))",
        head="import losses\n",
        losses="from pieces import *\n",
        pieces="def distill(s, t):\n    return F.mse_loss(s, t)\n",
    ),
    "in a file of which another hands one name on": script(
        "loss = losses.distill(student(x), teacher(x))",
        head="import losses\n",
        losses="from pieces import distill\n",
        pieces="def distill(s, t):\n    return F.mse_loss(s, t)\n",
    ),
    "by keywords": script("loss = F.mse_loss(target=teacher(x), input=student(x))"),
    "over lines": script("loss = F.kl_div(\n    student(x).log_softmax(1),\n    teacher(x).softmax(1),\n)"),
    "an object": script("loss = mse(student(x), teacher(x))", head="mse = nn.MSELoss()\n"),
    "an object that is called at once": script("loss = nn.MSELoss()(student(x), teacher(x))"),
    "an object by its name": script("loss = crit(student(x), teacher(x))", head="crit = nn.SmoothL1Loss()\n"),
    "an object of a dictionary": script(
        "loss = parts['d'](student(x), teacher(x))", head="parts = {\n    'd': nn.MSELoss(),\n}\n"
    ),
    "renamed": script("loss = d(student(x), teacher(x))", head="from torch.nn.functional import mse_loss as d\n"),
    "by partial": script("loss = d(student(x), teacher(x))", head="d = partial(F.mse_loss, reduction='sum')\n"),
    "an alias": script("loss = d(student(x), teacher(x))", head="d = F.mse_loss\n"),
    "a conditional": script("t = teacher(x) if x.sum() > 0 else x\nloss = F.mse_loss(student(x), t)"),
    "an item of a tuple": script("s, t = student(x), teacher(x)\nloss = F.mse_loss(s, t)"),
    "an item of a dictionary": script("out = {'t': teacher(x)}\nloss = F.mse_loss(student(x), out['t'])"),
    "an item of a list": script("outs = []\nouts.append(teacher(x))\nloss = F.mse_loss(student(x), outs[0])"),
    "a comprehension": script("loss = sum([F.mse_loss(student(y), teacher(y)) for y in [x]])"),
    "with gradients switched on again": script(
        "with torch.no_grad():\n    with torch.enable_grad():\n        t = teacher(x)\nloss = F.mse_loss(student(x), t)"
    ),
    "in a function": script("loss = step(x)", head="def step(x):\n    return F.mse_loss(student(x), teacher(x))\n\n"),
    "in a function with parameters": script(
        "loss = step(student, teacher, x)", head="def step(s, t, x):\n    return F.mse_loss(s(x), t(x))\n\n"
    ),
    "the values as parameters": script(
        "loss = step(student(x), teacher(x))", head="def step(s, t):\n    return F.mse_loss(s, t)\n\n"
    ),
    "the values as keywords": script(
        "loss = step(t=teacher(x), s=student(x))", head="def step(s, t):\n    return F.mse_loss(s, t)\n\n"
    ),
    "the values through two functions": script(
        "loss = outer(student(x), teacher(x))",
        head="def inner(a, b):\n    return F.mse_loss(a, b)\n\n"
        "def outer(s, t):\n    return inner(s, t.view(-1, 8))\n\n",
    ),
    "a function inside": script(
        "loss = step(x)",
        head="def step(x):\n    def inner(y):\n        return F.mse_loss(student(y), teacher(y))\n\n"
        "    return inner(x)\n\n",
    ),
    "a value by a helper": script(
        "loss = step(x)",
        head="def soft(x):\n    return teacher(x)\n\ndef step(x):\n    return F.mse_loss(student(x), soft(x))\n\n",
    ),
    "a lambda": script("loss = step(x)", head="step = lambda x: F.mse_loss(student(x), teacher(x))\n"),
    "in another file": script(
        "loss = distill(student(x), teacher(x))",
        head="from losses import distill\n",
        losses="def distill(s, t):\n    return F.mse_loss(s, t)\n",
    ),
    "in another file, by its module": script(
        "loss = losses.distill(student(x), teacher(x))",
        head="import losses\n",
        losses="def distill(s, t):\n    return F.mse_loss(s, t)\n",
    ),
    "in another file, renamed": script(
        "loss = d(student(x), teacher(x))",
        head="from losses import distill as d\n",
        losses="def distill(s, t):\n    return F.mse_loss(s, t)\n",
    ),
    "in another file, by a star": script(
        "loss = distill(student(x), teacher(x))",
        head="from losses import *\n",
        losses="def distill(s, t):\n    return F.mse_loss(s, t)\n",
    ),
    "a module": script("loss = Distill()(student(x), teacher(x))", head=MODULE),
    "a module by a name": script("loss = d(student(x), teacher(x))", head=textwrap.dedent(MODULE) + "d = Distill()\n"),
    "a module of another file": script(
        "loss = Distill()(student(x), teacher(x))", head="from losses import Distill\n", losses=MODULE
    ),
    "a module by its file": script(
        "loss = losses.Distill()(student(x), teacher(x))", head="import losses\n", losses=MODULE
    ),
    "a module by a star": script(
        "loss = Distill()(student(x), teacher(x))", head="from losses import *\n", losses=MODULE
    ),
    "a module that another one derives from": script(
        "loss = Mine()(student(x), teacher(x))",
        head="from losses import Distill\n\nclass Mine(Distill):\n    pass\n\n",
        losses=MODULE,
    ),
    "a module in an attribute": script(
        "loss = task.step(student(x), teacher(x))",
        head=textwrap.dedent(MODULE)
        + "\nclass Task(nn.Module):\n"
        + "    def __init__(self):\n        super().__init__()\n        self.d = Distill()\n\n"
        + "    def step(self, s, t):\n        return self.d(s, t)\n\ntask = Task()\n",
    ),
    "a module in an attribute, made in a forward": script(
        "loss = task.step(student(x), teacher(x))",
        head=textwrap.dedent(MODULE)
        + "\nclass Task(nn.Module):\n    def forward(self, x):\n        self.d = Distill()\n        return x\n\n"
        + "    def step(self, s, t):\n        return self.d(s, t)\n\ntask = Task()\n",
    ),
    "a module that a base class uses": script(
        "loss = task.step(student(x), teacher(x))",
        head="from tasks import Base\n"
        + textwrap.dedent(MODULE)
        + "\nclass Task(Base):\n    def __init__(self):\n        super().__init__()\n        self.d = Distill()\n\n"
        + "task = Task()\n",
        tasks="class Base(nn.Module):\n    def step(self, s, t):\n        return self.d(s, t)\n",
    ),
    "a module that a derived class uses": script(
        "loss = task.step(student(x), teacher(x))",
        head="from tasks import Base\nclass Task(Base):\n    def step(self, s, t):\n        return self.d(s, t)\n\n"
        + "task = Task()\n",
        tasks=textwrap.dedent(MODULE)
        + "\nclass Base(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.d = Distill()\n",
    ),
    "a module that calls itself": script(
        "loss = task.step(x)",
        head="class Task(nn.Module):\n    def forward(self, s, t):\n        return F.mse_loss(s, t)\n\n"
        "    def step(self, x):\n        return self(student(x), teacher(x))\n\ntask = Task()\n",
    ),
    "a module that calls its forward": script(
        "loss = task.step(x)",
        head="class Task(nn.Module):\n    def forward(self, x):\n        return F.mse_loss(student(x), teacher(x))\n\n"
        "    def step(self, x):\n        return self.forward(x)\n\ntask = Task()\n",
    ),
    "a module whose forward is called": script(
        "loss = Task().forward(x)",
        head="class Task(nn.Module):\n    def forward(self, x):\n        return F.mse_loss(student(x), teacher(x))\n\n",
    ),
    "a module as an annotation": script(
        "loss = step(made(), student(x), teacher(x))",
        head=textwrap.dedent(MODULE) + "\ndef step(d: Distill, s, t):\n    return d(s, t)\n\nmade = Distill\n",
    ),
    "a module of a dictionary": script(
        "loss = KINDS['d']()(student(x), teacher(x))", head=textwrap.dedent(MODULE) + "\nKINDS = {'d': Distill}\n"
    ),
    "a module by getattr": script(
        "loss = getattr(losses, 'Distill')()(student(x), teacher(x))", head="import losses\n", losses=MODULE
    ),
    "a module of a builder without gradients": script(
        "loss = build()(student(x), teacher(x))",
        head=textwrap.dedent(MODULE) + "\n@torch.no_grad()\ndef build():\n    d = Distill()\n    return d\n\n",
    ),
    "a module in a condition": script(
        "loss = Distill()(student(x), teacher(x))",
        head="if torch:\n" + textwrap.indent(textwrap.dedent(MODULE), "    "),
    ),
    "a module of a package": {
        **script("loss = lib.Distill()(student(x), teacher(x))", head="import lib\n"),
        "lib/__init__.py": "from .losses import Distill\n",
        "lib/losses.py": HEAD + textwrap.dedent(MODULE),
    },
    "a function of a package": {
        **script("loss = lib.losses.distill(student(x), teacher(x))", head="import lib\n"),
        "lib/__init__.py": "from . import losses\n",
        "lib/losses.py": HEAD + "def distill(s, t):\n    return F.mse_loss(s, t)\n",
    },
    "a loss in an attribute of another file": script(
        "loss = Trainer().measure(student(x), teacher(x))",
        head="from tasks import Trainer\n",
        tasks="class Trainer:\n    def __init__(self):\n        self.measure = nn.MSELoss()\n",
    ),
    "a loss in an attribute of a base": script(
        "loss = Mine().step(x)",
        head="from tasks import Trainer\nclass Mine(Trainer):\n    def step(self, x):\n"
        "        loss = self.measure(student(x), teacher(x))\n        loss.backward()\n        return loss\n\n",
        tasks="class Trainer:\n    def __init__(self):\n        self.measure = nn.MSELoss()\n",
    ),
    "a loss of another file": script(
        "loss = measure(student(x), teacher(x))",
        head="from tasks import measure\n",
        tasks="measure = nn.MSELoss()\n",
    ),
    "a loss that a function gives": script(
        "loss = made()(student(x), teacher(x))", head="def made():\n    return nn.MSELoss()\n\n"
    ),
    "a loss that another name gives": script(
        "loss = step(x)",
        head="def step(x):\n    a = nn.MSELoss()\n    b = a\n    return b(student(x), teacher(x)).backward()\n\n",
    ),
    "a method of a class": script(
        "loss = Trainer().step(x)",
        head="class Trainer:\n    def step(self, x):\n        return F.mse_loss(student(x), self.soft(x))\n\n"
        "    def soft(self, x):\n        return teacher(x)\n\n",
    ),
    "a loss in an attribute": script(
        "loss = Trainer().step(x)",
        head="class Trainer:\n    def __init__(self):\n        self.measure = nn.MSELoss()\n\n"
        "    def step(self, x):\n        return self.measure(student(x), teacher(x))\n\n",
    ),
    "a loss as a parameter": script(
        "loss = step(nn.MSELoss(), x)", head="def step(how, x):\n    return how(student(x), teacher(x)).backward()\n\n"
    ),
    "a loss as a parameter of another file": script(
        "loss = step(nn.MSELoss(), student, teacher, x)",
        head="from steps import step\n",
        steps="def step(criterion, s, t, x):\n    return criterion(s(x), t(x))\n",
    ),
    "a loss as a parameter without a name": script(
        "loss = applied(nn.MSELoss(), student(x), teacher(x))",
        head="def applied(how, a, b):\n    return how(a, b)\n\n",
    ),
    "a loss that a constructor is given": script(
        "loss = Trainer(nn.MSELoss()).step(student(x), teacher(x))",
        head="class Trainer:\n    def __init__(self, how):\n        self.how = how\n\n"
        "    def step(self, a, b):\n        return self.how(a, b)\n\n",
    ),
    "a function as a parameter": script(
        "loss = step(F.mse_loss, x)", head="def step(loss_fn, x):\n    return loss_fn(student(x), teacher(x))\n\n"
    ),
    "from the network that learns": script(
        "target = x.sum(1) + gamma * student(x + 1).max(1)[0]\nloss = F.mse_loss(student(x).max(1)[0], target)",
        head="gamma = 0.9\n",
    ),
    "swapped": script("loss = F.kl_div(x, student(x))"),
    "a leaf": script(
        "labels = torch.zeros(16, 8, requires_grad=True)\nloss = F.mse_loss(student(x), labels)", made=MADE
    ),
    "a leaf that is told later": script(
        "labels = torch.zeros(16, 8)\nlabels.requires_grad_()\nloss = F.mse_loss(student(x), labels)"
    ),
    "with a teacher that nobody knows": {
        "net.py": NET,
        "main.py": HEAD
        + "def step(student, teacher, x):\n    loss = F.mse_loss(student(x), teacher(x))\n    loss.backward()\n",
    },
    "with old line ends": {
        path: text.replace("\n", "\r\n") for path, text in script("loss = F.mse_loss(student(x), teacher(x))").items()
    },
}


def found(files: Mapping[str, str]) -> list[Finding]:
    """What the rule finds in all files; nobody looks before."""
    project = Project(files, files.get)
    parsed = [file for file in map(project.parse, sorted(files)) if file is not None]
    return [finding for file in parsed for finding in loss_target_requires_grad.check(file, project)]


def may(files: Mapping[str, str], path: str = "main.py") -> bool:
    return may_leak_into_target(Project(files, files.get), path)


@pytest.mark.parametrize("name", KEPT)
def test_kept_is_what_has_a_finding(name, monkeypatch):
    monkeypatch.setattr(loss_target_requires_grad, "topics_of", lambda project, path: Topic.TARGET)
    findings = found(KEPT[name])
    assert findings
    assert all(may(KEPT[name], finding.location.path) for finding in findings)


def library(code: str, **others: str) -> dict[str, str]:
    """A file of a library in which nobody trains, and others beside it."""
    return {
        "net.py": NET,
        "main.py": HEAD + textwrap.dedent(code).lstrip(),
        **{f"{name}.py": HEAD + textwrap.dedent(text).lstrip() for name, text in others.items()},
    }


def forward(body: str, head: str = "") -> str:
    """A module with a loss in its forward."""
    lines = textwrap.indent(textwrap.dedent(body).strip(), " " * 8)
    init = "    def __init__(self):\n        super().__init__()\n        self.net = Net()\n\n"
    return f"{head}class Classifier(nn.Module):\n{init}    def forward(self, x, labels=None):\n{lines}\n"


GONE = {
    "labels in a forward": library(
        forward("loss_fct = nn.MSELoss()\nreturn loss_fct(self.net(x).squeeze(), labels.squeeze())")
    ),
    "a choice of losses": library(
        forward(
            """
            loss = None
            if labels is not None:
                if labels.dtype == torch.long:
                    loss_fct = nn.CrossEntropyLoss()
                    loss = loss_fct(self.net(x).view(-1, 8), labels.view(-1))
                else:
                    loss_fct = nn.BCEWithLogitsLoss()
                    loss = loss_fct(self.net(x), labels)
            return loss
            """
        )
    ),
    "a forward that computes its target": library(forward("return F.mse_loss(self.net(x), self.net(x + 1))")),
    "a class that is only asked for": library(
        forward("return F.mse_loss(self.net(x), labels)") + "\ndef is_it(x):\n    return isinstance(x, Classifier)\n"
    ),
    "a class that is derived from": library(
        forward("return F.mse_loss(self.net(x), labels)"),
        other="from main import Classifier\n\nclass Mine(Classifier):\n    pass\n",
    ),
    "a class in a docstring": library(
        forward('''
            """Like this:

            >>> loss = Classifier()(x, teacher(x))
            >>> loss.backward()
            """
            return F.mse_loss(self.net(x), labels)
        ''')
    ),
    "a loss without gradients": library(
        "@torch.no_grad()\ndef error(net, teacher, x):\n    return F.l1_loss(net(x), teacher(x))\n"
    ),
    "a target without gradients": library(
        "def step(student, teacher, x):\n    with torch.no_grad():\n        t = teacher(x)\n"
        "    return F.mse_loss(student(x), t)\n"
    ),
    "a detached target": library(
        "def step(student, teacher, x):\n    return F.mse_loss(student(x), teacher(x).detach())\n"
    ),
    "numbers": library("def step(net, x):\n    return F.mse_loss(net(x), torch.zeros(len(x), 8))\n"),
    "a helper of a forward": library(
        "def measure(logits, labels):\n    return F.binary_cross_entropy(logits.sigmoid(), labels.view(-1))\n\n"
        + forward("return measure(self.net(x), labels)")
    ),
    "a criterion that is no loss of torch": library(
        "def train_step(self, sample, model, criterion, optimizer):\n"
        "    loss = criterion(model(sample), model.other(sample))\n    optimizer.backward(loss)\n    return loss\n"
    ),
    "a private part": library(
        """
        class Measure(nn.Module):
            def forward(self, logits, labels):
                return F.kl_div(logits.log_softmax(1), labels)


        class Task(nn.Module):
            def __init__(self):
                super().__init__()
                self.criterion = Measure()

            def forward(self, x, labels):
                return self.criterion(x, labels)
        """
    ),
    "an import": library("from torch.nn import BCEWithLogitsLoss, MSELoss\n"),
}


@pytest.mark.parametrize("name", GONE)
def test_gone_is_what_has_no_target_with_a_graph(name, monkeypatch):
    monkeypatch.setattr(loss_target_requires_grad, "topics_of", lambda project, path: Topic.TARGET)
    assert not may(GONE[name])
    assert not found(GONE[name])


def test_a_file_that_is_unclear_does_not_cost_a_project_its_answer():
    files = {
        "main.py": "import torch.nn as nn\nclass Net:\n    def loss(self, x):\n        print(\n  x)\n"
        "        made = nn.MSELoss()\n        return made(x, x)\n"
    }
    with pytest.raises(Unclear):
        Functions(files["main.py"]).around(files["main.py"].index("nn.MSELoss"))
    project = Project(files, files.get)
    assert losses_of(project).loose and losses_of(project) is losses_of(project)
