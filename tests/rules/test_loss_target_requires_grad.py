"""TFC105 beyond its page: gradients that somebody needs, in the ways in which an optimizer or student may get them."""

from __future__ import annotations

import re

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules.loss_target_requires_grad import RULE

HEAD = """import copy
import itertools
import os
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.autograd import Variable

class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.body = nn.Linear(6, width)
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        return self.head(torch.relu(self.body(x)))

"""
TEACHER = "teacher = Net(16)\nstudent = Net(8)\n"
SGD = "optimizer = optim.SGD(student.parameters(), lr=0.1)\n"
STEP = """    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


def program(setup=TEACHER, optimizer=SGD, loss="loss = F.mse_loss(student(x), teacher(x))", after="", step=STEP):
    """A training loop with a teacher."""
    body = "".join(f"    {line}\n" for line in loss.split("\n"))
    return {
        "main.py": f"{HEAD}{setup}{optimizer}for step in range(3):\n    x = torch.randn(16, 6)\n{body}{step}{after}"
    }


def levels(found):
    return [finding.level for finding in found]


def runs(files):
    """Run a program, and give the parameters of its student."""
    names: dict[str, object] = {"__name__": "__main__"}
    import torch

    torch.manual_seed(0)
    exec(compile(files["main.py"], "main.py", "exec"), names)
    student = names["student"]
    assert isinstance(student, torch.nn.Module)
    return [parameter.detach().clone() for parameter in student.parameters()], names


def test_the_plain_case(findings, applied):
    import torch

    files = program()
    (finding,) = findings(files, RULE)
    assert finding.level == Level.EQUIVALENT
    after = applied(files, RULE)
    assert "F.mse_loss(student(x), teacher(x).detach())" in after["main.py"]
    assert findings(after, RULE) == []
    (old, before), (new, names) = runs(files), runs(after)
    assert all(torch.equal(one, other) for one, other in zip(old, new, strict=True))
    assert any(p.grad is not None for p in before["teacher"].parameters())
    assert all(p.grad is None for p in names["teacher"].parameters())


# Losses and ways to the target


@pytest.mark.parametrize(
    "loss",
    [
        "loss = nn.MSELoss()(student(x), teacher(x))",
        "loss = nn.L1Loss()(input=student(x), target=teacher(x))",
        "loss = F.l1_loss(target=teacher(x), input=student(x))",
        "loss = nn.SmoothL1Loss()(student(x), teacher(x))",
        "loss = nn.HuberLoss()(student(x), teacher(x))",
        "loss = nn.KLDivLoss(reduction='sum')(F.log_softmax(student(x), 1), F.softmax(teacher(x), 1))",
        "loss = nn.BCELoss()(torch.sigmoid(student(x)), torch.sigmoid(teacher(x)))",
        "loss = F.binary_cross_entropy_with_logits(student(x), teacher(x).sigmoid())",
        "loss = nn.CrossEntropyLoss()(student(x), teacher(x).softmax(1))",
        "loss = F.cross_entropy(student(x), F.softmax(teacher(x), dim=1))",
        "loss = 1 - F.cosine_similarity(student(x), teacher(x)).mean()",
        "loss = nn.CosineEmbeddingLoss()(student(x), teacher(x), torch.ones(16))",
        "loss = F.mse_loss(teacher(x), student(x))",
        "loss = F.mse_loss(student(x), 0.5 * teacher(x) + 0.5)",
        "loss = F.mse_loss(student(x).max(1)[0], teacher(x).max(1)[0])",
        "loss = F.mse_loss(student(x), torch.clamp(teacher(x), -1, 1))",
        "loss = F.mse_loss(student(x), teacher.forward(x))",
        "out = student(x)\nhint = teacher(x)\nloss = F.mse_loss(out, hint)",
        "hint = teacher(x).view(-1)\nhint = hint * 2\nloss = F.mse_loss(student(x).view(-1), hint)",
        "def ask(net, x):\n    return net(x)\nhint = ask(teacher, x)\nloss = F.mse_loss(student(x), hint)",
        "loss = sum(F.mse_loss(s, t) for s, t in [(student(x), teacher(x))])",
    ],
)
def test_losses_and_ways_to_the_target(findings, applied, loss):
    import torch

    files = program(loss=loss)
    assert len(findings(files, RULE)) == 1
    after = applied(files, RULE, up_to=Level.SUGGESTION)
    (old, _), (new, names) = runs(files), runs(after)
    assert all(torch.equal(one, other) for one, other in zip(old, new, strict=True))
    assert all(p.grad is None for p in names["teacher"].parameters()), after["main.py"]


def test_a_criterion_of_another_file_and_a_trainer(findings, applied):
    files = {
        "losses.py": "from torch import nn\n\ndef make():\n    return nn.MSELoss()\n",
        "trainer.py": "from losses import make\n\nclass Trainer:\n"
        "    def __init__(self, student, teacher, optimizer):\n"
        "        self.student, self.teacher, self.optimizer = student, teacher, optimizer\n"
        "        self.criterion = make()\n\n    def step(self, x):\n        # soft\n"
        "        hint = self.teacher(x)  # hint\n"
        "        loss = self.criterion(self.student(x), hint)\n        self.optimizer.zero_grad()\n"
        "        loss.backward()\n        self.optimizer.step()\n",
        "main.py": HEAD
        + TEACHER
        + SGD
        + "from trainer import Trainer\ntrainer = Trainer(student, teacher, optimizer)\n"
        "for step in range(3):\n    trainer.step(torch.randn(4, 6))\n",
    }
    (finding,) = findings(files, RULE)
    assert finding.level == Level.EQUIVALENT and finding.location.path == "trainer.py"
    after = applied(files, RULE)["trainer.py"]
    assert after.startswith("from losses import make\nimport torch\n")
    assert "        # soft\n        with torch.no_grad():\n            hint = self.teacher(x)  # hint\n" in after


# Somebody needs the gradient


@pytest.mark.parametrize(
    "optimizer",
    [
        "optimizer = optim.SGD(list(student.parameters()) + list(teacher.parameters()), lr=0.1)\n",
        "optimizer = optim.SGD([*student.parameters(), *teacher.parameters()], lr=0.1)\n",
        "optimizer = optim.SGD(itertools.chain(student.parameters(), teacher.parameters()), lr=0.1)\n",
        "params = list(student.parameters())\nparams += list(teacher.parameters())\n"
        "optimizer = optim.SGD(params, lr=0.1)\n",
        "params = list(student.parameters())\nparams.extend(teacher.parameters())\n"
        "optimizer = optim.SGD(params, lr=0.1)\n",
        "params = []\nfor net in (student, teacher):\n    for p in net.parameters():\n        params.append(p)\n"
        "optimizer = optim.SGD(params, lr=0.1)\n",
        "params = []\nfor net in (student, teacher):\n    params += [{'params': net.parameters()}]\n"
        "optimizer = optim.SGD(params, lr=0.1)\n",
        "optimizer = optim.SGD([{'params': student.parameters()}, {'params': teacher.parameters(), 'lr': "
        "0.01}], lr=0.1)\n",
        "optimizer = optim.SGD([p for net in (student, teacher) for p in net.parameters()], lr=0.1)\n",
        "optimizer = optim.SGD(filter(lambda p: p.requires_grad, [*student.parameters(), "
        "*teacher.parameters()]), lr=0.1)\n",
        "optimizer = optim.SGD([p for n, p in [*student.named_parameters(), *teacher.named_parameters()]], lr=0.1)\n",
        "both = nn.ModuleList([student, teacher])\noptimizer = optim.SGD(both.parameters(), lr=0.1)\n",
        "both = nn.ModuleDict({'s': student, 't': teacher})\noptimizer = optim.SGD(both.parameters(), lr=0.1)\n",
        "class Both(nn.Module):\n    def __init__(self, one, two):\n        super().__init__()\n"
        "        self.one = one\n"
        "        self.two = two\noptimizer = optim.SGD(Both(student, teacher).parameters(), lr=0.1)\n",
        "def make(nets):\n    return optim.SGD([p for n in nets for p in n.parameters()], lr=0.1)\n"
        "optimizer = make([student, teacher])\n",
        "def make(*nets):\n    params = sum((list(n.parameters()) for n in nets), [])\n"
        "    return optim.SGD(params, lr=0.1)\noptimizer = make(student, teacher)\n",
        SGD + "optimizer.add_param_group({'params': teacher.parameters()})\n",
        SGD + "optimizer.param_groups[0]['params'] += list(teacher.parameters())\n",
        "optimizer = {'sgd': optim.SGD}['sgd']([*student.parameters(), *teacher.parameters()], lr=0.1)\n",
        "optimizer = getattr(optim, 'SGD')([*student.parameters(), *teacher.parameters()], lr=0.1)\n",
        SGD + "other = optim.SGD(teacher.parameters(), lr=0.1)\n",
        SGD + "other = optim.SGD(teacher.head.parameters(), lr=0.1)\n",
        SGD + "from apex.optimizers import FusedSGD\nother = FusedSGD(teacher.parameters(), lr=0.1)\n",
        SGD + "class Own(optim.SGD):\n    pass\nother = Own(teacher.parameters(), lr=0.1)\n",
        SGD + "others = [optim.SGD(n.parameters(), lr=0.1) for n in (teacher,)]\n",
        SGD + "import kit\nother = kit.get_optimizer(teacher)\n",
    ],
)
def test_an_optimizer_may_hold_the_teacher(findings, optimizer):
    assert Level.EQUIVALENT not in levels(findings(program(optimizer=optimizer), RULE))


@pytest.mark.parametrize(
    "setup",
    [
        "student = Net()\nteacher = student\n",
        "student = Net()\nteacher = copy.copy(student)\n",
        "student = Net()\nteacher = Net(8)\nteacher.head = student.head\n",
        "student = Net()\nteacher = Net(8)\nstudent.head = teacher.head\n",
        "student = Net()\nteacher = Net(8)\nteacher.head.weight = student.head.weight\n",
        "student = Net()\nteacher = Net(8)\nsetattr(teacher, 'head', student.head)\n",
        "student = Net()\nteacher = Net(8)\nteacher.add_module('head', student.head)\n",
        "student = Net()\nteacher = nn.Sequential(student.body, nn.ReLU(), nn.Linear(8, 3))\n",
        "teacher = Net()\nstudent = nn.Sequential(teacher.body, nn.ReLU(), nn.Linear(8, 3))\n",
        "teacher = Net()\nstudent = nn.Sequential(*list(teacher.children())[:1], nn.ReLU(), nn.Linear(8, 3))\n",
        "body = nn.Linear(6, 8)\nteacher = nn.Sequential(body, nn.Linear(8, 3))\n"
        "student = nn.Sequential(body, nn.Linear(8, 3))\n",
        "class Wrap(nn.Module):\n    def __init__(self, net):\n        super().__init__()\n        self.net = net\n"
        "    def forward(self, x):\n        return self.net(x)\nstudent = Net()\nteacher = Wrap(student)\n",
        "student = Net()\nteacher = nn.Sequential(student, nn.Identity())\n",
        "student = Net()\nteacher = nn.DataParallel(student)\n",
    ],
)
def test_the_teacher_may_share_what_is_trained(findings, setup):
    assert Level.EQUIVALENT not in levels(findings(program(setup), RULE))


@pytest.mark.parametrize(
    "step",
    [
        "    nn.utils.clip_grad_norm_([*student.parameters(), *teacher.parameters()], 1.0)\n",
        "    both = nn.ModuleList([student, teacher])\n    nn.utils.clip_grad_norm_(both.parameters(), 1.0)\n",
        "    for p in teacher.parameters():\n        p.data -= 0.1 * p.grad\n",
        "    for net in (student, teacher):\n        for p in net.parameters():\n            p.data -= 0.1 * p.grad\n",
        "    norm = sum(p.grad.norm() for p in teacher.parameters())\n",
        "    for s, t in zip(student.parameters(), teacher.parameters()):\n        s.grad = t.grad\n",
        "    print(teacher.head.weight.grad.norm())\n",
    ],
)
def test_gradients_of_the_teacher_are_read(findings, step):
    files = program(step="    optimizer.zero_grad()\n    loss.backward()\n" + step + "    optimizer.step()\n")
    assert Level.EQUIVALENT not in levels(findings(files, RULE))


@pytest.mark.parametrize(
    "loss",
    [
        "x.requires_grad_()\nloss = F.mse_loss(student(x), teacher(x))\nsaliency = x.grad",
        "x = Variable(x, requires_grad=True)\nloss = F.mse_loss(student(x), teacher(x))",
        "x.requires_grad = True\nloss = F.mse_loss(student(x), teacher(x))",
        "loss = F.mse_loss(student(x), teacher(student(x).repeat(1, 2)))",
        "loss = F.mse_loss(student(x), teacher(x) + student(x + 1))",
        "grads = torch.autograd.grad(teacher(x).sum(), list(teacher.parameters()))\n"
        "loss = F.mse_loss(student(x), teacher(x))",
        "scale = nn.Parameter(torch.ones(1))\nhint = teacher(x) * scale\nloss = F.mse_loss(student(x), hint)",
        "hint = teacher(x)\nhint.retain_grad()\nloss = F.mse_loss(student(x), hint)",
    ],
)
def test_something_else_than_the_teacher_needs_the_gradient(findings, loss):
    assert Level.EQUIVALENT not in levels(findings(program(loss=loss), RULE))


def test_a_projection_that_learns_stays(findings, applied):
    setup = TEACHER + "norm = nn.BatchNorm1d(3)\n"
    optimizer = "optimizer = optim.SGD([*student.parameters(), *norm.parameters()], lr=0.1)\n"
    for loss in (
        "loss = F.mse_loss(student(x), norm(teacher(x)))",
        "hint = norm(teacher(x))\nloss = F.l1_loss(student(x), hint)",
    ):
        assert Level.EQUIVALENT not in levels(findings(program(setup, optimizer, loss), RULE))
    loss = "hint = teacher(x)\nloss = F.mse_loss(student(x), norm(hint))"
    after = applied(program(setup, optimizer, loss), RULE)["main.py"]
    assert "with torch.no_grad():\n        hint = teacher(x)\n    loss = F.mse_loss(student(x), norm(hint))" in after
    inside = (
        "class Loss(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.proj = nn.Linear(3, 3)\n"
        "    def forward(self, out, hint):\n        return F.mse_loss(out, self.proj(hint))\ncriterion = Loss()\n"
    )
    optimizer = "optimizer = optim.SGD([*student.parameters(), *criterion.parameters()], lr=0.1)\n"
    after = applied(program(TEACHER + inside, optimizer, "hint = teacher(x)\nloss = criterion(student(x), hint)"), RULE)
    assert "self.proj(hint))\n" in after["main.py"] and "no_grad():\n        hint = teacher(x)\n" in after["main.py"]


def test_a_learned_input_is_left_alone(findings):
    for image in ("nn.Parameter(torch.randn(16, 6))", "torch.randn(16, 6, requires_grad=True)"):
        setup = TEACHER + f"image = {image}\n"
        loss = "loss = F.mse_loss(student(image), teacher(image))"
        assert findings(program(setup, "optimizer = optim.SGD([image], lr=0.1)\n", loss), RULE) == []


@pytest.mark.parametrize(
    "freeze",
    [
        "teacher.requires_grad_(False)\n",
        "teacher.eval().requires_grad_(False)\n",
        "for p in teacher.parameters():\n    p.requires_grad = False\n",
        "for p in teacher.parameters():\n    p.requires_grad_(False)\n",
        "for name, p in teacher.named_parameters():\n    p.requires_grad = False\n",
        "def freeze(net):\n    for p in net.parameters():\n        p.requires_grad = False\nfreeze(teacher)\n",
        "def switch(net, flag):\n    for p in net.parameters():\n        p.requires_grad = flag\n"
        "switch(teacher, False)\n",
        "for net in [teacher]:\n    for p in net.parameters():\n        p.requires_grad = False\n",
    ],
)
def test_a_frozen_teacher_gets_no_gradient(findings, freeze):
    assert findings(program(TEACHER + freeze), RULE) == []


def test_freezing_another_network_is_no_excuse(findings):
    files = program(TEACHER + "other = Net()\nother.requires_grad_(False)\n")
    assert levels(findings(files, RULE)) == [Level.EQUIVALENT]


@pytest.mark.parametrize(
    "forward",
    [
        "    def forward(self, x):\n        with torch.no_grad():\n            return self.body(x)\n",
        "    def forward(self, x):\n        return self.body(x).detach()\n",
        "    @torch.inference_mode()\n    def forward(self, x):\n        return self.body(x)\n",
        "    def forward(self, x):\n        y = x.clone().requires_grad_()\n        with torch.enable_grad():\n"
        "            return torch.autograd.grad(self.body(y).sum(), y)[0][:, :3]\n",
    ],
)
def test_a_network_that_minds_its_own_gradients(findings, forward):
    setup = (
        "class Quiet(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"        self.body = nn.Linear(6, 3)\n{forward}\nteacher = Quiet()\nstudent = Net()\n"
    )
    assert findings(program(setup), RULE) == []


OLD_STYLE = """class Old(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.body = nn.Linear(6, 3)
        {init}

    def forward(self, x):
        {forward}

teacher = Old(16)
student = Old(8)
"""


@pytest.mark.parametrize(
    "init",
    [
        "self.body.weight.data.mul_(0.1)",
        "self.body.weight.data[0].fill_(0)",
        "self.body.weight.data = torch.randn(self.body.weight.data.size())",
        "self.body.bias.data[0] += 1",
        "nn.init.uniform_(self.body.weight.data, -0.1, 0.1)",
        "bound = 1 / self.body.weight.data.size(0)",
    ],
)
def test_weights_that_are_filled_in_a_constructor_cut_no_graph(findings, applied, init):
    files = program(OLD_STYLE.format(init=init, forward="return self.body(x)"))
    assert levels(findings(files, RULE)) == [Level.EQUIVALENT]
    assert "teacher(x).detach()" in applied(files, RULE)["main.py"]
    after = runs(applied(files, RULE))[1]
    assert all(p.grad is None for p in after["teacher"].parameters())


@pytest.mark.parametrize(
    "forward",
    [
        "return self.body(x).data",
        "return F.linear(x, self.body.weight.data)",
        "y = self.body(x).data.clamp_(0, 1)\n        return y",
        "y = self.body(x)\n        return y.data + 1",
    ],
)
def test_a_network_that_hands_out_data_has_no_graph(findings, forward):
    assert findings(program(OLD_STYLE.format(init="pass", forward=forward)), RULE) == []


def test_the_target_networks_of_an_actor_and_a_critic(findings, applied):
    files = {
        "main.py": HEAD
        + """class Agent:
    def __init__(self):
        self.actor, self.actor_target = Net(), Net()
        self.critic, self.critic_target = nn.Linear(9, 1), nn.Linear(9, 1)
        self.optimizer = optim.Adam(self.critic.parameters())

    def act(self, state):
        action = self.actor(state)
        action = action.data
        return action

    def update(self, state, reward, following):
        target = self.critic_target(torch.cat([following, self.actor_target(following)], 1))
        loss = F.mse_loss(self.critic(torch.cat([state, self.act(state)], 1)), reward + 0.9 * target)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

student = Agent().critic
agent = Agent()
for step in range(3):
    agent.update(torch.randn(4, 6), torch.randn(4, 1), torch.randn(4, 6))
"""
    }
    assert levels(findings(files, RULE)) == [Level.EQUIVALENT]
    after = runs(applied(files, RULE))[1]["agent"]
    assert all(p.grad is None for net in (after.critic_target, after.actor_target) for p in net.parameters())
    assert all(p.grad is not None for p in after.critic.parameters())


# Leaves


@pytest.mark.parametrize(
    ("loss", "after"),
    [
        ("y = torch.ones(16, 3, requires_grad=True)", "y = torch.ones(16, 3)"),
        ("y = Variable(torch.ones(16, 3), True)", "y = Variable(torch.ones(16, 3))"),
        ("y = torch.ones(16, 3)\ny.requires_grad_()  # why?", "y = torch.ones(16, 3)\n    # why?"),
        ("y = torch.ones(16, 3).requires_grad_()", "y = torch.ones(16, 3)"),
    ],
)
def test_a_leaf_loses_its_flag(findings, applied, loss, after):
    files = program("student = Net(8)\n", loss=f"{loss}\nloss = F.mse_loss(student(x), y)")
    assert levels(findings(files, RULE)) == [Level.EQUIVALENT]
    changed = applied(files, RULE)["main.py"]
    assert f"    {after}\n    loss = F.mse_loss(student(x), y)\n" in changed


@pytest.mark.parametrize(
    "rest",
    [
        "loss = F.mse_loss(student(x), y)\nkept = y.grad",
        "loss = F.mse_loss(student(x), y)\nstudent.last = y",
        "loss = F.mse_loss(student(x), y)\nkept = [y]",
        "loss = F.mse_loss(student(x), y) + torch.autograd.grad(student(y.mean(1).view(16, 1).repeat(1, "
        "6)).sum(), y)[0].sum()",
    ],
)
def test_a_leaf_whose_gradient_may_be_read(findings, rest):
    files = program("student = Net(8)\n", loss=f"y = torch.ones(16, 3, requires_grad=True)\n{rest}")
    assert Level.EQUIVALENT not in levels(findings(files, RULE))


def test_a_learned_label_is_no_mistake(findings):
    files = program(
        "student = Net(8)\nlabel = torch.zeros(16, 3, requires_grad=True)\n",
        "optimizer = optim.SGD([*student.parameters(), label], lr=0.1)\n",
        "loss = F.mse_loss(student(x), label)",
    )
    assert Level.EQUIVALENT not in levels(findings(files, RULE))


# One network on both sides, and the rest


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("y = torch.rand(16, 3)\nloss = F.kl_div(y, F.log_softmax(student(x), 1))", True),
        ("y = torch.rand(16, 3)\nloss = nn.BCEWithLogitsLoss()(y, student(x))", True),
        ("y = torch.rand(16, 3)\nloss = F.cross_entropy(y, student(x).softmax(1))", True),
        ("y = torch.rand(16, 3)\nloss = F.mse_loss(y, student(x))", False),
        ("y = torch.rand(16, 3)\nloss = F.smooth_l1_loss(y, student(x))", False),
        ("y = teacher(x).detach()\nloss = F.kl_div(y, F.softmax(student(x), 1))", False),
        ("def ask(y, out):\n    return F.kl_div(y, out)\nloss = ask(torch.rand(16, 3), student(x))", False),
    ],
)
def test_p6_swapped_arguments(findings, loss, said):
    found = findings(program(loss=loss), RULE)
    assert [finding.fix for finding in found] == ([None] if said else [])


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        ("wanted = x[:, :3] + gamma * student(x + 1)\nloss = F.mse_loss(student(x), wanted)", True),
        (
            "best = student(x + 1).max(1)[0]\nwanted = x[:, 0] + gamma * best\n"
            "loss = F.l1_loss(student(x)[:, 0], wanted)",
            True,
        ),
        ("loss = F.mse_loss(student(x), student(x + 1))", False),
        ("wanted = student(x + 1) + x[:, :3]\nloss = F.mse_loss(student(x), wanted)", False),
        (
            "with torch.no_grad():\n    wanted = x[:, :3] + gamma * student(x + 1)\n"
            "loss = F.mse_loss(student(x), wanted)",
            False,
        ),
    ],
)
def test_p3_one_network_on_both_sides_is_a_suggestion(findings, loss, said):
    found = findings(program(TEACHER + "gamma = 0.9\n", loss=loss), RULE)
    assert levels(found) == ([Level.SUGGESTION] if said else [])


def test_bad_input_is_survived(findings):
    for code in (
        "F.mse_loss()",
        "F.mse_loss(*a)",
        "nn.MSELoss()(x)",
        "F.mse_loss(student(x), *[teacher(x)])",
        "F.kl_div(**k)",
        "x.requires_grad_(*a)",
        "x.requires_grad = y",
        "Variable(x, requires_grad=flag)",
        "().requires_grad_()",
    ):
        findings(program(loss=f"loss = {code}" if "= " not in code else code), RULE)


def test_no_message_says_that_torch_raises(findings):
    for files in (program(), program(optimizer="optimizer = optim.SGD([student.parameters(), foo], lr=0.1)\n")):
        for finding in findings(files, RULE):
            assert not re.search(r"rais|assert|error", finding.message)


def test_volatile_is_another_rules_business(findings):
    assert findings(program(loss="loss = F.mse_loss(student(x), teacher(Variable(x, volatile=True)))"), RULE) == []


TAUGHT = "taught = optim.Adam(teacher.parameters())\n"


def test_a_teacher_that_learned_before(findings):
    """An optimizer holds it, and it is in evaluation mode beside a student in training mode: a suggestion."""
    (finding,) = findings(program(TEACHER + TAUGHT + "student.train()\nteacher.eval()\n"), RULE)
    assert finding.level is Level.SUGGESTION
    assert any("an optimizer holds what computes the target" in step.text for step in finding.steps)


@pytest.mark.parametrize(
    "setup",
    [
        TEACHER + TAUGHT,
        TEACHER + TAUGHT + "student.eval()\nteacher.eval()\n",
        TEACHER + TAUGHT + "student.train()\nteacher.train()\n",
    ],
)
def test_two_networks_with_optimizers_in_the_same_mode(setup, findings):
    """Mutual learning: both go on learning."""
    assert findings(program(setup), RULE) == []


def test_another_network_in_evaluation_mode_that_is_no_teacher(findings):
    """Features of a critic that has an optimizer, and no name that says what it is for."""
    setup = (TEACHER + TAUGHT + "student.train()\nteacher.eval()\n").replace("teacher", "critic")
    loss = "loss = F.mse_loss(student(x), critic(x))"
    assert findings(program(setup, loss=loss), RULE) == []


MAYBE_LOADED = 'student = Net()\nteacher = torch.load("teacher.pt") if os.path.exists("teacher.pt") else Net()\n'


@pytest.mark.parametrize("cut", [".detach()", ".data", ".detach().cpu()"])
def test_a_teacher_that_may_be_loaded_whole_is_detached_too(findings, cut):
    """What `torch.load` gives is unknown; the graph is cut whatever it is."""
    loss = f"soft = teacher(x)\nloss = F.kl_div(F.log_softmax(student(x), 1), F.softmax(soft{cut}, 1))"
    assert findings(program(MAYBE_LOADED, loss=loss), RULE) == []


def test_a_teacher_that_may_be_loaded_whole_and_has_a_graph(findings):
    loss = "soft = teacher(x)\nloss = F.kl_div(F.log_softmax(student(x), 1), F.softmax(soft.cpu(), 1))"
    assert levels(findings(program(MAYBE_LOADED, loss=loss), RULE)) == [Level.SUGGESTION]


# Gradients and parts that somebody else needs or has

REMEMBERED = (
    "parts = {}\ndef body():\n    if 'b' not in parts:\n        parts['b'] = nn.Linear(6, 6)\n    return parts['b']\n"
)
MADE_OF = """class Half(nn.Module):
    def __init__(self):
        super().__init__()
        self.b, self.head = body(), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.b(x))

student, teacher = Half(), Half()
"""
CACHED = "import functools\n@functools.lru_cache(None)\ndef body():\n    return nn.Linear(6, 6)\n"
DEFAULT = "def body(given=nn.Linear(6, 6)):\n    return given\n"
GLOBAL = """shared = nn.Linear(6, 6)
class Lender(Net):
    def __init__(self):
        super().__init__()
        self.shared = shared

class Borrower(Net):
    def forward(self, x):
        return super().forward(shared(x))

student, teacher = Lender(), Borrower()
"""
TIED = "for one, other in zip(student.children(), teacher.children()):\n    other.weight = one.weight\n"
BY_LIST = "moved = list(teacher.parameters())\n"
MOVE = "    with torch.no_grad():\n        for p in moved:\n            p -= 0.1 * p.grad\n"
PENALTY = "def penalty(loss, t):\n    return torch.autograd.grad(loss, t, retain_graph=True)[0].norm()\n"


@pytest.mark.parametrize(
    "parts",
    [
        {"setup": REMEMBERED + MADE_OF},
        {"setup": CACHED + MADE_OF},
        {"setup": DEFAULT + MADE_OF},
        {"setup": GLOBAL},
        {"setup": GLOBAL, "loss": "loss = F.mse_loss(student(x), teacher.forward(x))"},
        {"setup": "teacher, student = Net(8), Net(8)\n" + TIED},
        {"setup": TEACHER + BY_LIST, "after": MOVE},
        {
            "setup": TEACHER + PENALTY,
            "loss": "t = teacher(x)\nloss = F.mse_loss(student(x), t)\nprint(penalty(loss, t))",
        },
        {"loss": "t = teacher(x)\nt.sum().backward(retain_graph=True)\nloss = F.mse_loss(student(x), t)"},
    ],
)
def test_what_may_be_needed_or_shared_is_a_suggestion(parts, findings):
    assert levels(findings(program(**parts), RULE)) == [Level.SUGGESTION]


@pytest.mark.parametrize(
    "parts",
    [
        {"after": "    for p in student.parameters():\n        print(p.grad.norm())\n"},
        {"after": "    for g in optimizer.param_groups:\n        for p in g['params']:\n            print(p.grad)\n"},
        {"setup": "class Tied(Net):\n    def tie(self):\n        self.body.weight = self.head.weight\n" + TEACHER},
        {"setup": "sizes = {}\ndef size(x):\n    sizes['x'] = torch.numel(x)\n" + TEACHER},
    ],
)
def test_gradients_and_parts_of_the_learner_alone_are_no_doubt(parts, findings):
    assert levels(findings(program(**parts), RULE)) == [Level.EQUIVALENT]


def test_a_lambda_is_not_made_under_no_grad(findings, applied):
    files = program(loss="ask = lambda x: teacher(x)\nloss = F.mse_loss(student(x), ask(x))")
    assert levels(findings(files, RULE)) == [Level.SUGGESTION]
    assert "F.mse_loss(student(x), ask(x).detach())" in applied(files, RULE, up_to=Level.SUGGESTION)["main.py"]


def test_whichever_optimizer_a_name_chooses_it_gets_the_student_alone(findings):
    chosen = "import sys\noptimizer = getattr(torch.optim, sys.argv[-1])(student.parameters(), lr=0.1)\n"
    assert levels(findings(program(optimizer=chosen), RULE)) == [Level.EQUIVALENT]
