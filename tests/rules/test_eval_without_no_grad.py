"""TFC202 beyond its page: contexts of every kind, and graphs that somebody needs."""

from __future__ import annotations

import pytest
from modes_tools import HEAD, TEST, program

from torchfix_codemods.findings import Level
from torchfix_codemods.rules.eval_without_no_grad import RULE


def test_the_plain_case(findings, applied):
    files = program()
    (finding,) = findings(files, RULE)
    assert finding.level == Level.EQUIVALENT
    assert "@torch.no_grad()\ndef test(" in applied(files, RULE)["main.py"]
    assert findings(applied(files, RULE), RULE) == []


BODY = "    for x, y in loader:\n        print(net(x).argmax(1))\n"


@pytest.mark.parametrize(
    "test",
    [
        "@torch.no_grad()\n" + TEST,
        "@torch.inference_mode\n" + TEST,
        "def test(net, loader):\n    torch.set_grad_enabled(False)\n" + BODY + "    torch.set_grad_enabled(True)\n",
        "def test(net, loader):\n    with contextlib.ExitStack() as stack:\n"
        "        stack.enter_context(torch.no_grad())\n        for x, y in loader:\n            print(net(x))\n",
        "def test(net, loader):\n    guard = torch.no_grad() if fast else torch.inference_mode()\n    with guard:\n"
        "        for x, y in loader:\n            print(net(x))\n",
        "def test(net, loader):\n    with torch.no_grad() if fast else contextlib.nullcontext():\n"
        "        for x, y in loader:\n            print(net(x))\n",
        "@contextlib.contextmanager\ndef frozen():\n    with torch.no_grad():\n        yield\n\n"
        "def test(net, loader):\n    with frozen():\n        for x, y in loader:\n            print(net(x))\n",
        "def quiet(function):\n    @functools.wraps(function)\n    def inner(*args):\n        with torch.no_grad():\n"
        "            return function(*args)\n    return inner\n\n@quiet\n" + TEST,
        "from unread import without_grad\n@without_grad\n" + TEST,
        "def test(net, loader):\n    net.requires_grad_(False)\n" + BODY + "    net.requires_grad_(True)\n",
        "def test(net, loader):\n    for x, y in loader:\n        x.requires_grad_()\n"
        "        print(torch.autograd.grad(net(x).sum(), x))\n",
    ],
)
def test_gradients_that_are_off_or_wanted(test, findings):
    assert findings(program(test), RULE) == []


@pytest.mark.parametrize(
    "body",
    [
        # the graph waits in a list, a dictionary, a variable of the module, an object
        "losses = []\nfor x, y in loader:\n    losses.append(F.cross_entropy(net(x), y))\n"
        "torch.stack(losses).sum().backward()",
        "losses = {}\nfor x, y in loader:\n    losses[y] = net(x).sum()\nsum(losses.values()).backward()",
        "total = 0\ndef add(x):\n    global total\n    total = total + net(x).sum()\nfor x, y in loader: add(x)\n"
        "total.backward()",
        "class Box:\n    def __init__(self): self.items = []\n    def push(self, v): self.items.append(v)\n"
        "box = Box()\ndef test():\n    for x, y in loader: box.push(net(x))\ntest()\n"
        "torch.stack(box.items).sum().backward()",
        # it goes through a scaler, a named tuple, a generator
        "scaler = torch.cuda.amp.GradScaler()\nfor x, y in loader:\n    scaler.scale(net(x).sum()).backward()",
        "def losses():\n    for x, y in loader: yield net(x).sum()\nfor loss in losses(): loss.backward()",
        # features of a frozen part are trained on
        "head = nn.Linear(2, 2)\ndef features(x):\n    net.eval()\n    return net(x)\n"
        "for x, y in loader:\n    F.cross_entropy(head(features(x)), y).backward()",
        # a loss network, a teacher
        "vgg = Net().eval()\nfor x, y in loader:\n    F.mse_loss(vgg(net(x)), vgg(y)).backward()\n    opt.step()",
        "teacher = Net()\nteacher.eval()\nfor x, y in loader:\n    t = teacher(x)\n    F.kl_div(net(x), t).backward()\n"
        "    opt.step()",
        # reinforcement learning: actions between the steps of training
        "for episode in range(9):\n    while True:\n        a = net(s).argmax().item()\n        s, done = env.step(a)\n"
        "        if done: break\n    net(s).sum().backward()\n    opt.step()",
        # an input is optimised
        "def invert(x):\n    net.eval()\n    z = torch.zeros(3, requires_grad=True)\n    o = torch.optim.LBFGS([z])\n"
        "    def closure():\n        o.zero_grad()\n        loss = F.mse_loss(net(z), x)\n        loss.backward()\n"
        "        return loss\n    for i in range(9): o.step(closure)\ninvert(x)",
        # nobody knows what becomes of it
        "def embed(loader):\n    net.eval()\n    out = []\n    for x, y in loader: out.append(net(x))\n"
        "    return torch.cat(out)",
    ],
)
def test_graphs_that_somebody_needs(body, findings):
    start = "net = Net()\nopt = torch.optim.SGD(net.parameters(), 0.1)\nloader = DataLoader(data)\n"
    assert findings({"main.py": HEAD + start + body + "\n"}, RULE) == []


def test_one_function_for_both_phases_is_wrapped_where_it_evaluates(findings, applied):
    files = program(
        test="""
            def run(net, loader, train):
                net.train(train)
                for x, y in loader:
                    loss = F.cross_entropy(net(x), y)
                    if train:
                        loss.backward()
                        opt.step()

            def test(net, loader):
                run(net, loader, False)
            """,
        main="""
            net = Net()
            opt = torch.optim.SGD(net.parameters(), 0.1)
            for epoch in range(3):
                run(net, DataLoader(data), True)
                test(net, DataLoader(data))
            """,
        train="",
    )
    (finding,) = findings(files, RULE)
    text = files["main.py"]
    assert text[finding.location.start :].startswith("def test(")
    assert "@torch.no_grad()\ndef test(" in applied(files, RULE)["main.py"]


KEEPS = """\
import torch
import torch.nn as nn
from torch.distributions import Categorical


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)
        self.log_probs = []

    def forward(self, x):
        return self.fc(x).softmax(-1)


def select_action(policy, state):
    m = Categorical(policy(state))
    action = m.sample()
    {kept}
    return action.item()


def main(engine):
    policy = Policy()
    optimizer = torch.optim.Adam(policy.parameters())

    def step(state):
        return select_action(policy, state)

    @engine.on("finished")
    def update():
        optimizer.zero_grad()
        torch.stack(policy.log_probs).sum().backward()
        optimizer.step()

    for state in torch.rand(3, 4):
        step(state)
"""


@pytest.mark.parametrize(
    ("kept", "level"),
    [
        ("policy.log_probs.append(m.log_prob(action))", Level.SUGGESTION),
        ("policy.last = m.log_prob(action)", Level.SUGGESTION),
        ("policy.log_probs.append(m.log_prob(action).item())", Level.EQUIVALENT),
        ("policy.taken.append(1)", Level.EQUIVALENT),
    ],
)
def test_results_that_a_function_puts_aside_may_be_trained_on(kept, level, findings):
    """REINFORCE: the update is called by an engine that is not in view."""
    files = {"main.py": KEEPS.format(kept=kept)}
    assert [finding.level for finding in findings(files, RULE)] == [level]


FILLS = """import torch
from torch import nn

one, other = nn.Linear(4, 3), nn.Linear(4, 3)
optimizer = torch.optim.SGD([*one.parameters(), *other.parameters()], lr=0.1)
RESULTS = {{}}

def fill(t, x):
    {put}

for _ in range(3):
    x = torch.randn(8, 4)
    t = other(x).clone()
    fill(t, x)
    loss = t.pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    "put",
    ["t += one(x)", "t[:] = one(x)", "t['x'] = one(x)", "t.add_(one(x))", "t.append(one(x))", "RESULTS['x'] = one(x)"],
)
def test_an_output_that_is_put_into_an_argument_is_trained_by_the_caller(put, findings):
    """With no_grad on the function, the network would not learn."""
    assert findings({"main.py": FILLS.format(put=put)}, RULE) == []


@pytest.mark.parametrize(
    "put", ["t.append(one(x).argmax(1))", "t['x'] = one(x).detach()", "print(one(x).sum().item())"]
)
def test_an_argument_without_the_graph_is_no_reason(put, findings):
    assert [f.level for f in findings({"main.py": FILLS.format(put=put)}, RULE)] == [Level.EQUIVALENT]
