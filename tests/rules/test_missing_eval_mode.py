"""TFC301 beyond its page: the many ways in which programs set the mode."""

from __future__ import annotations

import pytest
from modes_tools import HEAD, MAIN, TEST, program

from torchfix_codemods.findings import Level
from torchfix_codemods.rules.missing_eval_mode import RULE

NO_GRAD = "@torch.no_grad()\ndef test(net, loader):\n"
LOOP = "    for x, y in loader:\n        print(net(x).argmax(1))\n"
CONTEXT = "    with evaluating(net):\n        for x, y in loader:\n            print(net(x))\n"


def test_the_plain_case(findings, applied):
    files = program("@torch.no_grad()\n" + TEST)
    (finding,) = findings(files, RULE)
    assert finding.level == Level.BEHAVIOR and "dropout" in finding.message
    fixed = applied(files, RULE)
    assert "def test(net, loader):\n    net.eval()\n" in fixed["main.py"]
    assert findings(fixed, RULE) == []


@pytest.mark.parametrize(
    "test",
    [
        NO_GRAD + "    net.train(False)\n" + LOOP,
        NO_GRAD + "    net.train(mode=flag)\n" + LOOP,
        NO_GRAD + "    was = net.training\n    net.eval()\n" + LOOP + "    net.train(was)\n",
        NO_GRAD + "    getattr(net, 'eval')()\n" + LOOP,
        NO_GRAD + "    net.eval() if flag else net.eval()\n" + LOOP,
        NO_GRAD + "    _ = [n.eval() for n in (net,)]\n" + LOOP,
        NO_GRAD + "    list(map(lambda n: n.eval(), [net]))\n" + LOOP,
        NO_GRAD + "    nets = {'a': net}\n    for n in nets.values():\n        n.eval()\n" + LOOP,
        "def switch(nets, train):\n    for n in nets:\n        n.train() if train else n.eval()\n\n"
        + NO_GRAD
        + "    switch([net], False)\n"
        + LOOP,
        "def switch(nets, train):\n    for n in nets:\n        if train:\n            n.train()\n        else:\n"
        "            n.eval()\n\n" + NO_GRAD + "    switch([net], train=False)\n" + LOOP,
        "from unread import evaluating\n\n" + NO_GRAD + CONTEXT,
        "@contextlib.contextmanager\ndef evaluating(n):\n    was = n.training\n    n.eval()\n    try:\n"
        "        yield n\n    finally:\n        n.train(was)\n\n" + NO_GRAD + CONTEXT,
        "class evaluating:\n    def __init__(self, n): self.n = n\n    def __enter__(self): self.n.eval()\n"
        "    def __exit__(self, *a): self.n.train()\n\n" + NO_GRAD + CONTEXT,
        "from unread import eval_mode\n\n@eval_mode\n" + TEST,
        "def evaluating(function):\n    def inner(net, *rest):\n        net.eval()\n        function(net, *rest)\n"
        "        net.train()\n    return inner\n\n@evaluating\n" + TEST,
        "from unread import to_eval_mode\n\n" + NO_GRAD + "    to_eval_mode(net)\n" + LOOP,
        NO_GRAD + "    wrapped = nn.DataParallel(net)\n    wrapped.module.eval()\n" + LOOP,
        NO_GRAD + "    twin = copy.deepcopy(net).eval()\n    for x, y in loader:\n        print(twin(x))\n",
        "class Mean(nn.Module):\n    def __init__(self, inner):\n        super().__init__()\n"
        "        self.inner = inner\n\n"
        + NO_GRAD
        + "    mean = Mean(net)\n    mean.eval()\n    for x, y in loader:\n        print(mean.inner(x))\n",
    ],
)
def test_ways_to_set_the_mode(test, findings):
    assert findings(program(test), RULE) == []


def test_the_callers_mode_is_enough(findings):
    main = MAIN.replace("    test(net, loader)", "    net.eval()\n    test(net, loader)")
    assert findings(program("@torch.no_grad()\n" + TEST, main), RULE) == []


def test_an_encoder_built_outside_follows_the_model_that_holds_it(findings):
    text = """
class Two(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, x):
        return self.encoder(x)


encoder = Net()
model = Two(encoder)
model.load_state_dict(torch.load(path))
model.eval()
with torch.no_grad():
    for x in DataLoader(data):
        print(model.encoder(x), encoder(x))
"""
    assert findings({"main.py": HEAD + text}, RULE) == []


@pytest.mark.parametrize(
    "choice",
    [
        "    if train == True:\n        net.train()\n    if train == False:\n        net.eval()\n",
        "    if train:\n        net.train()\n",
    ],
)
def test_an_evaluation_whose_caller_chooses_the_mode(choice, findings):
    """A course shows what batch norm does by testing one model in both modes."""
    test = "@torch.no_grad()\ndef test(net, loader, train=False):\n" + choice + LOOP
    assert findings(program(test, main=MAIN.replace("test(net, ", "test(net, train=True, loader=")), RULE) == []


BACK = """\
import torch
from torch import nn

net = nn.Sequential(nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)


def learn(x, y):
    optimizer.zero_grad()
    nn.functional.cross_entropy(net(x), y).backward()
    optimizer.step()


@torch.no_grad()
def {name}(x):
{body}


for epoch in range(3):
    for x, y in loader:
        learn(x, y)
    print({name}(batch))
"""
TWICE = "    for _ in range(2):\n        x = net(x)\n"


@pytest.mark.parametrize("name", ["validate", "rollout"])
def test_training_mode_at_the_end_is_the_way_back(name, findings, applied):
    """It is no wrong word: what is missing is the `eval()` before, and nothing else."""
    body = TWICE + "    net.train()\n    return x"
    files = {"main.py": BACK.format(name=name, body=body)}
    assert len(findings(files, RULE)) == 1
    fixed = applied(files, RULE)
    assert fixed["main.py"] == files["main.py"].replace(f"{name}(x):\n", f"{name}(x):\n    net.eval()\n")
    assert findings(fixed, RULE) == []


@pytest.mark.parametrize(
    "body",
    [
        "    net.train()\n" + TWICE + "    return x",
        TWICE + "    other.train()\n    return x",
        TWICE + "    return x",
        "    net.eval()\n" + TWICE + "    net.train()\n    return x",
    ],
    ids=["before", "another model", "nothing", "right"],
)
def test_a_function_that_does_not_say_that_it_evaluates(body, findings):
    """Samples, states and codes are computed in training mode on purpose."""
    assert findings({"main.py": BACK.format(name="rollout", body=body)}, RULE) == []


def test_a_way_out_before_the_way_back(findings, applied):
    """Who returns early stays in evaluation mode: what trains has to say what it needs."""
    body = TWICE + "    if x.sum() > 0:\n        return x\n    net.train()\n    return x"
    fixed = applied({"main.py": BACK.format(name="validate", body=body)}, RULE)["main.py"]
    assert "def learn(x, y):\n    net.train()\n" in fixed and "def validate(x):\n    net.eval()\n" in fixed
    assert "    net.train()\n    return x" in fixed


ADVERSARIAL = """
import torch
from torch import nn

MAKER = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 6))
critic = nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
opt_maker = torch.optim.Adam(MAKER.parameters())
opt_critic = torch.optim.Adam(critic.parameters())
train_data = [(torch.randn(5, 4), torch.randn(5, 6)) for _ in range(3)]
for epoch in range(3):
    for x, y in train_data:
        fake = MAKER(x)
        opt_critic.zero_grad()
        (critic(fake.detach()).mean() - critic(y).mean()).backward()
        opt_critic.step()
        opt_maker.zero_grad()
        (-critic(fake).mean()).backward()
        opt_maker.step()
    with torch.no_grad():
        for x, y in val_data:
            print(nn.functional.mse_loss(MAKER(x), y))
"""
ENCODED = ADVERSARIAL.replace("(critic(fake.detach()).mean() - critic(y).mean()).backward()", "pass")


@pytest.mark.parametrize(
    ("text", "maker", "level"),
    [
        (ADVERSARIAL, "painter", Level.SUGGESTION),
        (ENCODED, "painter", Level.BEHAVIOR),  # an encoder and what stands on it: no critic that sees something else
        (ENCODED, "net_g", Level.SUGGESTION),
        (ENCODED, "model_G", Level.SUGGESTION),
        (ENCODED, "net_global", Level.BEHAVIOR),
    ],
)
def test_a_generator_may_be_tested_with_the_statistics_of_the_batch(text, maker, level, findings):
    """Image translation does so on purpose: the network runs in a test as it ran in training."""
    (finding,) = findings({"main.py": text.replace("MAKER", maker)}, RULE)
    assert finding.level == level


BOUND = """
class Bound(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x).sum()


inner = Net()
bound = Bound(inner)
optimizer = torch.optim.Adam(inner.parameters())
for epoch in range(3):
    inner.train()
    for x, y in DataLoader(data):
        optimizer.zero_grad()
        bound(x).backward()
        optimizer.step()
    SWITCH
    with torch.no_grad():
        for x, y in DataLoader(validation):
            print(bound(x), inner(x))
"""


def test_a_wrapper_whose_model_is_switched(findings):
    """Variational inference: the bound holds the model, has no layers of its own, and nobody switches it."""
    assert findings({"main.py": HEAD + BOUND.replace("SWITCH", "inner.eval()")}, RULE) == []
    assert findings({"main.py": HEAD + BOUND.replace("SWITCH", "print(epoch)")}, RULE) != []


FLAGGED = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.rnn = nn.GRU(2, 2{more})
        self.drop = nn.Dropout()

    def forward(self, x, is_training=False):
        x = self.rnn(self.fc(x))[0]
        {use}
        return x


def train(net, loader, opt):
    for x, y in loader:
        loss = F.cross_entropy(net(x, True), y)
        opt.zero_grad()
        loss.backward()
        opt.step()


def test(net, loader):
    with torch.no_grad():
        for x, y in loader:
            print(net(x{flag}).argmax(1))


net = Net()
opt = torch.optim.SGD(net.parameters(), 0.1)
for epoch in range(3):
    train(net, DataLoader(data), opt)
    test(net, DataLoader(data))
"""
UNDER = "if is_training:\n            x = self.drop(x)"


@pytest.mark.parametrize("flag", ["", ", False", ", is_training=False"])
def test_a_model_with_a_flag_of_its_own_for_training(findings, flag):
    files = {"main.py": HEAD + FLAGGED.format(use=UNDER, flag=flag, more="")}
    assert findings(files, RULE) == []


@pytest.mark.parametrize(
    ("use", "flag", "more"),
    [
        (UNDER, ", True", ""),
        (UNDER, ", is_training=True", ""),
        (UNDER, ", is_training=epoch > 3", ""),
        (UNDER, "", ", 2, dropout=0.5"),
        ("x = self.drop(x)", "", ""),
        ("if not is_training:\n            x = self.drop(x)", "", ""),
        ("if is_training:\n            x = x * 2\n        else:\n            x = self.drop(x)", "", ""),
        ("is_training = True\n        " + UNDER, "", ""),
        (UNDER + "\n        x = F.relu(self.drop(x))", "", ""),
    ],
)
def test_a_flag_that_does_not_keep_the_dropout_off(findings, use, flag, more):
    files = {"main.py": HEAD + FLAGGED.format(use=use, flag=flag, more=more)}
    assert len(findings(files, RULE)) == 1


EPOCHS = (
    HEAD
    + """\
net = Net()
opt = torch.optim.SGD(net.parameters(), 0.1)
for epoch in range(3):
    for x, y in loader:
        loss = F.cross_entropy(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        {look}
"""
)


def test_a_single_batch_that_measures_an_epoch(findings, applied):
    text = EPOCHS.format(look="val_loss = F.cross_entropy(net(held_back), labels).item()")
    (finding,) = findings({"main.py": text}, RULE)
    assert finding.level is Level.SUGGESTION and "dropout" in finding.message
    fixed = applied({"main.py": text}, RULE, Level.SUGGESTION)["main.py"]
    assert "range(3):\n    net.train()\n" in fixed and "    net.eval()\n    with torch.no_grad():\n" in fixed
    assert findings({"main.py": fixed}, RULE) == []


@pytest.mark.parametrize(
    "look",
    [
        "save_image(net(noise), 'epoch.png')",
        "labels_of[epoch] = net(held_back).argmax(1)",
        "net.eval(); val_loss = F.cross_entropy(net(held_back), labels).item(); net.train()",
        "_ = net(held_back)  # the statistics of batch norm; loss does not matter",
    ],
)
def test_what_else_runs_a_model_between_epochs(look, findings):
    assert findings({"main.py": EPOCHS.format(look=look)}, RULE) == []


LOADED = (
    HEAD
    + """\
net = Net()
opt = torch.optim.SGD(net.parameters(), 0.1)
net.load_state_dict(torch.load("net.pt"))
with torch.no_grad():
    out = net(torch.rand(2, 3))
"""
)


@pytest.mark.parametrize("use", ["print(out)", "print(out.shape, out.argmax(1))"])
def test_a_loaded_model_whose_numbers_are_read(use, findings):
    assert len(findings({"main.py": LOADED + use}, RULE)) == 1


@pytest.mark.parametrize("use", ["", "print(out.shape)", "print('size', out.size(1), out.dim())"])
def test_a_loaded_model_that_is_only_asked_for_its_shapes(use, findings):
    assert findings({"main.py": LOADED + use}, RULE) == []


PLAIN = """
net = nn.Linear(3, 2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)


@torch.no_grad()
def NAME(loader):
    return [net(x).argmax(1) for x, y in loader]


for epoch in range(3):
    for x, y in DataLoader(data):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
    print(NAME(DataLoader(data)))
"""


@pytest.mark.parametrize(("name", "found"), [("evaluate", 1), ("val_step", 1), ("get_values", 0), ("answers", 0)])
def test_where_nothing_depends_on_the_mode_only_an_evaluation_by_name_is_told(findings, name, found):
    told = findings({"main.py": HEAD + PLAIN.replace("NAME", name)}, RULE)
    assert [f.level for f in told] == [Level.SUGGESTION] * found


CHECK = "for x, y in loader:\n    print(net(x).argmax(1))\n    break\n"
TRAINING = (
    "optimizer = torch.optim.SGD(net.parameters(), 0.1)\n"
    "for x, y in loader:\n"
    "    optimizer.zero_grad()\n"
    "    F.cross_entropy(net(x), y).backward()\n"
    "    optimizer.step()\n"
)
SETUP = HEAD + "net = Net()\nloader = DataLoader(TensorDataset(torch.randn(8, 4), torch.randint(3, (8,))), 4)\n"


def test_a_look_at_the_model_before_it_trains(findings, applied):
    (finding,) = findings({"main.py": SETUP + CHECK + TRAINING}, RULE)
    assert "training mode" in finding.message and finding.level is Level.SUGGESTION
    for training in (TRAINING, TRAINING.replace("for x", "net.train()\nfor x")):
        fixed = applied({"main.py": SETUP + CHECK + training}, RULE, Level.SUGGESTION)["main.py"]
        assert "net.eval()\nfor x, y in loader:\n    print(" in fixed
        assert fixed.count("net.train()\nfor x, y in loader:\n    optimizer") == 1


RUNNER = (
    "class Runner(nn.Module):\n"
    "    def __init__(self):\n"
    "        super().__init__()\n"
    "        self.net = Net()\n"
    "        self.optimizer = torch.optim.SGD(self.net.parameters(), 0.1)\n\n"
    "    def forward(self, x, y):\n"
    "        loss = F.cross_entropy(self.net(x), y)\n"
    "        self.net.zero_grad()\n"
    "        loss.backward()\n"
    "        self.optimizer.step()\n"
    "        return loss\n\n\n"
)
USE = (
    "def main(loader):\n"
    "    runner = Runner()\n"
    "    for x, y in loader:\n"
    "        print(runner(x, y).item())\n\n\n"
    "main([])\n"
)


def test_a_module_whose_forward_trains(findings):
    assert findings({"main.py": HEAD + RUNNER + USE}, RULE) == []
    reads = RUNNER.replace("        self.net.zero_grad()\n        loss.backward()\n        self.optimizer.step()\n", "")
    assert len(findings({"main.py": HEAD + reads + USE}, RULE)) == 1


SMOKE = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.drop = nn.Linear(3, 2), nn.Dropout()

    def forward(self, x):
        outputs = self.drop(self.fc(x))
        return outputs


def load(path):
    model = Net()
    model.load_state_dict(torch.load(path))
    return model


model = Net()
model.load_state_dict(torch.load("net.pt"))
USE
"""


@pytest.mark.parametrize(
    ("use", "found"),
    [
        ("print(model(torch.rand(1, 3)).size())", 0),
        ("outputs = model(torch.rand(1, 3))", 0),  # forward has a variable of that name
        ("outputs = model(torch.rand(1, 3))\nprint(outputs.argmax(1))", 1),
        ("print(model(torch.rand(1, 3)).argmax(1))", 1),
        ("model.training = False\nmodel.eval()\nprint(model(torch.rand(1, 3)).argmax(1))", 0),
        ("model.training = False\nprint(model(torch.rand(1, 3)).argmax(1))", 1),
    ],
)
def test_a_script_that_asks_whether_a_model_runs(use, found, findings):
    assert len(findings({"main.py": HEAD + SMOKE.replace("USE", use)}, RULE)) == found
