"""TFC304 beyond its page: programs that only look as if frozen statistics moved, and other ways to freeze."""

from __future__ import annotations

from textwrap import indent

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules.frozen_batch_norm_statistics import RULE
from torchfix_codemods.rules.missing_train_mode import RULE as TRAIN_MODE

HEAD = """\
import copy
import torch
import torchvision
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout())
        self.head = nn.Linear(4, 2)
{init}
    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))

{methods}
"""
LOOP = """\
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(3):
    net.train()
    for x, y in batches:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
"""


def program(freezing: str, init: str = "", methods: str = "", loop: str = LOOP) -> dict[str, str]:
    """A script that makes a model, does something to it and trains it."""
    head = HEAD.replace("{init}", indent(init, "        ")).replace("{methods}", indent(methods, "    "))
    data = "batches = [(torch.rand(4, 3, 8, 8), torch.zeros(4).long())]"
    return {"train.py": f"{head}net = Net()\n{freezing}\n{data}\n{loop}"}


FREEZINGS = {
    "assigned": "for p in net.body.parameters():\n    p.requires_grad = False",
    "called": "for p in net.body.parameters():\n    p.requires_grad_(False)",
    "module": "net.body.requires_grad_(False)",
    "keyword": "net.body.requires_grad_(requires_grad=False)",
    "function": "def freeze(a):\n    for p in a.parameters():\n        p.requires_grad = False\n\n\nfreeze(net.body)",
    "name": "part = net.body\nfor p in part.parameters():\n    p.requires_grad = False",
}


@pytest.mark.parametrize("freezing", FREEZINGS.values(), ids=FREEZINGS)
def test_b1_ways_to_freeze(freezing, findings, applied):
    files = program(freezing)
    (finding,) = findings(files, RULE)
    assert finding.level is Level.BEHAVIOR
    after = applied(files, RULE)
    assert "    net.train()\n    for m in net.body.modules():" in after["train.py"]
    assert findings(after, RULE) == []


def test_b1_every_train_of_the_model_gets_the_loop(findings, applied):
    more = LOOP + "    net.eval()\n    net.train()\n    net(batches[0][0])\n"
    files = program(FREEZINGS["module"], loop=more)
    assert len(findings(files, RULE)) == 2
    assert applied(files, RULE)["train.py"].count("keep frozen BatchNorm statistics") == 2


def test_b1_a_train_under_a_condition(applied):
    loop = LOOP.replace("    net.train()\n", "    net.train() if optimizer is not None else net.eval()\n")
    after = applied(program(FREEZINGS["module"], loop=loop), RULE)["train.py"]
    assert "else net.eval()\n    for m in net.body.modules():" in after


def test_b1_the_loop_takes_a_free_name_and_torchs_own(applied):
    files = program("import torch.nn as layers\nm = net.body.requires_grad_(False)")
    files["train.py"] = files["train.py"].replace("from torch import nn\n", "import torch.nn as nn\n")
    after = applied(files, RULE)["train.py"]
    assert "    for module in net.body.modules():" in after and "if isinstance(module, " in after


@pytest.mark.parametrize(
    ("freezing", "fix"),
    [
        ("for p in net.parameters():\n    p.requires_grad = False\nnet.head = nn.Linear(4, 2)", False),
        ("import sys\nif len(sys.argv) > 1:\n    net.body.requires_grad_(False)", False),
        ("net.body.requires_grad_(False)\nwrapped = nn.DataParallel(net)", False),
    ],
)
def test_b1_suggestions(freezing, fix, findings):
    (finding,) = findings(program(freezing), RULE)
    assert finding.level is Level.SUGGESTION and (finding.fix is not None) == fix


def test_b1_the_weights_of_one_normalisation_alone(findings):
    init = "self.norm = nn.BatchNorm2d(3)\nfor p in self.norm.parameters():\n    p.requires_grad = False"
    (finding,) = findings(program("", init=init), RULE)
    assert finding.level is Level.SUGGESTION and finding.fix is None


LOOK_ALIKES = {
    "some": "for name, p in net.body.named_parameters():\n    if 'w' in name:\n        p.requires_grad = False",
    "biases": "for p in net.body.parameters():\n    if p.dim() == 1:\n        continue\n    p.requires_grad = True",
    "one-layer": "net.body[0].weight.requires_grad = False",
    "learns-again": "net.body.requires_grad_(False)\nnet.body.requires_grad_(True)",
    "by-a-flag": "def freeze(flag):\n    net.body.requires_grad_(flag)\n\n\nfreeze(bool(input()))",
    "head-only": "net.head.requires_grad_(False)",
    "looked-after": "net.body.requires_grad_(False)\n\n\ndef freeze_bn(m):\n    pass",
    "momentum": "net.body.requires_grad_(False)\nnet.body[1].momentum = 0",
    "hook": "net.body.requires_grad_(False)\nnet.register_forward_pre_hook(lambda m, x: m.body.eval() and None)",
    "not-frozen": "",
    "momentum-encoder": "net.body.requires_grad_(False)\n\n\ndef follow(other):\n"
    "    for q, k in zip(other.body.parameters(), net.body.parameters()):\n        k.data.mul_(0.9).add_(q.data * 0.1)",
    "update-bn": "net.body.requires_grad_(False)\ntorch.optim.swa_utils.update_bn([], net)",
}


@pytest.mark.parametrize("freezing", LOOK_ALIKES.values(), ids=LOOK_ALIKES)
def test_b1_look_alikes(freezing, findings):
    assert findings(program(freezing), RULE) == []


@pytest.mark.parametrize(
    "norm",
    ["nn.GroupNorm(2, 4)", "nn.InstanceNorm2d(4)", "nn.BatchNorm2d(4, track_running_stats=False)", "nn.Identity()"],
)
def test_b1_layers_that_keep_no_statistics(norm, findings):
    files = program(FREEZINGS["module"])
    files["train.py"] = files["train.py"].replace("nn.BatchNorm2d(4)", norm)
    assert findings(files, RULE) == []


@pytest.mark.parametrize(
    ("backbone", "found"),
    [
        ("torchvision.models.resnet18()", True),
        ("torchvision.models.vgg16_bn(weights=None)", True),
        ("torchvision.models.mobilenet_v2()", True),
        ("torchvision.models.vgg16()", False),
        ("torchvision.models.alexnet()", False),
        ("torchvision.models.vit_b_16()", False),
        ("somewhere.backbone()", False),
    ],
)
def test_b1_backbones_of_torchvision(backbone, found, findings):
    init = f"self.net = {backbone}\nself.net.requires_grad_(False)"
    files = program("", init=init)
    assert bool(findings(files, RULE)) == found


def test_b1_a_class_that_overrides_train(findings):
    methods = "def train(self, mode=True):\n    super().train(mode)\n    self.body.eval()\n    return self\n"
    assert findings(program(FREEZINGS["module"], methods=methods), RULE) == []


def test_b1_a_model_that_nothing_trains(findings):
    loop = "net.train()\nfor x, y in batches:\n    print(net(x).shape)\n"
    assert findings(program(FREEZINGS["module"], loop=loop), RULE) == []


FREEZE_BN = (
    "def stop(self):\n    for m in self.modules():\n        if isinstance(m, nn.BatchNorm2d):\n            m.eval()\n"
)
UNDONE = {
    "method": ("net.stop()", FREEZE_BN),
    "part": ("net.body.eval()", ""),
    "loop": ("for m in net.modules():\n    if isinstance(m, nn.BatchNorm2d):\n        m.eval()", ""),
    "function": (
        "def stop(model):\n    for m in model.modules():\n        if isinstance(m, nn.BatchNorm2d):\n"
        "            m.eval()\n\n\nstop(net)",
        "",
    ),
    "applied": ("def stop(m):\n    if isinstance(m, nn.BatchNorm2d):\n        m.eval()\n\n\nnet.apply(stop)", ""),
}


@pytest.mark.parametrize(("statement", "methods"), UNDONE.values(), ids=UNDONE)
def test_b2_moves_the_statement_behind_train(statement, methods, findings, applied):
    files = program(statement, methods=methods)
    (finding,) = findings(files, RULE)
    assert finding.level is Level.BEHAVIOR
    after = applied(files, RULE)
    moved = statement.rpartition("\n\n\n")[2]
    assert f"    net.train()\n{indent(moved, '    ')}\n" in after["train.py"]
    assert findings(after, RULE) == []


@pytest.mark.parametrize(
    ("statement", "loop"),
    [
        ("net.stop()", LOOP.replace("    net.train()\n", "    net.train()\n    net.stop()\n")),
        ("net.stop()", LOOP.replace("    net.train()\n", "")),
        ("net.head.eval()", LOOP),
        ("net.body.eval()\nprint(net.body(torch.rand(1, 3, 8, 8)).shape)", LOOP),
        ("net.eval()", LOOP),
    ],
    ids=["again", "no-train", "no-norm", "for-one-call", "all-of-it"],
)
def test_b2_look_alikes(statement, loop, findings):
    assert findings(program(statement, methods=FREEZE_BN, loop=loop), RULE) == []


def test_b2_a_statement_with_comments_stays(findings):
    statement = "for m in net.modules():\n    # small batches\n    if isinstance(m, nn.BatchNorm2d):\n        m.eval()"
    (finding,) = findings(program(statement), RULE)
    assert finding.fix is None and "comments" in (finding.no_fix_reason or "")


BATCH = """\
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

data = TensorDataset(torch.rand({count}, 8), torch.zeros({count}).long())
loader = DataLoader(data, {options})
net = nn.Sequential(nn.Linear(8, 6), {norm}, nn.Linear(6, 3))
optimizer = torch.optim.Adam(net.parameters())
for x, y in loader:
    loss = nn.functional.cross_entropy(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("count", "options", "norm", "found"),
    [
        (33, "batch_size=16", "nn.BatchNorm1d(6)", True),
        (33, "16, True", "nn.BatchNorm1d(6)", True),
        (33, "batch_size=16, shuffle=True", "nn.BatchNorm1d(num_features=6)", True),
        (32, "batch_size=16", "nn.BatchNorm1d(6)", False),
        (34, "batch_size=16", "nn.BatchNorm1d(6)", False),
        (33, "batch_size=16, drop_last=True", "nn.BatchNorm1d(6)", False),
        (33, "batch_size=16, sampler=[0, 1]", "nn.BatchNorm1d(6)", False),
        (33, "batch_size=16", "nn.LayerNorm(6)", False),
        (33, "batch_size=1", "nn.BatchNorm1d(6)", False),
    ],
)
def test_b4_a_last_batch_of_one(count, options, norm, found, findings, applied):
    files = {"train.py": BATCH.format(count=count, options=options, norm=norm)}
    assert bool(findings(files, RULE)) == found
    assert raises(files["train.py"]) == (found or options == "batch_size=1")
    if found:
        after = applied(files, RULE)["train.py"]
        assert not raises(after) and ", drop_last=True)" in after


def raises(text: str) -> bool:
    """Whether the program raises the error of a single batch."""
    try:
        exec(text, {})
    except ValueError as error:
        assert "more than 1 value per channel" in str(error)
        return True
    return False


TEACHER = """\
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for x, y in batches:
    loss = nn.functional.mse_loss(net(x), {wanted})
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""


@pytest.mark.parametrize(
    ("making", "wanted", "found"),
    [
        ("teacher = Net().requires_grad_(False)", "teacher(x)", True),
        ("teacher = copy.deepcopy(net)\nteacher.requires_grad_(False)", "teacher(x)", True),
        ("teacher = Net().requires_grad_(False)\nteacher.eval()", "teacher(x)", False),
        ("teacher = net", "teacher(x).detach()", False),
        ("@torch.no_grad()\ndef pseudo(model, x):\n    return model(x)\n", "pseudo(net, x)", False),
    ],
)
def test_b5_teachers(making, wanted, found, findings):
    found_here = findings(program(making, loop=TEACHER.format(wanted=wanted)), RULE)
    assert bool(found_here) == found
    assert all(finding.level is Level.SUGGESTION and finding.fix is None for finding in found_here)


@pytest.mark.parametrize(
    ("dummy", "found"),
    [
        ("net(torch.randn(2, 3, 8, 8))", True),
        ("print(net(torch.zeros(2, 3, 8, 8).to('cpu')).shape)", True),
        ("net.eval()\nnet(torch.randn(2, 3, 8, 8))", False),
        ("copy.deepcopy(net)(torch.randn(2, 3, 8, 8))", False),
        ("net(torch.load('x.pt'))", False),
    ],
)
def test_b6_dummy_forwards(dummy, found, findings):
    assert bool(findings(program(dummy), RULE)) == found


@pytest.mark.parametrize(
    "more",
    [
        "net.body[1].weight.requires_grad = True",
        "net.body[1].weight.requires_grad_()",
        'for p in net.body[1].parameters():\n    setattr(p, "requires_grad", True)',
        "for m in net.body.modules():\n    if isinstance(m, nn.BatchNorm2d):\n        for p in m.parameters():\n"
        "            p.requires_grad = True",
        'for name, p in net.body.named_parameters():\n    if name.startswith("1."):\n        p.requires_grad = True',
        "net.body[1] = nn.BatchNorm2d(4)",
        "net.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))",
        'net.body.add_module("last", nn.BatchNorm2d(4))',
        'setattr(net.body, "1", nn.BatchNorm2d(4))',
    ],
)
def test_b1_what_may_learn_again_is_the_authors_choice(more, findings):
    found = findings(program(FREEZINGS["module"] + "\n" + more), RULE)
    assert [f for f in found if f.fix is not None and f.level is not Level.SUGGESTION] == []


def test_b1_statistics_that_are_collected_on_purpose(findings):
    collecting = "net.train()\nwith torch.no_grad():\n    for x, y in batches:\n        net(x)\n"
    assert findings(program(FREEZINGS["module"], loop=collecting + LOOP), RULE) == []


@pytest.mark.parametrize(
    "more",
    ['for m in net.body.modules():\n    setattr(m, "momentum", 0.0)', "net.body.apply(lambda m: m.eval())"],
)
def test_b1_somebody_looks_after_the_statistics(more, findings):
    assert findings(program(FREEZINGS["module"] + "\n" + more), RULE) == []


STUCK = """\
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
net.train()
for epoch in range(3):
    for x, y in batches:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        print(sum(net(x).sum().item() for x, y in batches))
"""


@pytest.mark.parametrize("freezing", [FREEZINGS["module"], "net.body.eval()"])
def test_a_missing_train_comes_first(freezing, findings, applied):
    """Else the new `net.train()` in the loop would let the statistics move again."""
    files = program(freezing, loop=STUCK)
    (finding,) = findings(files, RULE)
    assert finding.fix is None and "has to be there first" in str(finding.no_fix_reason)
    trained = applied(files, TRAIN_MODE)
    after = applied(trained, RULE)["train.py"] if findings(trained, RULE)[0].fix else ""
    if freezing == FREEZINGS["module"]:
        assert after.count("keep frozen BatchNorm statistics") == 2


KEPT = """\
for m in net.body.modules():
    if isinstance(m, nn.BatchNorm2d):
        m.eval()
"""
TRAIN = "    net.train()\n"


def test_b2_a_loop_over_one_part(findings, applied):
    """The part's own loop stands before `train()`, and moves behind it."""
    early = program("", loop=LOOP.replace(TRAIN, indent(KEPT, "    ") + TRAIN))
    (finding,) = findings(early, RULE)
    assert finding.level is Level.BEHAVIOR and "undoes" in finding.message
    assert TRAIN + indent(KEPT, "    ") in applied(early, RULE)["train.py"]


@pytest.mark.parametrize(
    "before",
    [
        indent(KEPT, "    ") + "    print(net.body(batches[0][0]).mean())\n" + TRAIN,
        TRAIN + indent(KEPT, "    "),
        indent(KEPT.replace("net.body", "other.body"), "    ") + TRAIN,
    ],
    ids=["the part runs in between", "behind", "another model"],
)
def test_b2_loops_over_a_part_that_are_right(before, findings):
    assert findings(program("other = Net()", loop=LOOP.replace(TRAIN, before)), RULE) == []


FROZEN_TEACHER = """\
teacher = Net()
teacher.requires_grad_(False)
"""
HINTS = """\
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(3):
    net.train()
    for x, y in batches:
        wanted = teacher(x)
        optimizer.zero_grad()
        nn.functional.mse_loss(net(x), wanted).backward()
        optimizer.step()
    for model in (net, teacher):
        model.eval()
"""


def test_b5_a_teacher_that_is_evaluated_after_the_first_epoch(findings):
    """It is in training mode for one epoch: enough to move its statistics."""
    (finding,) = findings(program(FROZEN_TEACHER, loop=HINTS), RULE)
    assert finding.level is Level.SUGGESTION and finding.message.startswith("teacher learns nothing here")


def test_b5_a_teacher_in_evaluation_mode_from_the_start(findings):
    assert findings(program(FROZEN_TEACHER + "teacher.eval()", loop=HINTS), RULE) == []
