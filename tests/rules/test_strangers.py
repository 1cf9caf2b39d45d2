"""Look-alikes and misses that other people's programs showed, each written anew and as small as it gets."""

from __future__ import annotations

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules import (
    eval_without_no_grad,
    interpolate_needs_batch,
    missing_eval_mode,
    missing_train_mode,
    missing_zero_grad,
    volatile_variable,
)

HEAD = """
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Variable


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.drop = nn.Linear(4, 3), nn.Dropout()

    def forward(self, x):
        return self.drop(self.fc(x))


net = Net()
optimizer = torch.optim.SGD(net.parameters(), 0.1)
loaders = {'train': [(torch.randn(2, 4), torch.tensor([0, 1]))], 'val': [(torch.randn(2, 4), torch.tensor([0, 1]))]}
"""

PHASES = """
for epoch in range(2):
    for phase in ['train', 'val']:
        {mode}
        for x, y in loaders[phase]:
            {attack}
            loss = F.cross_entropy(net(x), y)
            if phase == 'train':
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
"""
ATTACK = """
def perturbed(net, x, y):
    x = x.clone().requires_grad_(True)
    F.cross_entropy(net(x), y).backward()
    return (x + 0.1 * x.grad.sign()).detach()

"""


def test_an_attack_in_the_evaluation_phase_needs_gradients(findings):
    rule = eval_without_no_grad.RULE
    plain = HEAD + PHASES.format(mode="net.train(phase == 'train')", attack="pass")
    assert [f.level for f in findings({"a.py": plain}, rule)] == [Level.EQUIVALENT]
    attacked = plain.replace("pass\n", "x = attack.perturbed(net, x, y)\n").replace(
        "import torch\n", "import attack, torch\n"
    )
    files = {"a.py": attacked, "attack.py": "import torch\nimport torch.nn.functional as F\n" + ATTACK}
    assert findings(files, rule) == []


def test_a_loss_written_as_a_module_builds_no_graph_in_the_evaluation_phase(findings):
    text = """
class CircleLoss(nn.Module):
    def forward(self, a, b):
        return (a * b).sum()


criterion_circle = CircleLoss()
for epoch in range(2):
    for phase in ['train', 'val']:
        net.train(phase == 'train')
        for x, y in loaders[phase]:
            with torch.set_grad_enabled(phase == 'train'):
                out = net(x)
            loss = criterion_circle(out, out)
            if phase == 'train':
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
"""
    assert findings({"a.py": HEAD + text}, eval_without_no_grad.RULE) == []


@pytest.mark.parametrize(
    ("before", "found"),
    [("net.eval()\n    ", False), ("", True), ("net.eval()\n    net.train()\n    ", True)],
)
def test_the_flag_behind_the_call_changes_nothing(before, found, findings):
    text = HEAD + (
        f"def test():\n    {before}net.training = False\n    with torch.no_grad():\n"
        "        for x, y in loaders['val']:\n            print(net(x))\n\n\ntest()\n"
    )
    assert bool(findings({"a.py": text}, missing_eval_mode.RULE)) == found


def test_the_code_of_an_outer_model_is_no_place_for_a_mode(findings, applied):
    """`forward` calls the `forward` of a part: the mode is set where the outer model trains."""
    model = HEAD.split("net = Net()")[0] + (
        "\n\nclass Outer(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.model = Net()\n\n"
        "    def forward(self, x):\n        return self.model.forward(x)\n"
    )
    main = """
import torch
import torch.nn.functional as F
from model import Outer

outer = Outer()
optimizer = torch.optim.SGD(outer.parameters(), 0.1)
loader = [(torch.randn(2, 4), torch.tensor([0, 1]))]
for epoch in range(3):
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(outer.forward(x), y).backward()
        optimizer.step()
    with torch.no_grad():
        for x, y in loader:
            print(outer.forward(x))
"""
    files = {"model.py": model, "main.py": main}
    after = applied(files, missing_eval_mode.RULE)
    assert after["model.py"] == model
    assert "range(3):\n    outer.train()\n" in after["main.py"] and "    outer.eval()\n" in after["main.py"]
    stuck = {**files, "main.py": main.replace("    with", "    outer.eval()\n    with")}
    assert [f.location.path for f in findings(stuck, missing_train_mode.RULE)] == ["main.py"]


def test_a_record_of_a_models_weights_is_no_forward(findings):
    text = HEAD.replace(
        "        return self.drop(self.fc(x))\n",
        "        return self.drop(self.fc(x))\n\n    def best(self):\n"
        "        return Best(rows=self.fc.weight.data.argmax(1).tolist(), count=3)\n",
    ).replace(
        "\n\n\nclass Net",
        "\nfrom collections import namedtuple\nBest = namedtuple('Best', 'rows count')\n\n\nclass Net",
    )
    text += """
for x, y in loaders['train']:
    optimizer.zero_grad()
    F.cross_entropy(net(x), y).backward()
    optimizer.step()
    if len(x) > 1:
        print(net.best())
"""
    assert findings({"a.py": text}, eval_without_no_grad.RULE) == []


VOLATILE = """
import torch.nn as nn


class Other(nn.Module):
    def forward(self, x):
        {body}
        return x
"""


@pytest.mark.parametrize("body", ["self.train()", "fit(x)"])
def test_the_call_that_leads_to_training_never_goes_under_no_grad(body, findings, applied):
    """A method of some module calls a function of the same name: less is known, and main() still trains."""
    name = "train" if "train" in body else "fit"
    main = (
        HEAD
        + f"""

def {name}(net, loaders):
    for x, y in loaders['train']:
        optimizer.zero_grad()
        F.cross_entropy(net(Variable(x)), Variable(y)).backward()
        optimizer.step()
    for x, y in loaders['val']:
        x = Variable(x, volatile=True)
        print(net(x))


def main():
    {name}(net, loaders)


if __name__ == '__main__':
    main()
"""
    )
    files = {"main.py": main, "other.py": VOLATILE.format(body=body)}
    after = applied(files, volatile_variable.RULE)["main.py"]
    assert "    main()\n" in after and "        main()\n" not in after
    if name == "train":
        assert "    with torch.no_grad():\n        for x, y in loaders['val']:\n" in after


# What was missed

OVERRIDE = """

class Frozen(Net):
    def train(self, mode=True):
        super().train({handed})
        self.fc.eval()
        return self


net = Frozen()
optimizer = torch.optim.SGD(net.parameters(), 0.1)
"""
ACCURACY = """

@torch.no_grad()
def accuracy(net, loader):
    hits = 0
    for x, y in loader:
        hits += (net(x).argmax(1) == y).sum().item()
    return hits


for x, y in loaders['train']:
    optimizer.zero_grad()
    F.cross_entropy(net(x), y).backward()
    optimizer.step()
print(accuracy(net, loaders['val']))
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ACCURACY, True),
        (OVERRIDE.format(handed="mode") + ACCURACY, False),
        (OVERRIDE.format(handed="False") + ACCURACY, False),
        (ACCURACY.replace("def accuracy", "def update_bn").replace("accuracy(", "update_bn("), False),
        (ACCURACY.replace("for x, y in loader:", "for _ in range(3):\n        x, y = loader[0]"), False),
    ],
)
def test_a_function_that_loops_over_data_evaluates_whatever_its_name(text, found, findings):
    assert bool(findings({"a.py": HEAD + text}, missing_eval_mode.RULE)) == found


def test_an_eval_elsewhere_says_nothing_about_a_loop_over_phases(findings):
    show = "\n\n@torch.no_grad()\ndef show():\n    net.eval()\n    print(net(torch.zeros(1, 4)))\n\n\nshow()\n"
    text = HEAD + PHASES.format(mode="net.train()", attack="pass") + show
    found = findings({"a.py": text}, missing_eval_mode.RULE)
    assert [f.message.split(" evaluated")[0] for f in found] == ["net"]


def test_what_another_script_trains_is_no_part_of_a_loss_here(findings):
    model = HEAD.split("net = Net()")[0]
    test = """
import torch
from model import Net


@torch.no_grad()
def test_net(net, data):
    for x in data:
        print(net(x))


def test(data):
    net = Net()
    net.load_state_dict(torch.load('net.pth'))
    test_net(net, data)


if __name__ == '__main__':
    test([torch.zeros(1, 4)])
"""
    train = """
import torch
import torch.nn.functional as F
from model import Net
from test import test

net = Net()
optimizer = torch.optim.SGD(net.parameters(), 0.1)
for x, y in [(torch.randn(2, 4), torch.tensor([0, 1]))]:
    F.cross_entropy(net(x), y).backward()
    optimizer.step()
torch.save(net.state_dict(), 'net.pth')
test([torch.zeros(1, 4)])
"""
    found = findings({"model.py": model, "test.py": test, "train.py": train}, missing_eval_mode.RULE)
    assert [f.location.path for f in found] == ["test.py"]


@pytest.mark.parametrize(("method", "found"), [("decode_step", True), ("train_step", False)])
def test_a_step_of_decoding_does_not_train(method, found, findings):
    text = f"""
import torch

saved = torch.load('best.pth')
decoder, encoder = saved['decoder'], saved['encoder']
decoder.eval()
encoder.eval()


def evaluate(loader):
    for image in loader:
        h = encoder(image)
        for _ in range(5):
            h = decoder.{method}(h)
            print(decoder.fc(h).argmax(1))
"""
    assert bool(findings({"a.py": text}, eval_without_no_grad.RULE)) == found


@pytest.mark.parametrize(
    ("default", "stored", "found"),
    [
        ("(16, 16)", "size", True),
        ("[16, 16]", "size", True),
        ("16", "size", False),
        ("None", "size", False),
        ("(16, 16)", "size[0]", False),
        ("(16, 16)", "size\n        self.size = other", False),
    ],
)
def test_a_size_that_is_a_pair_by_default(default, stored, found, findings):
    text = f"""
import torch
import torch.nn.functional as F


class Shapes(torch.utils.data.Dataset):
    def __init__(self, other, size={default}):
        self.size = {stored}

    def __getitem__(self, index):
        mask = torch.zeros(1, 20, 20)
        return F.interpolate(mask, size=self.size, mode='nearest')
"""
    found_now = findings({"a.py": text}, interpolate_needs_batch.RULE)
    assert [f.level for f in found_now] in ([[Level.CRASH_FIX]] if found else [[], [Level.SUGGESTION]])


CLEARS_ITSELF = """\
import torch
from elsewhere import *


class Pointer(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.dec = Encoder(), Decoder()

    def forward(self, x, y):
        self.zero_grad()
        return F.nll_loss(self.dec(self.enc(x)), y)


model = Pointer()
first = torch.optim.Adam(model.enc.parameters())
second = torch.optim.Adam(model.dec.parameters())
for x, y in batches():
    loss = model(x, y)
    loss.backward()
    first.step()
    second.step()
"""
PARTS = "from torch import nn as net\nclass Encoder(net.Linear):\n    pass\nclass Decoder(net.Linear):\n    pass\n"


def test_a_model_of_an_unknown_base_that_clears_in_its_forward(findings):
    files = {"a.py": CLEARS_ITSELF.replace("import torch\n", "import torch\nfrom parts import Decoder, Encoder\n")}
    assert findings({**files, "parts.py": PARTS}, missing_zero_grad.RULE) == []
    without = {"a.py": files["a.py"].replace("        self.zero_grad()\n", ""), "parts.py": PARTS}
    assert [f.level for f in findings(without, missing_zero_grad.RULE)] == [Level.SUGGESTION]


RANKER = """\
class Ranker:
    def __init__(self):
        self.net = Net()
        self.optimizer = torch.optim.SGD(self.net.parameters(), 0.1)

    def fit(self):
        for x, y in loaders["train"]:
            loss = F.cross_entropy(self.net(x), y) + self.other(x)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    def other(self, x):
        return self.net(-x).mean()

    def predict(self, x):
        self.net.eval()
        with torch.no_grad():
            return self.net(x)


ranker = Ranker()
for epoch in range(3):
    ranker.fit()
    print(ranker.predict(loaders["train"][0][0]))
"""


def test_one_train_is_enough_for_a_step_and_its_helpers(findings, applied):
    rule = missing_train_mode.RULE
    assert len(findings({"a.py": HEAD + RANKER}, rule)) == 1
    text = applied({"a.py": HEAD + RANKER}, rule)["a.py"]
    assert text.count(".train()") == 1 and "def fit(self):\n        self.net.train()\n" in text
    assert findings({"a.py": text}, rule) == []


LATE = """
class Trainer:
    def __init__(self, batches):
        self.net = None
        self.batches = batches

    def {name}(self, made):
        self.net = {value}

    def validate(self):
        self.net.eval()
        return sum((self.net(x).argmax(1) == y).sum().item() for x, y in self.batches)
"""


@pytest.mark.parametrize(
    ("name", "value", "count"), [("build", "Net()", 1), ("set_params", "made.net", 1), ("build", "None", 0)]
)
def test_an_attribute_that_is_none_until_another_method_sets_it(name, value, count, findings):
    text = HEAD + LATE.format(name=name, value=value)
    assert len(findings({"a.py": text}, eval_without_no_grad.RULE)) == count


DEPTH = """
class Monitor:
    def __init__(self, net, loss, loader, depth, owner):
        self.net, self.loss, self.loader, self.depth, self.owner = net, loss, loader, depth, owner

    def losses(self):
        self.net.eval()
        for data in self.loader:
            self.owner.losses.setdefault(0, self.loss(self.answers(data), data[-1]))

    def answers(self, data):
        x = data[0]
        if self.depth:
            d = data[1]
            if torch.cuda.is_available():
                x, d = Variable(x, volatile=True).cuda(), Variable(d, volatile=True).cuda()
            else:
                x, d = Variable(x, volatile=True), Variable(d, volatile=True)
            out = self.net(x, d)
        else:
            out = self.net(Variable(x, volatile=True))
        return out
"""


def test_a_branch_around_the_value_and_its_model_is_no_flag(findings):
    found = findings({"a.py": HEAD + DEPTH}, volatile_variable.RULE)
    assert [f.level for f in found] == [Level.SUGGESTION] * 5
    assert all(f.fix is None for f in found)
