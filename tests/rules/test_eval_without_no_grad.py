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


# A function whose own model calls are detached, while what it is given trains

GAN = """import torch
from torch import nn
import torch.nn.functional as F

G, D = nn.Linear(4, 8), nn.Linear(8, 2)
steps = torch.optim.Adam(G.parameters())
losses = torch.optim.Adam(D.parameters())

def generator_loss(real, fake):
    wanted, seen = D(real).mean(0), D(fake).mean(0)
    return {loss}

for x in [torch.randn(3, 8) for _ in range(4)]:
    fake = G(torch.randn(3, 4))
    print(D(x).sum())
    loss = generator_loss(x, fake)
    steps.zero_grad()
    loss.backward()
    steps.step()
    losses.zero_grad()
    D(x).sum().backward()
    losses.step()
"""


@pytest.mark.parametrize(
    "loss",
    [
        "F.mse_loss(fake, real) + F.mse_loss(seen.detach(), wanted.detach())",
        "(fake - real).pow(2).mean() + (seen.data - wanted.data).pow(2).mean()",
    ],
)
def test_a_loss_of_which_only_a_part_is_detached(findings, loss):
    assert findings({"main.py": GAN.format(loss=loss)}, RULE) == []


def test_a_distance_between_features_that_train(findings):
    files = {
        "main.py": """import torch
from torch import nn

class Distance(nn.Module):
    def forward(self, one, other):
        return (one - other).pow(2).mean()

class Trainer:
    def __init__(self, student, teacher):
        self.student, self.teacher = student, teacher
        self.optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
        self.distance = Distance()

    def step(self, x):
        ours, theirs = self.student(x), self.teacher(x)
        apart = 0
        for one, other in zip(ours, theirs):
            apart += self.distance(one, other)
        loss = ours.sum()
        loss.backward()
        self.optimizer.step()

trainer = Trainer(nn.Linear(4, 2), nn.Linear(4, 2))
for x in torch.randn(3, 5, 4):
    trainer.step(x)
"""
    }
    assert not any("distance" in finding.message for finding in findings(files, RULE))


VOLUMES = """\
import torch
import torch.nn.functional as F


def test_all(net, volumes):
    return [test_volume(net, v) for v in volumes]


def test_volume(net, volume):
    scores = 0
    for patch in volume:
        scores = scores + F.softmax(net(patch), dim=1).data
    return scores.argmax(1)
"""
TESTS_IT = """\
import torch
from model import Net
from {module} import {name}

net = Net()
net.load_state_dict(torch.load("net.pt"))
net.eval()
{name}(net, [[torch.ones(1, 4)]])
"""
NET = "from torch import nn\n\n\nclass Net(nn.Linear):\n    def __init__(self):\n        super().__init__(4, 2)\n"


def test_a_function_that_the_program_calls_is_no_test_of_code(findings):
    files = {"test_util.py": VOLUMES, "main.py": TESTS_IT.format(module="test_util", name="test_all"), "model.py": NET}
    (finding,) = findings(files, RULE)
    assert finding.location.path == "test_util.py"
    # One that nobody calls by its name waits for pytest, and its parameters are fixtures.
    alone = VOLUMES.replace("[test_volume(net, v) for v in volumes]", "0").replace(
        "def test_all(net, volumes):", "def pick():"
    )
    assert findings({"test_util.py": alone, "model.py": NET}, RULE) == []
    # So do those of a file that imports pytest.
    assert findings(files | {"test_util.py": "import pytest\n" + VOLUMES}, RULE) == []


RECURRENT = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 8, batch_first=True)
        self.out = nn.Linear(8, 1)

    def forward(self, x):
        h = torch.zeros(1, x.size(0), 8){state}
        c = torch.zeros(1, x.size(0), 8, device=x.device).requires_grad_()
        y, _ = self.lstm({given}, (h, c))
        return self.out(y[:, -1])


def evaluate(net, loader):
    net.eval()
    total = 0
    for x, y in loader:
        total += (net(x) - y).abs().sum().item()
    return total


evaluate(Net(), [(torch.ones(2, 3, 4), torch.ones(2, 1))])
"""


@pytest.mark.parametrize("state", [".requires_grad_()", ".to(x.device).requires_grad_()"])
def test_a_new_hidden_state_that_asks_for_gradients_differentiates_nothing(state, findings):
    (finding,) = findings({"main.py": RECURRENT.format(state=state, given="x")}, RULE)
    assert finding.level is Level.EQUIVALENT


def test_an_input_that_asks_for_gradients_may_be_differentiated(findings):
    text = RECURRENT.format(state=", x.requires_grad_()", given="h[1]").replace("        h =", "        h = h, _ =")
    assert findings({"main.py": text}, RULE) == []


EXPLAINS = """\
import torch
from torch import nn
{imported}

model = nn.Sequential(nn.Linear(4, 2), nn.Dropout())


def explain(x):
    model.eval()
    label = model(x).argmax().item()
    print(ig.attribute(x, target=label), label)


ig = IntegratedGradients(model)
explain(torch.ones(1, 4))
"""


def test_captum_differentiates_the_model_that_it_explains(findings):
    text = EXPLAINS.format(imported="from captum.attr import IntegratedGradients")
    assert findings({"main.py": text}, RULE) == []


def test_what_only_the_tests_of_a_program_do_is_not_held_against_it(findings):
    code = "import torch\n\n\ndef run(net, xs):\n    net.eval()\n    return [net(x).argmax().item() for x in xs]\n"
    main = "import torch\nfrom code_ import run\nfrom model import Net\nwith torch.no_grad():\n"
    main += "    run(Net(), [torch.ones(4)])\n"
    test = "import torch\nfrom code_ import run\nfrom model import Net\n\n\ndef test_run():\n"
    test += "    run(Net(), [torch.ones(4)])\n\n\ntest_run()\n"
    files = {"code_.py": code, "model.py": NET, "main.py": main}
    assert findings(files | {"test_code.py": test}, RULE) == []
    (finding,) = findings(files | {"other.py": test.replace("test_run", "run_all")}, RULE)
    assert finding.location.path == "code_.py"


SERVES = """\
import sys
import models


class Server:
    def __init__(self, model):
        self.model = model.to("cpu")
        self.model.eval()

    def infer(self, x):
        label, sure = self.model.predict(x)
        return label, sure


model = getattr(models, sys.argv[1])()
model.load_state_dict(models.load(sys.argv[2]))
print(Server(model).infer(sys.argv[3]))
"""
PREDICTS = """\
import torch
from torch import nn


class Net(nn.Linear):
    def __init__(self):
        super().__init__(4, 2)

    def predict(self, x):
        {context}
            scores = self.forward(x)
            return scores.argmax().item(), scores.max().item()
"""


def test_a_method_that_switches_gradients_off_may_be_in_any_file(findings):
    files = {"serve.py": SERVES, "models.py": PREDICTS.format(context="with torch.no_grad():")}
    assert findings(files, RULE) == []
    files["models.py"] = PREDICTS.format(context="if True:")
    assert findings(files, RULE) != []


LEARNS = """\
import torch
from torch import nn
from fit import Fit


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(x)

    def learn(self, net, by, loader):
        self.result = by.run(net, loader)


net = Net()
net.eval()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
net.learn(net, Fit(optimizer), [torch.ones(1, 4)])
"""
FIT = """\
class Fit:
    def __init__(self, optimizer):
        self.optimizer = optimizer

    def run(self, net, loader):
        net.train()
        for x in loader:
            self.optimizer.zero_grad()
            net(x).sum().backward()
            self.optimizer.step()
        net.eval()
"""


def test_a_method_in_which_the_model_is_trained_evaluates_nothing(findings):
    assert findings({"main.py": LEARNS, "fit.py": FIT}, RULE) == []


@pytest.mark.parametrize("moved", ["", ".cuda()", ".type(torch.FloatTensor)"])
def test_a_model_stays_itself_where_its_type_changes(moved, findings):
    text = f"""
import torch
from torch import nn
from torchvision.models import resnet18


def score(images):
    net = resnet18(weights="DEFAULT"){moved}
    net.eval()

    def predict(x):
        return nn.functional.softmax(net(x), dim=1).data.numpy()

    return [predict(x) for x in images]
"""
    (finding,) = findings({"main.py": text}, RULE)
    assert finding.level is Level.EQUIVALENT


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


WRITES_A_FILE = """from pathlib import Path
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(x)

    def keep(self, state):
        folder = Path("saved", state["args"].data)
        folder.mkdir(parents=True, exist_ok=True)
        {code}

def evaluate(net, x):
    net.eval()
    with torch.no_grad():
        return net(x).argmax(1)

def train(net, optimizer):
    net.train()
    loss = net(torch.randn(8, 4)).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(3):
    with torch.enable_grad():
        train(net, optimizer)
    evaluate(net, torch.randn(8, 4))
    net.keep(dict(args=args))
"""


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("torch.save(state, folder.joinpath(state['args'].name).with_suffix('.pt'))", 0),
        ("torch.save(state, folder / state['args'].name.replace(state['args'].data, ''))", 0),
        ("print(self(torch.randn(8, 4)).mean().item())", 1),
        ("print(self.head(state['x']).mean().item())", 1),
    ],
)
def test_a_method_that_only_writes_a_file_runs_no_model(code, found, findings):
    """Methods of paths and texts that nobody knows are no layers, so `net.keep(...)` builds no graph."""
    assert len(findings({"main.py": WRITES_A_FILE.format(code=code)}, RULE)) == found
