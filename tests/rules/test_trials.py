"""Models that are only tried out, half of a training step, and scripts that use weights once."""

from __future__ import annotations

import textwrap

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules import eval_without_no_grad, missing_eval_mode

NO_GRAD, EVAL_MODE = eval_without_no_grad.RULE, missing_eval_mode.RULE

NET = """\
import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.norm = nn.Linear(4, 3), nn.BatchNorm1d(3)

    def forward(self, x):
        return self.norm(self.fc(x))


loader = [(torch.randn(6, 4), torch.randint(0, 3, (6,))) for _ in range(3)]
"""
ONE_BATCH = """\
net = Net()
for x, y in loader:
    out = net(x)
    print(F.cross_entropy(out, y))
    for row in out:
        print(row.mean())
    break
"""


def both(findings, text):
    return [(f.code, f.level) for rule in (NO_GRAD, EVAL_MODE) for f in findings({"a.py": text}, rule)]


def test_one_batch_through_a_new_model_measures_nothing(findings):
    assert both(findings, NET + ONE_BATCH) == []
    assert both(findings, NET + ONE_BATCH.replace("    break\n", "")) == [
        ("TFC202", Level.EQUIVALENT),
        ("TFC301", Level.BEHAVIOR),
    ]


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("net.load_state_dict(torch.load('net.pth'))", ["TFC202", "TFC301"]),
        ("optimizer = torch.optim.SGD(net.parameters(), 0.1)", ["TFC202", "TFC301"]),
        ("net.eval()", ["TFC202"]),
        ("torch.set_grad_enabled(False)", ["TFC301"]),
    ],
)
def test_one_batch_through_a_model_that_is_in_use_is_an_evaluation(line, codes, findings):
    text = NET + ONE_BATCH.replace("net = Net()\n", f"net = Net()\n{line}\n")
    assert [code for code, _ in both(findings, text)] == codes


@pytest.mark.parametrize(
    ("made", "level"),
    [
        ("models.detection.ssd300_vgg16()", Level.SUGGESTION),
        ("models.get_model('ssd300_vgg16', weights=None)", Level.SUGGESTION),
        ("models.inception_v3()", Level.SUGGESTION),
        ("models.get_model('resnet18')", Level.BEHAVIOR),
        ("models.resnet18()", Level.BEHAVIOR),
    ],
)
def test_what_answers_otherwise_in_training_mode_is_not_switched_off_unasked(made, level, findings):
    text = f"from torchvision import models\n{NET}net = {made}\nfor x, y in loader:\n    print(net(x, y))\n"
    assert [f.level for f in findings({"a.py": text}, EVAL_MODE)] == [level]


STEP = """\
net = Net()
optimizer = torch.optim.SGD(net.parameters(), 0.1)
net.train()
for x, y in loader:
    optimizer.zero_grad()
    loss = F.cross_entropy(net(x), y)
    print(loss.item())
"""


@pytest.mark.parametrize(
    ("path", "old", "new", "levels"),
    [
        ("a.ipynb", "", "", [Level.SUGGESTION, Level.SUGGESTION]),
        ("a.ipynb", "net.train()", "net.eval()", [Level.EQUIVALENT]),
        ("a.ipynb", "    optimizer.zero_grad()\n", "", [Level.EQUIVALENT, Level.BEHAVIOR]),
        ("a.py", "", "", [Level.EQUIVALENT, Level.BEHAVIOR]),
    ],
)
def test_half_a_step_in_a_notebook_may_end_in_another_cell(path, old, new, levels, findings):
    text = NET + STEP.replace(old, new)
    assert [f.level for rule in (NO_GRAD, EVAL_MODE) for f in findings({path: text}, rule)] == levels


SCRIPT = """\
net = Net()
net.load_state_dict(torch.load('net.pth'))
x = torch.load('x.pth')
out = net(x)
"""


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (SCRIPT + "print(out.argmax(1))\n", ["TFC202", "TFC301"]),
        (SCRIPT + "print(out.shape)\n", []),
        (SCRIPT.replace("torch.load('x.pth')", "torch.randn(6, 4).cuda()") + "print(out.argmax(1))\n", ["TFC301"]),
        (SCRIPT.replace("net.load", "# net.load") + "print(out.argmax(1))\n", []),
    ],
)
def test_a_script_that_uses_weights_once(text, codes, findings):
    found = both(findings, NET + text)
    assert [code for code, _ in found] == codes
    assert all(level is Level.SUGGESTION for code, level in found if code == "TFC202")


CAPTION = """\
def main():
    encoder = Net().eval()
    decoder = Net()
    features = encoder(torch.randn(6, 4))
    print(decoder(features).argmax(1))


main()
"""


def test_an_answer_of_two_models_of_which_one_was_put_into_evaluation_mode(findings):
    text = NET.replace("nn.Linear(4, 3), nn.BatchNorm1d(3)", "nn.Linear(4, 4), nn.BatchNorm1d(4)") + CAPTION
    assert [f.level for f in findings({"a.py": text}, NO_GRAD)] == [Level.SUGGESTION]
    compared = text.replace("decoder = Net()", "decoder = encoder.train()")
    assert findings({"a.py": compared}, NO_GRAD) == []
    both_switched = text.replace("decoder = Net()", "decoder = Net().eval()")
    assert [f.level for f in findings({"a.py": both_switched}, NO_GRAD)] == [Level.EQUIVALENT]


@pytest.mark.parametrize(("name", "level"), [("ddim_sample", Level.SUGGESTION), ("predict", Level.BEHAVIOR)])
def test_drawing_samples_in_training_mode_may_be_meant(name, level, findings):
    function = f"@torch.no_grad()\ndef {name}(net, xs):\n    for x in xs:\n        print(net(x).argmax(1))\n\n\n"
    text = NET + function + f"{name}(Net(), [x for x, _ in loader])\n"
    assert [f.level for f in findings({"a.py": text}, EVAL_MODE)] == [level]


WARM_UP = """\
def check(net=None):
    if net is None:
        net = Net().eval()
    print(net(torch.randn(6, 4)).argmax(1))


check({}check(Net())
"""


@pytest.mark.parametrize(("calls", "count"), [(")\n", 0), (")\n# ", 1)])
def test_one_call_that_gets_models_in_either_mode(calls, count, findings):
    assert len(findings({"a.py": NET + WARM_UP.format(calls)}, NO_GRAD)) == count


TRAINED = """\
net = Net()
optimizer = torch.optim.SGD(net.parameters(), 0.1)
{before}
for x, y in loader:
    optimizer.zero_grad()
    F.cross_entropy(net(x), y).backward()
    optimizer.step()
{after}
"""
MEASURED = "with torch.no_grad():\n    {} = (net(held_out).argmax(1) == labels).float().mean()\nprint({})"


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        ("", MEASURED.format("accuracy", "accuracy"), 1),
        ("", MEASURED.format("picture", "picture"), 0),
        (MEASURED.format("accuracy", "accuracy"), "", 0),
    ],
)
def test_a_script_that_measures_what_it_trained(before, after, count, findings):
    text = NET + TRAINED.format(before=before, after=after)
    assert [f.level for f in findings({"a.py": text}, EVAL_MODE)] == [Level.BEHAVIOR] * count


def test_where_nothing_depends_on_the_mode_a_measurement_is_not_worth_a_word(findings):
    text = NET + TRAINED.format(before="", after=MEASURED.format("accuracy", "accuracy"))
    assert findings({"a.py": text.replace("nn.BatchNorm1d(3)", "nn.ReLU()")}, EVAL_MODE) == []


def test_a_function_that_measures_what_it_trained_may_be_called_again(findings):
    body = TRAINED.format(before="", after=MEASURED.format("accuracy", "accuracy"))
    text = NET + "def main():\n" + textwrap.indent(body, "    ") + "\n\nmain()\n"
    assert [f.level for f in findings({"a.py": text}, EVAL_MODE)] == [Level.SUGGESTION]
    again = text.replace("\n\nmain()\n", "\n\nfor fold in range(5):\n    main()\n")
    assert findings({"a.py": again}, EVAL_MODE) == []


SPOTTER = """\
class Spotter(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = Net()
        {switch}

    def forward(self, x):
        return self.net(x).argmax(1)


spotter = Spotter()
{made}
for x, _ in loader:
    print(spotter.forward(x))
"""


@pytest.mark.parametrize(
    ("switch", "made", "count"),
    [
        ("self.net.eval()", "", 0),
        ("pass", "", 1),
        ("self.net.eval()", "optimizer = torch.optim.SGD(spotter.parameters(), 0.1)", 1),
    ],
)
def test_an_object_that_puts_its_net_into_evaluation_mode(switch, made, count, findings):
    text = NET + SPOTTER.format(switch=switch, made=made)
    assert len(findings({"a.py": text}, EVAL_MODE)) == count


ACCURACY = MEASURED.format("accuracy", "accuracy")
TWICE = "with torch.no_grad():\n    one = net(held_out)\n    error = (one - net(held_out)).abs().mean()\n"


@pytest.mark.parametrize(
    "after",
    [
        ACCURACY + "\nfrom elsewhere import go_on\ngo_on(net)",
        ACCURACY + "\nimport copy\nstudent = copy.deepcopy(net)",
        ACCURACY + "\nprint(net.eval())",
        ACCURACY + "\nspread = torch.stack([net(x) for x, _ in loader]).std(0)",
        ACCURACY.replace("net(held_out)", "net(held_out.repeat(50, 1))"),
        TWICE,
    ],
)
def test_a_measurement_in_training_mode_that_may_be_meant(after, findings):
    text = NET + TRAINED.format(before="", after=after)
    assert [f.level for f in findings({"a.py": text}, EVAL_MODE)] == [Level.SUGGESTION]


def test_another_file_may_train_what_a_script_measured(findings):
    files = {"a.py": NET + TRAINED.format(before="", after=ACCURACY), "b.py": "from a import net\n"}
    assert [f.level for f in findings(files, EVAL_MODE)] == [Level.SUGGESTION]


@pytest.mark.parametrize(
    ("old", "new", "level"),
    [
        ("", "", Level.BEHAVIOR),
        ("print(hits)", "from elsewhere import finetune\nfinetune(net)", Level.SUGGESTION),
        ("print(hits)", "from elsewhere import show\nshow(net)", Level.BEHAVIOR),
        ("net(x).argmax(1)", "(net(x) - net(x)).argmax(1)", Level.SUGGESTION),
    ],
)
def test_a_loop_behind_which_a_model_may_be_trained(old, new, level, findings):
    loop = "hits = 0\nwith torch.no_grad():\n    for x, y in loader:\n        hits += (net(x).argmax(1) == y).sum()\n"
    text = NET + TRAINED.format(before="", after=(loop + "print(hits)").replace(old, new) if old else loop)
    assert [f.level for f in findings({"a.py": text}, EVAL_MODE)] == [level]
