"""TFC203 beyond its page: the ways in which a second pass reaches a graph, and in which a step is no step."""

from __future__ import annotations

import re
from typing import Any

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules.retain_graph import RULE

HEAD = """import torch
import torch.nn.functional as F
from torch import nn

net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
"""
GAN = """import torch
from torch import nn

G = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
D = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
opt_G = torch.optim.Adam(G.parameters())
opt_D = torch.optim.Adam(D.parameters())
"""


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())


def loop(text: str, head: str = HEAD) -> dict[str, str]:
    return {"main.py": head + "for step in range(4):\n" + indented(text)}


STEP = """optimizer.zero_grad()
loss.backward(retain_graph=True)
optimizer.step()
"""
LOSS = "x = torch.randn(3, 4)\nloss = net(x).sum()\n"


def test_the_plain_case(findings, applied):
    files = loop(LOSS + STEP)
    (finding,) = findings(files, RULE)
    assert finding.level == Level.EQUIVALENT and "no other backward pass" in finding.message
    assert "    loss.backward()\n" in applied(files, RULE)["main.py"]
    assert findings(applied(files, RULE), RULE) == []


@pytest.mark.parametrize(
    "text",
    [
        LOSS + STEP + "grads = torch.autograd.grad(loss, net.parameters())\n",
        LOSS + STEP + "torch.autograd.backward([loss])\n",
        LOSS + STEP + "sum([loss, 0]).backward()\n",
        LOSS + STEP + "kept = {'loss': loss}\nkept['loss'].backward()\n",
        LOSS + STEP + "(lambda l: l.backward())(loss)\n",
        LOSS + STEP + "for part in (loss,):\n    part.backward()\n",
        LOSS + STEP + "[part.backward() for part in [loss]]\n",
        LOSS + STEP + "accelerator.backward(loss)\n",
        LOSS + STEP + "self.manual_backward(loss)\n",
        LOSS + STEP + "def again():\n    loss.backward()\n\nagain()\n",
        LOSS + STEP + "def closure():\n    loss.backward()\n    return loss\n\noptimizer.step(closure)\n",
        LOSS + STEP + "import unread\nunread.train(lambda: loss.backward())\n",
        LOSS + STEP + "import unread\nunread.optimise(loss)\n",
        LOSS + "y = net(x)\nloss = loss + y.mean()\n" + STEP + "y.mean().backward()\n",
        LOSS + "for _ in range(3):\n    loss.backward(retain_graph=True)\noptimizer.step()\n",
        LOSS + "while x.sum() > 0:\n    loss.backward(retain_graph=True)\noptimizer.step()\n",
        LOSS
        + "with torch.no_grad():\n    pass\n"
        + STEP
        + "try:\n    loss.backward()\nexcept RuntimeError:\n    pass\n",
    ],
)
def test_ways_to_a_second_pass(text, findings):
    assert [f for f in findings(loop(text), RULE) if f.fix is not None and f.level is not Level.SUGGESTION] == []


@pytest.mark.parametrize(
    "before",
    [
        "features = net(torch.randn(9, 4))\nhead = nn.Linear(2, 1)\n",
        "net2 = nn.Linear(2, 1)\nfeatures = torch.cat([net(torch.randn(9, 4))])\nhead = net2\n",
    ],
)
def test_a_forward_before_the_loop_is_shared_by_all_rounds(before, findings):
    head = HEAD + before + "optimizer = torch.optim.SGD(head.parameters(), lr=0.1)\n"
    assert findings(loop("loss = head(features).sum()\n" + STEP, head), RULE) == []


def test_a_data_set_may_hold_a_graph(findings):
    head = (
        HEAD
        + "from torch.utils.data import DataLoader, TensorDataset\n"
        + "head = nn.Linear(2, 1)\nloader = DataLoader(TensorDataset(net(torch.randn(9, 4))), batch_size=3)\n"
    )
    text = head + "for (features,) in loader:\n" + indented("loss = head(features).sum()\n" + STEP)
    assert all(f.fix is None and "next round" in f.message for f in findings({"main.py": text}, RULE))


def test_a_data_set_of_the_project_may_hold_a_graph(findings):
    head = HEAD + (
        "class Data:\n    def __init__(self, items):\n        self.items = items\n"
        "    def __getitem__(self, index):\n        return self.items[index]\n\n"
        "head = nn.Linear(2, 1)\nloader = torch.utils.data.DataLoader(Data(net(torch.randn(9, 4))), batch_size=3)\n"
    )
    text = head + "for features in loader:\n" + indented("loss = head(features).sum()\n" + STEP)
    assert all(f.fix is None and "next round" in f.message for f in findings({"main.py": text}, RULE))


MODULE = """import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 8)
        self.hidden = None

    def forward(self, x):
{forward}

net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
"""


@pytest.mark.parametrize(
    ("forward", "found"),
    [
        ("        y, self.hidden = self.rnn(x, self.hidden)\n        return y\n", 0),
        ("        y, h = self.rnn(x, self.hidden)\n        self.hidden = h\n        return y\n", 0),
        ("        self.hidden = self.rnn(x)[1]\n        return self.hidden\n", 1),
        ("        y, h = self.rnn(x, self.hidden)\n        self.hidden = h.detach()\n        return y\n", 1),
        ("        self.count = 1\n        return self.rnn(x)[0]\n", 1),
    ],
)
def test_a_module_may_keep_its_state(forward, found, findings):
    text = "loss = net(torch.randn(5, 3, 4)).sum()\n" + STEP
    assert len(findings(loop(text, MODULE.format(forward=forward)), RULE)) == found


def test_a_state_that_another_method_leaves(findings):
    head = """import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

    def encode(self, x):
        self.code = self.one(x)

    def forward(self, x):
        return self.two(self.code)


net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
net.encode(torch.randn(3, 4))
"""
    assert findings(loop("loss = net(0).sum()\n" + STEP, head), RULE) == []


def test_hooks_may_keep_a_graph(findings):
    head = HEAD + "net.register_forward_hook(lambda m, i, o: kept.append(o))\nkept = []\n"
    (finding,) = findings(loop(LOSS + STEP, head), RULE)
    assert finding.level is Level.SUGGESTION and "hooks" in finding.message


def test_a_name_that_other_functions_read(findings):
    text = HEAD + (
        "class Run:\n    def learn(self):\n        self.loss = net(torch.randn(3, 4)).sum()\n"
        "        optimizer.zero_grad()\n        self.loss.backward(retain_graph=True)\n        optimizer.step()\n\n"
        "    def again(self):\n        self.loss.backward()\n\nrun = Run()\nrun.learn()\n"
    )
    assert findings({"main.py": text}, RULE) == []
    alone = text.replace("        self.loss.backward()\n", "        pass\n")
    (finding,) = findings({"main.py": alone}, RULE)
    assert finding.level == Level.EQUIVALENT


def test_a_caller_that_was_not_walked(findings):
    text = HEAD + (
        "def learn(loss):\n    optimizer.zero_grad()\n    loss.backward(retain_graph=True)\n    optimizer.step()\n\n"
        "class Other:\n    def run(self):\n        loss = net(torch.randn(3, 4)).sum()\n        learn(loss)\n"
        "        loss.backward()\n\nlearn(net(torch.randn(3, 4)).sum())\n"
    )
    assert all(f.level is Level.SUGGESTION for f in findings({"main.py": text}, RULE))


def test_both_arms_of_one_branch_keep_the_graph_for_nothing(findings):
    text = LOSS + (
        "other = net(x).mean() + loss\noptimizer.zero_grad()\n"
        "if step % 2:\n    loss.backward(retain_graph=True)\nelse:\n    other.backward(retain_graph=True)\n"
        "optimizer.step()\n"
    )
    assert [f.level for f in findings(loop(text), RULE)] == [Level.EQUIVALENT] * 2


@pytest.mark.parametrize(
    "call",
    [
        "loss.backward(retain_graph=False)",
        "loss.backward(retain_graph=None)",
        "loss.backward(None, False)",
        "loss.backward(None, keep)",
        "loss.backward(retain_graph=step < 3)",
        "loss.backward(**options)",
        "loss.backward(retain_graph=True, create_graph=True)",
        "loss.backward(None, True, True)",
        "torch.autograd.grad(loss, net.parameters(), retain_graph=True)",
    ],
)
def test_calls_that_are_not_ours(call, findings):
    assert (
        findings(loop(LOSS + f"keep, options = True, {{}}\noptimizer.zero_grad()\n{call}\noptimizer.step()\n"), RULE)
        == []
    )


@pytest.mark.parametrize(
    ("call", "after"),
    [
        ("loss.backward(None, True)", "loss.backward(None)"),
        ("torch.autograd.backward(loss, retain_graph=True)", "torch.autograd.backward(loss)"),
        ("torch.autograd.backward([loss], None, True)", "torch.autograd.backward([loss], None)"),
        (
            "loss.backward(retain_graph=True, inputs=list(net.parameters()))",
            "loss.backward(inputs=list(net.parameters()))",
        ),
        ("scaler.scale(loss).backward(retain_graph=True)", "scaler.scale(loss).backward()"),
    ],
)
def test_ways_to_write_it(call, after, applied):
    head = HEAD + "scaler = torch.cuda.amp.GradScaler()\n"
    fixed = applied(loop(LOSS + f"optimizer.zero_grad()\n{call}\noptimizer.step()\n", head), RULE)
    assert f"    {after}\n" in fixed["main.py"]


def test_a_class_of_the_project_may_take_the_old_name(findings):
    text = (
        "class Loss:\n    def backward(self, retain_variables=True):\n        pass\n\n"
        "def run(loss):\n    loss.backward(retain_variables=True)\n\nrun(Loss())\n"
    )
    assert findings({"main.py": text}, RULE) == []


SHARED = """fake = G(torch.randn(3, 4))
score = D(fake).mean()
d_loss, g_loss = score - D(torch.randn(3, 2)).mean(), -score
opt_D.zero_grad()
d_loss.backward(retain_graph=True)
opt_D.step()
opt_G.zero_grad()
g_loss.backward()
opt_G.step()
"""


def test_the_places_to_detach_are_told_in_their_order(findings):
    """Whatever the addresses of the nodes: findings of one text are the same in every run."""
    text = (
        "opt_D.zero_grad()\nd_loss = D(torch.randn(3, 2)).mean()\n"
        + "".join(f"d_loss = d_loss - D(G(torch.randn({n}, 4))).mean()\n" for n in range(2, 9))
        + "d_loss.backward(retain_graph=True)\nopt_D.step()\n"
        "g_loss = -D(G(torch.randn(3, 4))).mean()\nopt_G.zero_grad()\ng_loss.backward()\nopt_G.step()\n"
    )
    (finding,) = findings(loop(text, GAN), RULE)
    told = [step.location.start for step in finding.steps if step.text.startswith("from here on")]
    assert len(told) == 7 and told == sorted(told)


def test_what_is_drawn_at_random_is_not_drawn_again(findings, applied):
    (finding,) = findings(loop(SHARED, GAN), RULE)
    fixed = applied(loop(SHARED, GAN), RULE)["main.py"]
    assert finding.level == Level.CRASH_FIX
    assert "inputs=list(D.parameters())" in fixed and fixed.count("torch.randn(3, 2)") == 1


def test_a_step_that_moves_nothing_is_no_crash(findings):
    text = SHARED.replace("opt_D.zero_grad()\nd_loss", "d_loss").replace(
        "opt_D.step()", "opt_D.zero_grad()\n    opt_D.step()"
    )
    assert findings(loop(text.replace("\n    opt_D.step", "\nopt_D.step"), GAN), RULE) == []


def test_a_net_of_one_layer_may_not_crash(findings):
    head = GAN.replace("nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))", "nn.Linear(4, 2)")
    text = (
        "fake = G(torch.randn(3, 4))\ng_loss = -D(fake).mean()\nopt_G.zero_grad()\n"
        "g_loss.backward(retain_graph=True)\nopt_G.step()\n"
        "d_loss = D(fake).mean()\nopt_D.zero_grad()\nd_loss.backward()\nopt_D.step()\n"
    )
    assert all(f.level is Level.SUGGESTION for f in findings(loop(text, head), RULE))


def test_the_trunk_of_two_heads_is_not_detached(findings):
    head = GAN.replace(
        "opt_G = torch.optim.Adam(G.parameters())",
        "E = nn.Linear(2, 1)\nopt_G = torch.optim.Adam([*G.parameters(), *E.parameters()])",
    )
    text = (
        "opt_G.zero_grad()\nopt_D.zero_grad()\nfeatures = G(torch.randn(3, 4))\n"
        "D(features).mean().backward(retain_graph=True)\nopt_D.step()\n"
        "E(features).mean().backward()\nopt_G.step()\n"
    )
    assert findings(loop(text, head), RULE) == []


def test_a_chain_inside_a_branch_is_not_copied(findings):
    text = SHARED.replace(
        "score = D(fake).mean()\n", "if step:\n    score = D(fake).mean()\nelse:\n    score = D(fake).sum()\n"
    )
    (finding,) = findings(loop(text, GAN), RULE)
    assert finding.fix is None or "inputs=" in "".join(edit.new for edit in finding.fix.edits)


@pytest.mark.parametrize("text", ["", "def f(:", "loss.backward(retain_graph=True)\n", "x = backward(y, True)\n" * 3])
def test_little_to_go_by(text, findings):
    if "(:" not in text:
        assert findings({"main.py": text}, RULE) == []


def test_deep_nests_end(findings):
    text = "".join("    " * depth + f"for i{depth} in range(2):\n" for depth in range(16))
    body = "".join("    " * 16 + line + "\n" for line in (LOSS + STEP).splitlines())
    assert findings({"main.py": HEAD + text + body}, RULE) == []


CHOSEN_BY_A_SETTING = """import argparse
import torch
from torch import nn
from other import Other


class Trainer:
    def __init__(self):
        self.net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        self.optimizer = torch.optim.Adam(self.net.parameters())

    def train(self):
        for step in range(4):
            loss = self.net(torch.randn(3, 4)).sum()
            self.optimizer.zero_grad()
            loss.backward(retain_graph=True)
            self.optimizer.step()
            SECOND


kind = argparse.ArgumentParser().parse_args().kind
if kind == "other":
    Chosen = Other
elif kind == "this":
    Chosen = Trainer
Chosen().train()
"""
OTHER = """class Other:
    def train(self):
        print("nothing")
"""


@pytest.mark.parametrize(
    ("second", "word"), [("loss.backward()", "a second pass"), ("print(loss)", "no other backward")]
)
def test_every_trainer_that_a_setting_may_choose_is_walked(second, word, findings):
    """Sets of them have another order in every process: one that is made again and again has to be in each walk."""
    files = {"main.py": CHOSEN_BY_A_SETTING.replace("SECOND", second), "other.py": OTHER}
    for _ in range(8):
        (finding,) = findings(files, RULE)
        assert word in finding.message


def test_a_trainer_that_a_setting_chooses_may_need_its_graph(findings):
    files = {"main.py": CHOSEN_BY_A_SETTING, "other.py": OTHER}
    files["main.py"] = files["main.py"].replace("            self.optimizer.step()\n", "")
    files["main.py"] = files["main.py"].replace("SECOND", "loss.backward()\n            self.optimizer.step()")
    for _ in range(8):
        assert findings(files, RULE) == []


ORDERS = """ones, zeros = torch.ones(3, 1), torch.zeros(3, 1)
criterion = nn.BCEWithLogitsLoss()
schedule = torch.optim.lr_scheduler.StepLR(opt_D, 2)
w = 1.0
for _ in range(4):
    real = torch.randn(3, 2)
    fake = G(torch.randn(3, 4))
    label = torch.ones(3, 1)
    g_loss = w * criterion(D(fake), label)
{between}
    d_loss = criterion(D(real), ones) + criterion(D(fake), zeros)
    opt_D.zero_grad()
    d_loss.backward(retain_graph=True)
    opt_D.step()
{behind}
    opt_G.zero_grad()
    g_loss.backward()
    opt_G.step()
"""


@pytest.mark.parametrize(
    "between", ["label = torch.zeros(3, 1)", "w *= 0.9", "D.eval()", "real = real * 2; w = w + 1", "label = label * 0"]
)
def test_a_loss_does_not_move_over_what_it_reads(between, findings, applied):
    files = {"main.py": GAN + ORDERS.format(between=f"    {between}", behind="")}
    after = applied(files, RULE)["main.py"]
    assert "d_loss.backward(retain_graph=True, inputs=list(D.parameters()))\n" in after
    assert after.index("g_loss = w *") < after.index(between)


@pytest.mark.parametrize("behind", ["schedule.step()", "for p in D.parameters():\n        p.data.clamp_(-1, 1)"])
def test_a_step_does_not_move_over_what_needs_it(behind, findings):
    files = {"main.py": GAN + ORDERS.format(between="    w *= 0.9", behind=f"    {behind}")}
    assert [f for f in findings(files, RULE) if f.fix is not None] == []


def test_what_is_changed_in_place_fails_anyway(findings):
    files = {"main.py": GAN + ORDERS.format(between="    label.fill_(0.0)", behind="")}
    assert [f for f in findings(files, RULE) if f.fix is not None] == []


def test_what_is_deleted_is_not_read_later(applied):
    files = {"main.py": GAN + ORDERS.format(between="    d_fake = fake * 1; del label", behind="")}
    after = applied(files, RULE)["main.py"]
    assert after.index("g_loss = w *") < after.index("del label")


STRAY = """ones, zeros = torch.ones(3, 1), torch.zeros(3, 1)
criterion = nn.BCEWithLogitsLoss()
for _ in range(4):
    fake = G(torch.randn(3, 4))
    d_loss = criterion(D(torch.randn(3, 2)), ones) + criterion(D(fake), zeros)
    opt_D.zero_grad()
    opt_G.zero_grad()
    d_loss.backward(retain_graph=True)
    {looks}
    opt_D.step()
    opt_G.zero_grad()
    criterion(D(fake), ones).backward()
    opt_G.step()
"""


@pytest.mark.parametrize(
    ("looks", "fixed"),
    [
        ("nn.utils.clip_grad_norm_(D.parameters(), 1.0)", True),
        ("nn.utils.clip_grad_norm_([*D.parameters(), *G.parameters()], 1.0)", False),
        ("nn.utils.clip_grad_norm_(G.parameters(), 1.0)", False),
        ("print(G[0].weight.grad.norm().item())", False),
    ],
)
def test_stray_gradients_that_somebody_looks_at(looks, fixed, findings):
    found = findings({"main.py": GAN + STRAY.format(looks=looks)}, RULE)
    assert [f.level for f in found if f.fix is not None] == ([Level.EQUIVALENT] if fixed else [])


SIMULTANEOUS = """torch.manual_seed(0)
G, D = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), nn.Sequential(nn.Linear(2, 8), nn.Linear(8, 1))
opt_G = torch.optim.Adam(G.parameters(), lr=0.01)
opt_D = torch.optim.Adam(D.parameters(), lr=0.01)


def losses(critic, real, fake):
    score = critic(fake).pow(2).mean()
    return score - critic(real).mean(), -score


for step in range(4):
    d_loss, g_loss = losses(D, torch.randn(16, 2), G(torch.randn(16, 4)))
"""
ONE_AFTER_THE_OTHER = """    opt_D.zero_grad()
    d_loss.backward(retain_graph=True)
    opt_D.step()
    opt_G.zero_grad()
    g_loss.backward()
    opt_G.step()
"""
SEPARATE = """    of_D = torch.autograd.grad(d_loss, list(D.parameters()), retain_graph=True)
    of_G = torch.autograd.grad(g_loss, list(G.parameters()))
    for net, found in ((D, of_D), (G, of_G)):
        for parameter, gradient in zip(net.parameters(), found):
            parameter.grad = gradient
    opt_D.step()
    opt_G.step()
"""


def trained(text: str) -> list[float]:
    """The parameters of both nets at the end of a program."""
    names: dict[str, Any] = {}
    exec(compile(text, "gan.py", "exec"), names)
    return [value for net in (names["D"], names["G"]) for p in net.parameters() for value in p.flatten().tolist()]


def test_g8_both_steps_behind_both_passes_are_written_with_inputs_alone(applied):
    """Without them the second pass would write into the gradients of the first net, and train something else."""
    head = "import torch\nfrom torch import nn\n\n" + SIMULTANEOUS
    after = applied({"gan.py": head + ONE_AFTER_THE_OTHER}, RULE)["gan.py"]
    assert after.count("inputs=list(") == after.count(".backward(") == 2
    assert trained(after) == pytest.approx(trained(head + SEPARATE), abs=1e-6)
    never_written = re.sub(r"(?:, )?inputs=list\(\w\.parameters\(\)\)", "", after)
    assert trained(never_written) != pytest.approx(trained(after), abs=1e-3)
