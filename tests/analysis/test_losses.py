"""Activations on their way into losses, and everybody else who looks at their output."""

from __future__ import annotations

from textwrap import dedent

import pytest
from observed import HEAD, events, losses, program_of, text_at

from torchfix_codemods.analysis.activations import flows_of
from torchfix_codemods.analysis.trace import LossCall, Use

SOFT = "F.softmax(z, dim=1)"


def into(text: str) -> set[str]:
    """The activations that the losses of a program get, as written."""
    return {activation for _, activations in losses(text) for activation in activations}


@pytest.mark.parametrize(
    "way",
    [
        "F.cross_entropy({p}, y)",
        "F.cross_entropy(target=y, input={p})",
        "nn.CrossEntropyLoss()({p}, y)",
        "nn.modules.loss.CrossEntropyLoss()({p}, y)",
        "crit = nn.CrossEntropyLoss().cuda()\ncrit({p}, y)",
        "import functools\ncrit = functools.partial(F.cross_entropy, reduction='sum')\ncrit({p}, y)",
        "crit = {{'a': nn.CrossEntropyLoss()}}['a']\ncrit({p}, y)",
        "p = {p}\nF.cross_entropy(p, y)",
        "p = {p}\np = p.view(-1, 2)\nF.cross_entropy(p, y)",
        "F.cross_entropy({p}.squeeze(1).float().contiguous(), y)",
        "F.cross_entropy(torch.squeeze({p}), y)",
        "F.cross_entropy({p}[:, :2], y)",
        "F.cross_entropy({p}[0], y)",
        "F.cross_entropy({p}.permute(0, 2, 1), y)",
        "F.cross_entropy({p}.clone().cuda(), y)",
        "p, q = {p}, 1\nF.cross_entropy(p, y)",
        "out = (1, {p})\nF.cross_entropy(out[1], y)",
        "out = {{'p': {p}, 'q': 1}}\nF.cross_entropy(out['p'], y)",
        "def f(): return {p}, 1\np, _ = f()\nF.cross_entropy(p, y)",
        "def f(): return dict(p={p})\nF.cross_entropy(f()['p'], y)",
        "f = lambda: {p}\nF.cross_entropy(f(), y)",
        "p = []\nfor i in xs:\n  p.append({p})\nF.cross_entropy(torch.cat(p), y)",
        "p = [{p} for i in xs]\nF.cross_entropy(torch.stack(p), y)",
        "for p in [{p}, {p}]:\n  F.cross_entropy(p, y)",
        "class O: pass\no = O()\no.p = {p}\nF.cross_entropy(o.p, y)",
        "p = q = {p}\nF.cross_entropy(q, y)",
        "if (p := {p}) is not None:\n  F.cross_entropy(p, y)",
        "def loss(p, y):\n  return F.cross_entropy(p, y)\nloss({p}, y)",
        "class L(nn.Module):\n  def forward(self, p, y): return F.cross_entropy(p, y)\nL()({p}, y).item()",
    ],
)
def test_ways_into_a_loss(way: str):
    assert into("z = unread()\n" + way.format(p=SOFT)) == {SOFT}


@pytest.mark.parametrize(
    "way",
    [
        "F.cross_entropy(y, {p})",
        "F.cross_entropy({p} * 2, y)",
        "F.cross_entropy(({p} + 1e-8).log(), y)",
        "F.cross_entropy({p} @ w, y)",
        "F.cross_entropy(nn.Linear(2, 2)({p}), y)",
        "F.cross_entropy({p}.argmax(1), y)",
        "F.mse_loss({p}, y)",
        "nn.BCELoss()({p}, y)",
        "F.kl_div({p}, y)",
        "def cross_entropy(p, y): return -(p.log() * y).sum()\ncross_entropy({p}, y)",
        "F = 1\nF.cross_entropy({p}, y)",
        "unread_loss({p}, y)",
        "{p}\nF.cross_entropy(z, y)",
        "p = {p}\np = z\nF.cross_entropy(p, y)",
        "out = ({p}, z)\nF.cross_entropy(out[1], y)",
        "layers = {p}, z\nlayers = list(layers)\nlayers.pop(0)\nF.cross_entropy(layers[0], y)",
    ],
)
def test_what_does_not_reach_a_loss_as_it_is(way: str):
    assert into("z = unread()\n" + way.format(p=SOFT)) == set()


@pytest.mark.parametrize(
    "activation",
    [
        "torch.softmax(z, 1)",
        "z.softmax(dim=1)",
        "torch.nn.functional.softmax(input=z)",
        "nn.Softmax(dim=1)(z)",
        "nn.Softmax2d()(z)",
        "torch.sigmoid(z)",
        "z.sigmoid()",
        "nn.Sigmoid()(z)",
        "F.log_softmax(z, 1)",
        "F.gumbel_softmax(z)",
        "F.softmin(z)",
    ],
)
def test_ways_to_write_an_activation(activation: str):
    assert into(f"z = unread()\nF.cross_entropy({activation}, y)") == {activation}


def kinds(text: str) -> set[str]:
    """The kinds of the activations that the losses get."""
    return {a.kind for loss in events(program_of(text), LossCall) for a in loss.activations if a.kind != "none"}


@pytest.mark.parametrize(
    ("activation", "kind"),
    [
        ("F.gumbel_softmax(z)", "gumbel"),
        ("F.log_softmax(z, 1)", "log_softmax"),
        ("nn.LogSoftmax(1)(z)", "log_softmax"),
        ("nn.Softmin(1)(z)", "softmin"),
        ("F.logsigmoid(z)", "logsigmoid"),
        ("torch.special.expit(z)", "sigmoid"),
    ],
)
def test_kinds_of_activations(activation: str, kind: str):
    assert kinds(f"z = unread()\nF.cross_entropy({activation}, y)") == {kind}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("if flag:\n  z = F.softmax(z, 1)\n", {"F.softmax(z, 1)", "none"}),
        ("z = F.softmax(z, 1) if flag else z\n", {"F.softmax(z, 1)", "none"}),
        ("if flag:\n  z = F.softmax(z, 1)\nelse:\n  z = torch.sigmoid(z)\n", {"F.softmax(z, 1)", "torch.sigmoid(z)"}),
        ("if flag:\n  z = F.softmax(z, 1)\nelse:\n  raise E\n", {"F.softmax(z, 1)"}),
        ("if False:\n  z = F.softmax(z, 1)\n", set()),
    ],
)
def test_activations_of_some_paths(body: str, found: set[str]):
    assert into(f"z = torch.rand(2, 3)\n{body}F.cross_entropy(z, y)") == found


MODEL = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.act = nn.Softmax(dim=1)

    def forward(self, x, probabilities=True):
        z = self.fc(x)
        {body}

net = Net()
"""


@pytest.mark.parametrize(
    ("body", "call", "found"),
    [
        ("return self.act(z)", "net(x)", {"self.act(z)"}),
        ("return self.act(z) if probabilities else z", "net(x)", {"self.act(z)"}),
        ("return self.act(z) if probabilities else z", "net(x, False)", set()),
        ("return self.act(z) if probabilities else z", "net(x, probabilities=flag)", {"self.act(z)", "none"}),
        ("return z if self.training else self.act(z)", "net(x)", {"self.act(z)", "none"}),
        ("return self.act(z), z", "net(x)[0]", {"self.act(z)"}),
        ("return self.act(z), z", "net(x)[1]", set()),
        ("return self.fc(self.act(z))", "net(x)", set()),
        ("return self.act(z)", "nn.DataParallel(net)(x)", {"self.act(z)"}),
        ("return self.act(z)", "net.forward(x)", {"self.act(z)"}),
        ("return self.act(z)", "[m for m in [net]][0](x)", {"self.act(z)"}),
    ],
)
def test_through_a_model(body: str, call: str, found: set[str]):
    assert into(MODEL.format(body=body) + f"F.cross_entropy({call}, y)") == found


@pytest.mark.parametrize(
    "forward",
    ["super().forward(x)", "super(Sub, self).forward(x)", "Net.forward(self, x)", "super().forward(x).squeeze()"],
)
def test_through_the_base_class(forward: str):
    text = MODEL.format(body="return self.act(z)")
    text += f"class Sub(Net):\n    def forward(self, x):\n        return {forward}\n\nF.cross_entropy(Sub()(x), y)"
    assert into(text) == {"self.act(z)"}


def test_a_forward_of_ones_own_replaces_the_base_class():
    text = MODEL.format(body="return self.act(z)")
    text += "class Sub(Net):\n    def forward(self, x):\n        return self.fc(x)\n\nF.cross_entropy(Sub()(x), y)"
    assert into(text) == set()


@pytest.mark.parametrize(
    ("build", "found"),
    [
        ("net = nn.Sequential(nn.Linear(3, 2), nn.Softmax(1))", True),
        ("net = nn.Sequential(nn.Linear(3, 2), nn.Sequential(nn.ReLU(), nn.Softmax(1)))", True),
        ("net = nn.Sequential(*[nn.Linear(3, 2), nn.Softmax(1)])", True),
        ("layers = [nn.Linear(3, 2)]\nlayers += [nn.Softmax(1)]\nnet = nn.Sequential(*layers)", True),
        ("layers = []\nlayers.append(nn.Softmax(1))\nnet = nn.Sequential(*layers)", True),
        ("layers = []\nlayers.extend([nn.Linear(3, 2), nn.Softmax(1)])\nnet = nn.Sequential(*layers)", True),
        ("from collections import OrderedDict\nnet = nn.Sequential(OrderedDict([('a', nn.Softmax(1))]))", True),
        ("from collections import OrderedDict\nnet = nn.Sequential(OrderedDict({'a': nn.Softmax(1)}))", True),
        ("net = nn.Sequential(nn.Linear(3, 2))\nnet.add_module('a', nn.Softmax(1))", True),
        ("net = nn.Sequential(nn.Linear(3, 2))\nnet.append(nn.Softmax(1))", True),
        ("net = nn.Sequential(nn.Softmax(1), nn.Linear(3, 2))", False),
        ("layers = [nn.Linear(3, 2), nn.Softmax(1)]\nlayers.pop()\nnet = nn.Sequential(*layers)", False),
        ("layers = [nn.Linear(3, 2), nn.Softmax(1)]\ndel layers[-1]\nnet = nn.Sequential(*layers)", False),
        ("layers = [nn.Linear(3, 2), nn.Softmax(1)]\nlayers[-1] = other\nnet = nn.Sequential(*layers)", False),
    ],
)
def test_forms_of_a_sequential(build: str, found: bool):
    seen = into(f"{build}\nF.cross_entropy(net(x), y)")
    assert seen == ({"nn.Softmax(1)"} if found else set())


# --- uses --------------------------------------------------------------------------------------------------------


def uses(text: str) -> set[tuple[str, str]]:
    """Who looks at an activation's output: the operand's text, and in which way."""
    program = program_of("z = unread()\np = F.softmax(z, 1)\n" + dedent(text))
    return {(text_at(program.project, use.place), use.kind) for use in events(program, Use)}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("p.argmax(1)", "invariant"),
        ("torch.argmax(p, dim=1)", "invariant"),
        ("p.max(1)", "invariant"),
        ("p.topk(5)", "invariant"),
        ("p.max()", "value"),
        ("p > 0.5", "value"),
        ("p + 1", "value"),
        ("p.item()", "value"),
        ("p.log()", "value"),
        ("print(p)", "value"),
        ("float(p)", "value"),
        ("f'{p}'", "value"),
        ("'%s' % p", "value"),
        ("unread(p)", "escape"),
        ("torch.save(p, path)", "escape"),
        ("unread(probabilities=p)", "escape"),
        ("def f(model):\n  model.eval()\n  model(p)\nf(unread)", "escape"),
        ("torch.save(obj=p, f=path)", "escape"),
        ("nn.Sequential(nn.Linear(3, 2))(p)", "value"),
        ("F.mse_loss(p, y)", "loss"),
        ("nn.Linear(3, 2)(p)", "value"),
    ],
)
def test_who_looks_at_the_numbers(text: str, kind: str):
    assert ("p", kind) in uses(text)


def test_what_is_stored_or_spread_leaves_what_can_be_followed():
    assert uses("other.attribute = p") == {("other.attribute", "escape")}
    assert uses("a = [1, p]\ntorch.dist(*a)") == {("torch.dist(*a)", "escape")}


@pytest.mark.parametrize("text", ["p.shape", "p.size(0)", "len(p)", "p.device", "q = p", "q = p.view(-1)", "p"])
def test_who_does_not_look(text: str):
    assert uses(text) == set()


@pytest.mark.parametrize("text", ["del net[-1]", "net.pop(1)", "net[1] = nn.Identity()", "net[:1]", "net[-1](x)"])
def test_positions_of_layers_are_uses(text: str):
    program = program_of(f"net = nn.Sequential(nn.Linear(3, 2), nn.Softmax(1))\n{text}\n")
    assert {use.kind for use in events(program, Use)} == {"index"}


# --- flows -------------------------------------------------------------------------------------------------------


def flow_of(text: str):
    """The one flow of a program."""
    (flow,) = flows_of(program_of(text), "main.py")
    return flow


def test_a_flow_gathers_all_losses_and_uses():
    text = "z = unread()\np = F.softmax(z, 1)\nF.cross_entropy(p, y)\nF.cross_entropy(p.view(-1), y)\nprint(p.sum())\n"
    flow = flow_of(text)
    assert len(flow.losses) == 2 and [use.kind for use in flow.uses] == ["value"]
    (place,) = flow.compensated
    assert (HEAD + text).splitlines()[place.line - 1] == "print(p.sum())"
    assert not flow.conditional and not flow.mixed_sources and not flow.feeds_log_softmax_loss


def test_a_flow_of_some_paths_is_conditional():
    assert flow_of("z = torch.rand(2, 3)\nif flag:\n  z = F.softmax(z, 1)\nF.cross_entropy(z, y)").conditional


def test_softmax_log_softmax_and_a_loss():
    flows = list(flows_of(program_of("p = F.softmax(z, 1)\nF.nll_loss(F.log_softmax(p, 1), y)"), "main.py"))
    assert [(f.activation.kind, f.feeds_log_softmax_loss) for f in flows] == [("softmax", True), ("log_softmax", False)]


@pytest.mark.parametrize(
    ("start", "dim", "wrong"),
    [
        ("torch.rand(2, 3)", 1, False),
        ("torch.rand(2, 3)", -1, False),
        ("torch.rand(2, 3)", 0, True),
        ("torch.rand(2, 3, 4, 5)", 1, False),
        ("torch.rand(2, 3, 4, 5)", -1, True),
        ("torch.rand(2, 3, 4, 5)", -3, False),
        ("torch.rand(3)", 0, False),
        ("unread()", 1, False),
        ("unread()", -1, False),
        ("unread()", 2, True),
        ("unread()", "None", False),
        ("unread()", "which", False),
    ],
)
def test_the_dimension_of_the_classes(start: str, dim: object, wrong: bool):
    assert flow_of(f"z = {start}\nF.cross_entropy(F.softmax(z, dim={dim}), y)").wrong_dimension == wrong


CHOSEN = """
def train(criterion, z, y):
    if isinstance(criterion, {asked}):
        return criterion({first}, y)
    {other}
        return criterion({second}, y)

train(nn.CrossEntropyLoss(), z, y)
train(nn.MSELoss(), z, y)
"""


@pytest.mark.parametrize(
    ("asked", "other", "first", "second", "found"),
    [
        ("nn.CrossEntropyLoss", "elif isinstance(criterion, nn.MSELoss):", "z", SOFT, set()),
        ("nn.MSELoss", "else:", SOFT, "z", set()),
        ("(nn.MSELoss, nn.L1Loss)", "else:", SOFT, "z", set()),
        ("nn.CrossEntropyLoss", "else:", SOFT, "z", {SOFT}),
        ("nn.MSELoss", "else:", "z", SOFT, {SOFT}),
        ("nn.Module", "else:", SOFT, "z", {SOFT}),
    ],
)
def test_isinstance_says_which_of_two_losses_it_is(asked, other, first, second, found):
    text = CHOSEN.format(asked=asked, other=other, first=first, second=second)
    assert into(text) == found
