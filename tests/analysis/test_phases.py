"""Training or evaluation? What flows into a backward pass, what leaves the view, and what does neither."""

from __future__ import annotations

from textwrap import dedent

import pytest
from observed import fates, phases_in

from torchfix_codemods.analysis.phases import trains_inside
from torchfix_codemods.analysis.trace import ModelCall

START = "net = nn.Linear(3, 2)\nopt = torch.optim.SGD(net.parameters(), 0.1)\n"


def fate(body: str) -> set[str]:
    """What becomes of the output of `net(x)`."""
    return fates(START + dedent(body))["net(x)"]


@pytest.mark.parametrize(
    "body",
    [
        "net(x).backward()",
        "loss = F.mse_loss(net(x), y)\nloss.backward()",
        "loss = F.mse_loss(net(x), y) + penalty\n(loss / 2).backward(retain_graph=True)",
        "torch.autograd.backward([net(x).sum()])",
        "torch.autograd.grad(net(x).sum(), x)",
        "from torch.autograd import grad\ngrad(outputs=net(x), inputs=x)",
        "loss = 0\nfor x in data:\n  loss += net(x).sum()\nloss.backward()",
        "losses = []\nfor x in data:\n  losses.append(net(x))\ntorch.stack(losses).sum().backward()",
        "losses = {'a': net(x)}\nlosses['b'] = 1\nsum(v for v in losses.values()).backward()",
        "losses = {'a': net(x)}\nsum(losses.values()).backward()",
        "def step(x): return net(x).sum()\nstep(x).backward()",
        "def step(x): return {'loss': net(x)}\nstep(x)['loss'].backward()",
        "def losses():\n  for x in data: yield net(x)\nfor loss in losses(): loss.backward()",
        "class R:\n  def __init__(self, loss): self.loss = loss\nR(net(x)).loss.backward()",
        "from collections import namedtuple\nR = namedtuple('R', 'loss')\nR(net(x)).loss.backward()",
        "class T:\n  def fwd(self): self.loss = net(x)\n  def bwd(self): self.loss.backward()\nt = T()\n"
        "t.fwd()\nt.bwd()",
        "def main():\n  total = 0\n  def add(x):\n    nonlocal total\n    total = total + net(x)\n  add(x)\n"
        "  total.backward()\nmain()",
        "def closure():\n  loss = net(x)\n  loss.backward()\n  return loss\nopt.step(closure)",
        "scaler = torch.cuda.amp.GradScaler()\nscaler.scale(net(x)).backward()",
        "with torch.cuda.amp.autocast():\n  loss = net(x)\nloss.backward()",
        "out = unread(net(x))\nout.backward()",
        "a, (b, c) = 1, (net(x), 2)\nb.backward()",
        "def loss_of(*, output): return output.mean()\nloss_of(output=net(x)).backward()",
        "(lambda o: o.sum())(net(x)).backward()",
        "feats = net(x)\nhead = nn.Linear(2, 1)\nhead(feats).sum().backward()",
        "feats = net(x)\nhead = nn.Linear(2, 1)\nhead(feats[:, 0].relu()).sum().backward()",
        "try:\n  loss = net(x)\nfinally:\n  pass\nloss.backward()",
        "loss = net(x) if flag else 0\nloss.backward()",
        "loss = None\nif flag:\n  loss = net(x)\nif loss is not None:\n  loss.backward()",
        "match flag:\n  case 1: loss = net(x)\n  case _: loss = 0\nloss.backward()",
        "loss = torch.tensor(net(x), requires_grad=True)\nloss.backward()",
        "loss = torch.as_tensor(net(x))\nloss.backward()",
    ],
)
def test_what_is_trained(body: str):
    assert fate(body) == {"trained"}


@pytest.mark.parametrize(
    "body",
    [
        "net(x)",
        "print(net(x))",
        "net(x).argmax(1).sum().item()",
        "loss = F.mse_loss(net(x), y)\ntotal = loss.item()",
        "target = net(x).detach()\nF.mse_loss(net(y), target).backward()",
        "target = net(x).data\nF.mse_loss(net(y), target).backward()",
        "acc = (net(x).max(1)[1] == y).sum()\nnet(y).backward()",
        "loss = net(x)\nloss = net(y)\nloss.backward()",
        "def test(x):\n  return net(x).argmax(1)\ntest(x)\nnet(y).backward()",
        "torch.save(net(x), 'out.pt')",
        "unread_report(net(x))",
        "target = torch.tensor([net(x)[0], net(x)[1]])\nF.mse_loss(net(y), target).backward()",
        "target = []\nfor i in range(3): target.append(net(x)[i] * 2)\ntarget = torch.tensor(target)\n"
        "F.mse_loss(net(y), target).backward()",
        "F.mse_loss(net(y), torch.tensor(net(x))).backward()",
    ],
)
def test_what_is_evaluation(body: str):
    assert fate(body) == {"evaluation"}


@pytest.mark.parametrize(
    "body",
    [
        "def run():\n  net.train()\n  return net(x)",
        "def run():\n  net.train()\n  yield net(x)",
        "def run():\n  net.train()\n  return {'loss': net(x)}",
        "unread_train_step(net(x))",
        "engine.backward(net(x), y)",
        "self.optimizer_update(net(x))",
    ],
)
def test_what_leaves_the_view(body: str):
    assert not fate(body) & {"evaluation"}


def test_one_place_may_do_both():
    body = """
        def step(x, train):
            loss = F.mse_loss(net(x), x)
            if train:
                loss.backward()
            return loss.item()

        step(a, True)
        step(b, False)
    """
    assert fate(body) == {"trained", "evaluation"}
    phases = phases_in(START + dedent(body))
    (site,) = phases.sites.values()
    assert site.trained and not site.evaluation and not site.loose
    assert site.grads() == {True} and site.modes() == {"train"}
    assert len(site.events) == len(site.executions) == 2
    step = site.executions[0].event.context.frame()
    assert trains_inside(site.executions[0].trace, step)


def test_a_phase_loop_trains_in_one_round():
    body = """
        for phase in ("train", "val"):
            for x in data[phase]:
                loss = net(x).sum()
                if phase == "train":
                    loss.backward()
                    opt.step()
    """
    assert fate(body) == {"trained", "evaluation"}


# --- models and optimizers ---------------------------------------------------------------------------------------


def optimised(body: str) -> dict[str, bool | None]:
    """Whether an optimizer holds the parameters of the models `a` and `b`."""
    phases = phases_in("a, b = nn.Linear(1, 1), nn.Linear(1, 1)\n" + dedent(body) + "\na(x)\nb(x)\n")
    found = {}
    for _, event in phases.program.events(ModelCall):
        file = phases.program.project.parse(event.place.path)
        assert file is not None
        found[file.text.splitlines()[event.place.line - 1][0]] = phases.optimised(event.model)
    return found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("torch.optim.SGD(a.parameters(), 0.1)", {"a": True, "b": False}),
        ("torch.optim.Adam(params=a.parameters())", {"a": True, "b": False}),
        ("torch.optim.SGD([{'params': a.parameters(), 'lr': 1}], 0.1)", {"a": True, "b": False}),
        ("torch.optim.SGD(list(a.parameters()) + list(b.parameters()), 0.1)", {"a": True, "b": True}),
        ("torch.optim.SGD(nn.ModuleList([a, b]).parameters(), 0.1)", {"a": True, "b": True}),
        ("torch.optim.SGD(filter(lambda p: p.requires_grad, a.parameters()), 0.1)", {"a": True, "b": False}),
        ("import itertools\ntorch.optim.SGD(itertools.chain(a.parameters(), b.parameters()))", {"a": True, "b": True}),
        ("torch.optim.SGD(unread(), 0.1)", {"a": None, "b": None}),
        ("pass", {"a": None, "b": None}),
    ],
)
def test_which_models_are_optimised(body: str, found: dict[str, bool | None]):
    assert optimised(body) == found


def test_the_mode_changes_of_a_model_are_those_of_what_holds_it():
    phases = phases_in("inner = nn.Linear(1, 1)\nouter = nn.Sequential(inner)\nouter.eval()\ninner.train()\ninner(x)\n")
    (site,) = phases.sites.values()
    assert [change.mode for _, change in phases.mode_changes(site.model)] == ["eval", "train"]
    other = phases_in("one = nn.Linear(1, 1)\ntwo = nn.Linear(1, 1)\ntwo.eval()\none(x)\n")
    (site,) = other.sites.values()
    assert not list(other.mode_changes(site.model))
