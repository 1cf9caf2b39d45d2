"""Does a model depend on its mode?"""

from __future__ import annotations

from textwrap import dedent

import pytest
from observed import HEAD, events, program_of

from torchfix_codemods.analysis.modes import ModeDependence, mode_dependence
from torchfix_codemods.analysis.trace import ModelCall


def dependence(body: str, files: dict[str, str] | None = None) -> ModeDependence:
    """Whether the model of the last call of a program depends on its mode."""
    program = program_of({**(files or {}), "main.py": HEAD + dedent(body)})
    return mode_dependence(program.machine, events(program, ModelCall)[-1].model)


@pytest.mark.parametrize(
    ("model", "depends"),
    [
        ("nn.Linear(3, 2)", False),
        ("nn.Sequential(nn.Linear(3, 2), nn.ReLU())", False),
        ("nn.Sequential(nn.Linear(3, 2), nn.Dropout(0.5))", True),
        ("nn.Sequential(nn.Linear(3, 2), nn.Sequential(nn.BatchNorm1d(2)))", True),
        ("nn.Sequential(nn.Linear(3, 2), nn.LayerNorm(2), nn.GroupNorm(1, 2))", False),
        ("nn.Sequential(*[nn.Linear(3, 2), nn.Dropout2d()])", True),
        ("nn.Sequential(*layers)", None),
        ("nn.LSTM(3, 2)", False),
        ("nn.LSTM(3, 2, dropout=0)", False),
        ("nn.LSTM(3, 2, dropout=0.5)", True),
        ("nn.GRU(3, 2, dropout=p)", True),
        ("nn.Sequential(nn.InstanceNorm2d(3))", False),
        ("nn.Sequential(nn.InstanceNorm2d(3, track_running_stats=False))", False),
        ("nn.Sequential(nn.InstanceNorm2d(3, affine=True, track_running_stats=True))", True),
        ("nn.TransformerEncoderLayer(4, 2)", True),
        ("torchvision.models.resnet18()", True),
        ("timm.create_model('resnet18')", True),
        ("nn.DataParallel(nn.Sequential(nn.Linear(3, 2), nn.Dropout()))", True),
        ("unread.Model()", None),
    ],
)
def test_models_of_torch(model: str, depends: bool | None):
    assert dependence(f"import torchvision, timm, unread\nnet = {model}\nnet.eval()\nnet(x)").depends is depends


NET = """
class Net({bases}):
    def __init__(self):
        super().__init__()
        {layers}

    def forward(self, x):
        return {forward}

net = Net()
net(x)
"""


@pytest.mark.parametrize(
    ("layers", "depends"),
    [
        ("self.fc = nn.Linear(3, 2)", False),
        ("self.drop = nn.Dropout()", True),
        ("self.net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))", True),
        ("self.bn = nn.BatchNorm1d(2, track_running_stats=False)", False),
        ("self.bn = nn.BatchNorm1d(2, momentum=1)", False),
        ("self.inner = Inner()", True),
        ("self.inner = make()", True),
        ("self.inner = plain()", False),
        (
            "parts = [nn.Linear(3, 2)]\n        parts.append(nn.Dropout())\n        self.net = nn.Sequential(*parts)",
            True,
        ),
        ("self.rnn = nn.LSTM(3, 2, dropout=0.3)", True),
        ("self.rnn = nn.LSTM(3, 2)", False),
        ("self.norm = nn.InstanceNorm2d(3, track_running_stats=True)", True),
        ("self.norm = nn.InstanceNorm2d(3)", False),
    ],
)
def test_classes_of_the_project(layers: str, depends: bool):
    helpers = (
        "class Inner(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.d = nn.Dropout()\n"
        "def make():\n    return nn.Sequential(nn.BatchNorm2d(3))\n"
        "def plain():\n    return nn.Sequential(nn.Linear(3, 2))\n"
    )
    text = helpers + NET.format(bases="nn.Module", layers=layers, forward="x")
    assert dependence(text).depends is depends


def test_a_look_at_the_mode_counts():
    text = NET.format(
        bases="nn.Module", layers="self.fc = nn.Linear(3, 2)", forward="x if self.training else self.fc(x)"
    )
    found = dependence(text)
    assert found.depends and found.step is not None
    assert (HEAD + text)[found.step.location.start : found.step.location.end] == "self.training"


def test_the_step_shows_the_layer():
    text = NET.format(bases="nn.Module", layers="self.drop = nn.Dropout(0.5)", forward="x")
    found = dependence(text)
    assert found.step is not None and "Dropout" in found.step.text
    assert (HEAD + text)[found.step.location.start : found.step.location.end] == "nn.Dropout(0.5)"


def test_bases_are_read_too_and_unread_ones_leave_it_open():
    base = (
        "class Base(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.d = nn.Dropout()\n"
    )
    assert dependence(base + NET.format(bases="Base", layers="pass", forward="x")).depends is True
    unread = "from unread import Base\n" + NET.format(bases="Base, nn.Module", layers="pass", forward="x")
    assert dependence(unread).depends is None


def test_a_layer_in_another_file():
    files = {
        "parts.py": "import torch.nn as nn\ndef block():\n    return nn.Sequential(nn.BatchNorm2d(3), nn.ReLU())\n"
    }
    text = "import parts\n" + NET.format(bases="nn.Module", layers="self.b = parts.block()", forward="x")
    found = dependence(text, files)
    assert found.depends and found.step is not None and found.step.location.path == "parts.py"


def test_any_of_several_models_is_enough():
    text = "net = nn.Linear(3, 2) if flag else nn.Sequential(nn.Linear(3, 2), nn.Dropout())\nnet(x)"
    assert dependence(text).depends is True


def test_classes_that_build_one_another_end():
    text = NET.format(bases="nn.Module", layers="self.other = Net()", forward="x")
    assert dependence(text).depends is False


@pytest.mark.parametrize(
    ("uses", "depends"),
    [
        ("self.fc.weight = donor.fc.weight", False),
        ("self.fc.weight.data.copy_(donor[0].weight)", False),
        ("donor.load_state_dict(torch.load(path))\n        self.load_state_dict(donor.state_dict())", False),
        ("if isinstance(donor.fc, nn.Linear):\n            self.fc.bias = copy.deepcopy(donor.fc.bias)", False),
        ("self.fc.weight = donor[index_of(donor)].weight", None),
        ("self.fc = donor.fc", True),
        ("self.donor = donor", True),
        ("self.parts = nn.Sequential(*list(donor.children())[:-1])", True),
        ("self.add_module('donor', donor)", True),
        ("self.fc.weight = donor.fc.weight\n        self.rest = donor.rest", True),
        ("self.fc.weight = donor.fc.weight\n        self.drop = nn.Dropout()", True),
        ("for mine, other in zip(self.children(), donor.children()):\n            self.parts += [other]", True),
        ("pass", True),
    ],
)
def test_a_net_that_only_lends_its_weights(uses: str, depends: bool | None):
    helpers = (
        "class Inner(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.d = nn.Dropout()\n"
        "def index_of(net):\n    return 0\n"
    )
    layers = f"self.fc = nn.Linear(3, 2)\n        donor = Inner()\n        {uses}"
    assert dependence(helpers + NET.format(bases="nn.Module", layers=layers, forward="x")).depends is depends


@pytest.mark.parametrize(
    ("made", "depends"),
    [
        ("self.net = torchvision.models.vgg16().features", False),
        ("self.net = torchvision.models.alexnet(pretrained=True).features[:5]", False),
        ("vgg = torchvision.models.vgg19()\n        self.net = vgg.features", False),
        ("vgg = torchvision.models.vgg19()\n        self.net = nn.Sequential(vgg.features, vgg.classifier)", True),
        ("self.net = torchvision.models.vgg16()", True),
        ("self.net = torchvision.models.vgg16_bn().features", True),
        ("self.net = torchvision.models.mobilenet_v2().features", True),
    ],
)
def test_the_convolutions_of_a_plain_net_do_not(made: str, depends: bool):
    body = f"""
import torchvision


class Perceptual(nn.Module):
    def __init__(self):
        super().__init__()
        {made}

    def forward(self, x):
        return self.net(x)


Perceptual()(x)
"""
    assert dependence(body).depends is depends
