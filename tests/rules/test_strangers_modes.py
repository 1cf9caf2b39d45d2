"""More of what other people's programs showed about modes and gradients, written anew and as small as it gets."""

from __future__ import annotations

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules import eval_without_no_grad, missing_eval_mode, missing_train_mode

HEAD = """
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.drop = nn.Linear(4, 3), nn.Dropout()

    def forward(self, x):
        return self.drop(self.fc(x))


net = Net()
optimizer = torch.optim.SGD(net.parameters(), 0.1)
batches = [(torch.randn(2, 4), torch.tensor([0, 1]))] * 6
"""

BETWEEN = """

def accuracy(net, data):
    net.eval()
    with torch.no_grad():
        return sum((net(x).argmax(1) == y).sum().item() for x, y in data)


for epoch in range(2):
    net.train()
    for step, (x, y) in enumerate(batches):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
"""
SEVERAL = """
        if step % 2 == 0:
            first = accuracy(net, batches[:1])
            print(first)
            second = accuracy(net, batches[1:])
            print(second)
"""


def test_training_goes_on_behind_the_last_of_several_evaluations(findings, applied):
    rule = missing_train_mode.RULE
    files = {"main.py": HEAD + BETWEEN + SEVERAL}
    after = applied(files, rule)["main.py"]
    assert after == files["main.py"].replace("batches[1:])\n", "batches[1:])\n            net.train()\n")
    assert findings({"main.py": after}, rule) == []


def test_training_goes_on_behind_the_evaluations_of_every_block(applied):
    two = """
        if step % 2 == 0:
            print("few", accuracy(net, batches[:2]))
        elif step % 5 == 0:
            total = accuracy(net, batches)
            if total > 5:
                total = accuracy(net, batches[:2])
"""
    after = applied({"main.py": HEAD + BETWEEN + two}, missing_train_mode.RULE)["main.py"]
    assert after.count("net.train()\n") == 3
    assert "batches[:2]))\n            net.train()\n" in after
    assert after.endswith("                total = accuracy(net, batches[:2])\n            net.train()\n")


def test_training_goes_on_before_the_loop_does(applied):
    inline = """
        if step % 2 == 0:
            net.eval()
            with torch.no_grad():
                print(net(x))
            continue
        print(step)
"""
    after = applied({"main.py": HEAD + BETWEEN + inline}, missing_train_mode.RULE)["main.py"]
    assert "print(net(x))\n            net.train()\n            continue\n" in after


@pytest.mark.parametrize(
    ("imports", "maker"),
    [
        ("from torchvision.models import ResNet50_Weights", "ResNet50_Weights.DEFAULT.transforms()"),
        ("from pretrainedmodels import utils", "utils.LoadTransformImage(net)"),
        ("import timm", "timm.data.create_transform(224)"),
        ("import segmentation_models_pytorch as smp", "smp.losses.DiceLoss('binary')"),
    ],
)
@pytest.mark.parametrize("rule", [missing_eval_mode.RULE, eval_without_no_grad.RULE])
def test_what_prepares_images_is_no_model(imports, maker, rule, findings):
    text = f"""
{imports}


def evaluate(images):
    net.eval()
    prepare = {maker}
    for image in images:
        ready = prepare(image)
        with torch.no_grad():
            print(net(ready).argmax(1))


evaluate([])
"""
    assert findings({"main.py": HEAD + text}, rule) == []


@pytest.mark.parametrize(
    ("imports", "maker"),
    [
        ("import torchvision", "torchvision.models.resnet18()"),
        ("import timm", "timm.create_model('resnet18')"),
        ("import pretrainedmodels", "pretrainedmodels.resnet18()"),
    ],
)
def test_what_such_a_library_makes_otherwise_is_a_model(imports, maker, findings):
    text = f"""
{imports}

model = {maker}
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for x, y in batches:
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()


def evaluate(model):
    with torch.no_grad():
        for x, y in batches:
            print(model(x).argmax(1))


evaluate(model)
"""
    found = findings({"main.py": HEAD + text}, missing_eval_mode.RULE)
    assert [f.level for f in found] == [Level.BEHAVIOR]


METRIC = """

class Distance(nn.Module):
    def __init__(self, scale=1.0):
        super().__init__()
        self.scale = scale{more}

    def forward(self, a, b):
        return self.scale * (a - b).pow(2).sum()


def evaluate(data):
    measure = Distance(2.0)
    total = 0
    for a, b in data:
        total += measure(a, b).item()
    return total


print(evaluate(batches))
"""


@pytest.mark.parametrize(("more", "found"), [("", 0), ("\n        self.weight = nn.Linear(3, 3)", 1)])
def test_a_module_without_parameters_builds_no_graph(more, found, findings):
    files = {"main.py": HEAD + METRIC.format(more=more)}
    assert len(findings(files, eval_without_no_grad.RULE)) == found


def test_the_closure_of_a_step_belongs_to_training(findings):
    text = """
for x, y in batches:
    def again():
        return F.cross_entropy(net(x), y)

    optimizer.zero_grad()
    F.cross_entropy(net(x), y).backward()
    optimizer.step(again)
"""
    assert findings({"main.py": HEAD + text}, eval_without_no_grad.RULE) == []


@pytest.mark.parametrize(("name", "found"), [("train", 0), ("_train_epoch", 0), ("train_accuracy", 1)])
def test_a_function_that_says_that_it_trains_is_no_evaluation(name, found, findings):
    text = f"""
class Trainer:
    def __init__(self, net):
        self.net = net

    def {name}(self, data):
        self.net.eval()
        for x, y in data:
            self.step_of_the_base_class(x, y)
            print(self.net(x).argmax(1))


Trainer(net).{name}(batches)
"""
    assert len(findings({"main.py": HEAD + text}, eval_without_no_grad.RULE)) == found


BASE = """
class Base:
    def __init__(self, net):
        self.net = net
        self.optimizer = torch.optim.SGD(net.parameters(), 0.1)

    def accuracy(self):
        with torch.no_grad():
            for x, y in batches:
                print(self.net(x).argmax(1))


class Plain(Base):
    def fit(self):
        for epoch in range(2):
            for x, y in batches:
                self.optimizer.zero_grad()
                F.cross_entropy(self.net(x), y).backward()
                self.optimizer.step()
            self.accuracy()


class Smooth(Base):
    def fit(self):
        for epoch in range(3):
            for x, y in batches:
                self.optimizer.zero_grad()
                F.cross_entropy(self.net(x), y, label_smoothing=0.1).backward()
                self.optimizer.step()
            self.accuracy()


Plain(Net()).fit()
Smooth(Net()).fit()
"""


def test_every_loop_that_asks_for_the_evaluation_goes_back_to_training(findings, applied):
    rule = missing_eval_mode.RULE
    after = applied({"main.py": HEAD + BASE}, rule)["main.py"]
    assert "def accuracy(self):\n        self.net.eval()\n" in after
    for rounds in (2, 3):
        assert f"for epoch in range({rounds}):\n            self.net.train()\n" in after
    assert findings({"main.py": after}, rule) == findings({"main.py": after}, missing_train_mode.RULE) == []


def test_the_parts_that_train_go_back_where_the_whole_is_evaluated(applied):
    text = """
body, head = Net(), nn.Linear(3, 3)
whole = nn.Sequential(body, head)
optimizer = torch.optim.SGD(whole.parameters(), 0.1)
for epoch in range(2):
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(head(body(x)), y).backward()
        optimizer.step()
    with torch.no_grad():
        for x, y in batches:
            print(whole(x).argmax(1))
"""
    after = applied({"main.py": HEAD + text}, missing_eval_mode.RULE)["main.py"]
    assert "for epoch in range(2):\n    body.train()\n    head.train()\n    for x, y" in after
    assert "        whole.eval()\n        for x, y" in after or "    whole.eval()\n    with torch.no_grad():" in after


TEACHER = """
def make(width):
    return nn.Sequential(nn.Linear(4, width), nn.Dropout(), nn.Linear(width, 3))


def evaluate(net):
    net.eval()
    with torch.no_grad():
        for x, y in batches:
            print(net(x).argmax(1))


def train(net, optimizer):
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()


def main():
    model = make(8)
    other = {other}
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for epoch in range(3):
        train(model, optimizer)
        {evaluation}


main()
"""


@pytest.mark.parametrize(
    ("other", "evaluation", "found"),
    [
        ("make(8)", "evaluate(other)", 0),
        ("make(8)", "other.eval()", 0),
        ("make(8)", "evaluate(model)", 1),
        ("model", "evaluate(other)", 1),
        ("nn.DataParallel(model)", "evaluate(other)", 1),
        ("make(8).cuda() if model is None else model", "evaluate(other)", 1),
    ],
)
def test_two_models_of_one_function_are_two_objects(other, evaluation, found, findings):
    text = TEACHER.format(other=other, evaluation=evaluation)
    assert len(findings({"main.py": HEAD + text}, missing_train_mode.RULE)) == found


@pytest.mark.parametrize(("end", "found"), [("print(start(x))", 0), ("self.net = start", 1)])
def test_a_model_that_is_made_and_dropped_is_another(end, found, findings):
    text = f"""
def make():
    return Net()


class Trainer:
    def __init__(self):
        self.net = make()
        self.optimizer = torch.optim.SGD(self.net.parameters(), 0.1)

    def matched(self, x):
        start = make()
        start.eval()
        {end}

    def fit(self):
        for epoch in range(3):
            for x, y in batches:
                self.optimizer.zero_grad()
                F.cross_entropy(self.net(x), y).backward()
                self.optimizer.step()
            self.matched(batches[0][0])


Trainer().fit()
"""
    assert len(findings({"main.py": HEAD + text}, missing_train_mode.RULE)) == found


FORECAST = """
import torch
import torch.nn as nn


class Forecast(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Linear(4, 8), nn.Linear(8, 1)

    def forward(self, x):
        return self.decoder(torch.tanh(self.encoder(x)))

    def {name}(self, data):
        {mode}
        total = 0
        for x, y in data:
            total += (self.decoder(torch.tanh(self.encoder(x))) - y).abs().mean().item()
        return total
"""
FORECASTING = """
import torch
from forecast import Forecast

model = Forecast()
optimizer = torch.optim.SGD(model.parameters(), 0.1)
batches = [(torch.randn(2, 4), torch.randn(2, 1))]
for epoch in range(2):
    for x, y in batches:
        optimizer.zero_grad()
        (model(x) - y).pow(2).mean().backward()
        optimizer.step()
    error = model.{name}(batches)
"""


@pytest.mark.parametrize(
    ("name", "mode", "found"),
    [
        ("test", "pass", 1),
        ("validate", "self.eval()", 1),
        ("error", "pass", 0),
    ],
)
def test_a_method_of_a_module_that_goes_through_data_evaluates(name, mode, found, findings, applied):
    rule = eval_without_no_grad.RULE
    files = {"forecast.py": FORECAST.format(name=name, mode=mode), "main.py": FORECASTING.format(name=name)}
    assert [f.location.path for f in findings(files, rule) if f.location.path == "forecast.py"] == [
        "forecast.py"
    ] * found
    after = applied(files, rule)
    assert ("no_grad" in after["main.py"]) == (name == "error")
    assert (f"    @torch.no_grad()\n    def {name}(" in after["forecast.py"]) == bool(found)
    assert findings(after, rule) == []


def test_a_method_of_a_module_that_its_training_calls_is_no_evaluation(findings):
    text = """
class Meta(Net):
    def test(self, data):
        total = 0
        for x, y in data:
            total = total + F.cross_entropy(self.fc(x), y)
        return total

    def fit(self, data):
        optimizer = torch.optim.SGD(self.parameters(), 0.1)
        for epoch in range(2):
            optimizer.zero_grad()
            self.test(data).backward()
            optimizer.step()


Meta().fit(batches)
"""
    assert findings({"main.py": HEAD + text}, eval_without_no_grad.RULE) == []


PARTS = """
class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = Net()
        self.head = Net()

    def forward(self, x):
        return self.body(x) + self.head(x)

    def learn(self):
        self.head.train()


both = Both()
optimizer = torch.optim.SGD(both.parameters(), 0.1)
for epoch in range(3):
    {back}
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(both(x), y).backward()
        optimizer.step()
    both.eval()
    with torch.no_grad():
        print(both(x))
"""


@pytest.mark.parametrize(
    ("back", "found"), [("pass", 1), ("both.head.train()", 0), ("both.learn()", 0), ("net.train()", 1)]
)
def test_a_part_that_goes_back_to_training_is_meant(back, found, findings):
    assert len(findings({"main.py": HEAD + PARTS.format(back=back)}, missing_train_mode.RULE)) == found


WORDS = """
class Hot(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = nn.Linear(size, 3)

    def forward(self, x):
        return self.size(x)


def main(data):
    hot, parts = Hot(4), {{}}
    for part in ['train', 'val', 'test']:
        parts[part] = hot(data[part])
        {inside}
    {behind}


main(dict.fromkeys(['train', 'val', 'test'], torch.ones(2, 4)))
"""


def test_a_loop_that_prepares_every_part_is_no_loop_over_phases(findings):
    rule = eval_without_no_grad.RULE
    for part in ("train", "test"):
        step = f"parts['{part}'].sum().backward()"
        text = WORDS.format(inside="pass", behind=step)
        assert [f for f in findings({"main.py": HEAD + text}, rule) if "while part" in f.message] == []


MADE = """
made = []
for epoch in range(3):
    {first}
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
    {last}
"""
LOOK = """with torch.no_grad():
        for x, y in batches:
            {what}"""


@pytest.mark.parametrize(
    ("first", "last", "level"),
    [
        ("pass", "made.append(net(x).argmax(1).tolist())", Level.BEHAVIOR),
        ("made.append(net(x).argmax(1).tolist())", "pass", Level.SUGGESTION),
        ("accuracy = (net(x).argmax(1) == y).sum().item()", "pass", Level.BEHAVIOR),
    ],
)
def test_what_is_made_before_the_training_of_an_epoch_may_be_for_it(first, last, level, findings):
    parts = {name: LOOK.format(what=what) for name, what in (("first", first), ("last", last)) if what != "pass"}
    text = MADE.format(**{"first": "pass", "last": "pass", **parts})
    assert [f.level for f in findings({"main.py": HEAD + text}, missing_eval_mode.RULE)] == [level]


SHARED = """
class Trainer:
    def __init__(self):
        self.net = Net()
        self.optimizer = torch.optim.SGD(self.net.parameters(), 0.1)

    def loss(self, x, y):
        return F.cross_entropy(self.net(x), y)

    def fit(self):
        for epoch in range(3):
            for x, y in batches:
                self.optimizer.zero_grad()
                self.loss(x, y).backward()
                self.optimizer.step()
            self.validate()

    def validate(self):
        {mode}
        total = 0
        with torch.no_grad():
            for x, y in batches:
                total += self.loss(x, y).item()
        return total


Trainer().fit()
"""


def test_a_loss_that_training_and_validation_share_sets_no_mode(findings, applied):
    stuck = HEAD + SHARED.format(mode="self.net.eval()")
    after = applied({"main.py": stuck}, missing_train_mode.RULE)["main.py"]
    loop = "for epoch in range(3):\n"
    assert after == stuck.replace(loop, f"{loop}            self.net.train()\n")
    assert findings({"main.py": after}, missing_train_mode.RULE) == []


def test_a_validation_through_a_shared_loss_is_seen(applied):
    text = HEAD + SHARED.format(mode="print('validation')")
    after = applied({"main.py": text}, missing_eval_mode.RULE)["main.py"]
    assert "for epoch in range(3):\n            self.net.train()\n" in after
    assert "def validate(self):\n        self.net.eval()\n" in after
    assert "def loss(self, x, y):\n        return" in after
