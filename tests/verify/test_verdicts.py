"""Right fixes, wrong fixes and fixes of what is no mistake, judged by real runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from fixes import change, judge_all, verdicts
from running import PlainStarter, Programs

from torchfix_codemods.verify.client import Client, ObserverFailed
from torchfix_codemods.verify.runs import Failure, RunReport
from torchfix_codemods.verify.verdict import cause_of

CLASSIFIER = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(8, 32), nn.BatchNorm1d(32), nn.Linear(32, 4)
    def forward(self, x):
        x = F.relu(self.norm(self.first(x)))
        x = F.dropout(x, 0.5)
        x = self.second(x)
        return F.softmax(x, dim=1)

inputs = torch.randn(256, 8)
data = TensorDataset(inputs, inputs[:, :4].argmax(1))
train_loader = DataLoader(data, batch_size=16, shuffle=True)
net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.5)

def train():
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(net(x), y)
        loss.backward()
        optimizer.step()

def evaluate():
    right = 0
    for x, y in train_loader:
        right += (net(x).argmax(1) == y).sum().item()
    return right

for epoch in range(3):
    train()
    evaluate()
"""

SOFTMAX = change("TFC101", ("return F.softmax(x, dim=1)", "return x"))
NO_GRAD = change("TFC202", ("def evaluate():", "@torch.no_grad()\ndef evaluate():"))
EVAL = change(
    "TFC301", ("    right = 0", "    net.eval()\n    right = 0"), ("train():\n", "train():\n    net.train()\n")
)
DROPOUT = change("TFC303", ("F.dropout(x, 0.5)", "F.dropout(x, 0.5, training=self.training)"))
EVALUATING = CLASSIFIER.replace("    right = 0", "    net.eval()\n    right = 0").replace(
    "def train():\n", "def train():\n    net.train()\n"
)


def test_right_fixes(programs: Programs):
    (softmax,) = judge_all(programs, CLASSIFIER, [SOFTMAX], limits={"inner": 16, "outer": 3, "steps": 200})
    assert softmax.judgement.name == "IMPROVED", softmax.judgement
    assert [e.what for e in softmax.judgement.evidence][1].startswith(
        "least loss (of probabilities it cannot be under 0.744"
    )
    (no_grad,) = judge_all(programs, CLASSIFIER, [NO_GRAD])
    assert no_grad.judgement.name == "IMPROVED", no_grad.judgement
    assert no_grad.judgement.evidence[0].before == "8 of 8" and no_grad.judgement.evidence[0].after == "0 of 8"
    assert verdicts(programs, CLASSIFIER, EVAL) == ["CHANGED_AS_INTENDED"]
    assert verdicts(programs, EVALUATING, DROPOUT) == ["CHANGED_AS_INTENDED"]


def test_all_in_one_program_each_with_its_own_verdict(programs: Programs):
    found = judge_all(programs, CLASSIFIER, [SOFTMAX, NO_GRAD, EVAL])
    assert [j.judgement.name.value for j in found] == ["CHANGED_AS_INTENDED", "IMPROVED", "CHANGED_AS_INTENDED"]


def test_a_fix_gets_no_credit_for_what_another_has_done(programs: Programs):
    old = """
        import torch
        from torch import nn
        from torch.autograd import Variable
        net = nn.Linear(4, 2)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        batches = [(torch.randn(8, 4), torch.randint(2, (8,))) for _ in range(3)]
        def train():
            for x, y in batches:
                y = Variable(y, volatile=True)
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(Variable(x)), y).backward()
                optimizer.step()
        def evaluate():
            for x, y in batches:
                net(Variable(x, volatile=True)).argmax(1)
        train()
        evaluate()
        """
    target = change("TFC201", ("Variable(y, volatile=True)", "Variable(y)"))
    inputs = change("TFC201", ("    net(Variable(x, volatile=True))", "    with torch.no_grad(): net(Variable(x))"))
    assert verdicts(programs, old, target, inputs) == ["EQUIVALENT", "IMPROVED"]
    assert verdicts(programs, old, target) == ["EQUIVALENT"]


def test_a_line_that_trains_and_evaluates_in_turn(programs: Programs):
    loop = """
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = criterion(net(x), y)
            if phase == "train":
                loss.backward()
                optimizer.step()
"""
    head = CLASSIFIER[: CLASSIFIER.index("def train")].replace("F.softmax(x, dim=1)", "x")
    phases = (
        f'{head}\nfor epoch in range(2):\n    for phase in ["train", "val"]:\n        net.train(phase == "train"){loop}'
    )
    switched = '\n        with torch.set_grad_enabled(phase == "train"):' + loop.replace("\n    ", "\n        ")
    assert verdicts(programs, phases, change("TFC202", (loop, switched))) == ["IMPROVED"]


def test_one_wrong_fix_among_right_ones_is_found(programs: Programs):
    wrong = change("TFC202", ("def train():", "@torch.no_grad()\ndef train():"))
    found = verdicts(programs, EVALUATING, NO_GRAD, wrong, DROPOUT)
    assert found == ["IMPROVED", "REGRESSED", "CHANGED_AS_INTENDED"]


def test_a_fix_of_what_is_no_mistake(programs: Programs):
    clean = CLASSIFIER.replace("return F.softmax(x, dim=1)", "return x").replace("F.dropout(x, 0.5)", "x")
    clean = clean.replace("def evaluate():", "@torch.no_grad()\ndef evaluate():")
    outer = change("TFC202", ("    right = 0\n", "    with torch.no_grad():\n        right = 0\n"))
    assert verdicts(programs, clean, outer) == ["PREMISE_ABSENT"]
    assert verdicts(programs, clean, change("TFC101", ("return x", "return x * 1.0"))) == ["PREMISE_ABSENT"]


def test_lines_that_never_run(programs: Programs):
    program = CLASSIFIER + "\nif False:\n    net(inputs)\n"
    unreached = change("TFC202", ("if False:\n    net(inputs)", "if False:\n    with torch.no_grad(): net(inputs)"))
    (found,) = judge_all(programs, program, [unreached])
    assert found.judgement.name == "NOT_EXERCISED" and "inner = ... or outer = ..." in found.judgement.reason
    whole = {"inner": 999, "outer": 999, "steps": 9999}
    (found,) = judge_all(programs, program, [unreached], limits=whole)
    assert found.judgement.reason == "the changed lines never ran"


def test_a_situation_that_never_occurs_speaks_for_nothing(programs: Programs):
    """Evaluation after the tenth epoch, say: the lines of the fix run, and the mistake cannot show."""
    rarely = EVALUATING.replace("    evaluate()\n", "    if epoch % 10 == 9: evaluate()\n")
    assert verdicts(programs, rarely, DROPOUT) == ["NOT_EXERCISED"]
    unused = EVALUATING.replace("F.dropout(x, 0.5)", "F.dropout(x, 0.0)")  # as a default of argparse may be
    follow = change("TFC303", ("F.dropout(x, 0.0)", "F.dropout(x, 0.0, training=self.training)"))
    assert verdicts(programs, unused, follow) == ["NOT_EXERCISED"]
    right = EVALUATING.replace("F.dropout(x, 0.5)", "F.dropout(x, 0.5, self.training)")
    again = change("TFC303", ("0.5, self.training)", "0.5, training=self.training)"))
    assert verdicts(programs, right, again) == ["PREMISE_ABSENT"]
    empty = CLASSIFIER.replace("right = 0\n    for x, y in train_loader", "right = 0\n    for x, y in []")
    assert verdicts(programs, empty, NO_GRAD, EVAL) == ["NOT_EXERCISED", "NOT_EXERCISED"]
    only = EVALUATING.replace("    train()\n", "    net.train()\n")
    mode = change("TFC302", ("    net.train()\n    evaluate()", "    evaluate()\n    net.train()"))
    assert verdicts(programs, only, SOFTMAX, mode) == ["NOT_EXERCISED", "NOT_EXERCISED"]


def test_evaluation_that_steers_the_training(programs: Programs):
    """A learning rate that follows the evaluation is another after a right fix; wrong ones are found all the same."""
    follow = "    for group in optimizer.param_groups: group['lr'] = 0.5 + "
    steering = CLASSIFIER.replace("    evaluate()\n", follow + "evaluate() / 1000\n").replace("range(3)", "range(4)")
    assert verdicts(programs, steering, EVAL, limits={"outer": 4}) == ["CHANGED_AS_INTENDED"]
    stuck = change("TFC301", ("    right = 0", "    net.eval()\n    right = 0"))
    assert verdicts(programs, steering, stuck, limits={"outer": 4}) == ["REGRESSED"]
    slower = change(
        "TFC301",
        ("    right = 0", "    net.eval()\n    right = 0"),
        ("train():\n", "train():\n    net.train()\n"),
        ("net(x).argmax(1)", "net(x * 0.9).argmax(1)"),
        ("loss = criterion(net(x), y)", "loss = criterion(net(x) * 0.9, y)"),
    )
    assert verdicts(programs, steering, slower, limits={"outer": 4}) == ["REGRESSED"]


def test_crashes(programs: Programs):
    image = """
        import torch
        import torch.nn.functional as F
        image = torch.rand(3, 8, 8)
        image = F.interpolate(image, size=(4, 4), mode="bilinear")
        net = torch.nn.Conv2d(3, 1, 3)
        net(image{}).sum().backward()
        """
    fix = change("TFC401", ("F.interpolate(image,", "F.interpolate(image[None],"))
    assert verdicts(programs, image.format(""), fix) == ["FIXED_CRASH"]
    assert verdicts(programs, image.format(".missing"), fix) == ["INCONCLUSIVE"]
    elsewhere = change("TFC401", ("image = torch.rand(3, 8, 8)", "image = torch.rand(1, 3, 8, 8)"))
    assert verdicts(programs, image.format(""), elsewhere) == ["INCONCLUSIVE"]
    broken = change("TFC202", ("    right = 0", "    rihgt = 0"))
    assert verdicts(programs, CLASSIFIER, broken) == ["REGRESSED"]


def test_what_is_seen_before_an_error_that_stays(programs: Programs):
    late = CLASSIFIER + "\nraise OSError('no picture')\n"
    (found,) = judge_all(programs, late, [NO_GRAD])
    assert found.judgement.name == "INCONCLUSIVE"
    assert "it ends with an error before and after, OSError: no picture (main.py:" in found.judgement.reason
    assert "until there: evaluations build no graph" in found.judgement.reason
    wrong = change("TFC202", ("def train():", "@torch.enable_grad()\n@torch.no_grad()\ndef train():"))
    assert verdicts(programs, late, wrong) == ["REGRESSED"]
    early = CLASSIFIER.replace("    right = 0", "    right = 0\n    raise OSError('no data')")
    (found,) = judge_all(programs, early, [NO_GRAD])
    assert found.judgement.name == "INCONCLUSIVE" and "OSError: no data" in found.judgement.reason


def test_what_was_not_trained_is_not_called_the_same(programs: Programs):
    asked = CLASSIFIER.replace("    train()\n    evaluate()", "    evaluate()")
    (found,) = judge_all(programs, asked, [NO_GRAD])
    assert found.judgement.name == "IMPROVED"
    assert found.judgement.reason == "evaluations build no graph, nothing is trained in the run"


def test_graphs_that_another_fix_saves_are_no_evidence(programs: Programs):
    """The label of a batch reaches no model: only its warning goes."""
    old = CLASSIFIER.replace(
        "        right +=",
        "        x = Variable(x, volatile=True)\n        y = Variable(y, volatile=True)\n        right +=",
    ).replace("import torch\n", "import torch\nfrom torch.autograd import Variable\n", 1)
    inputs = change(
        "TFC201",
        ("Variable(x, volatile=True)", "Variable(x)"),
        ("def evaluate():", "@torch.no_grad()\ndef evaluate():"),
    )
    labels = change("TFC201", ("Variable(y, volatile=True)", "Variable(y)"))
    both = judge_all(programs, old, [inputs, labels])
    assert [judged.judgement.name for judged in both] == ["IMPROVED", "EQUIVALENT"]
    told = [evidence.what for evidence in both[1].judgement.evidence]
    assert told == ["parameters", "warnings about volatile"]


def test_a_program_that_needs_its_evaluations_whole(programs: Programs):
    """A picture of ten by ten samples, as old programs draw it."""
    drawing = (
        CLASSIFIER
        + """
samples = [net(torch.randn(2, 8)) for row in range(10) for column in range(10)]
torch.cat(samples).view(10, 10, -1)
"""
    )
    (found,) = judge_all(programs, drawing, [NO_GRAD])
    assert found.judgement.name == "IMPROVED"
    assert ("loop", "up to 64 iterations where nothing is trained") in [note[:2] for note in found.run.notes]
    (found,) = judge_all(programs, drawing.replace("(10, 10, -1)", "(10, 11, -1)"), [NO_GRAD])
    assert found.judgement.name == "INCONCLUSIVE"
    assert "until there: evaluations build no graph" in found.judgement.reason


def test_a_program_that_cannot_run(programs: Programs):
    (found,) = judge_all(programs, "import missing_module\n" + CLASSIFIER, [NO_GRAD])
    assert found.judgement.name == "CANNOT_RUN"
    assert "missing_module" in found.judgement.reason


def test_noise_is_no_verdict(programs: Programs):
    noisy = CLASSIFIER.replace(
        "net = Net()", "net = Net()\nimport os\nnet.first.weight.data += int.from_bytes(os.urandom(4), 'big') / 2**32"
    )
    assert verdicts(programs, noisy, NO_GRAD) == ["INCONCLUSIVE"]
    clock = CLASSIFIER.replace("net = Net()", "import time\ntorch.manual_seed(time.time_ns() % 2**31)\nnet = Net()")
    assert verdicts(programs, clock, NO_GRAD) == ["IMPROVED"]


@pytest.mark.parametrize("code, expected", [("TFC101", "PREMISE_ABSENT"), ("TFC999", "EQUIVALENT")])
def test_a_change_that_changes_nothing(programs: Programs, code: str, expected: str):
    program = CLASSIFIER.replace("return F.softmax(x, dim=1)", "return x")
    assert verdicts(programs, program, change(code, ("right = 0", "right = 0 + 0"))) == [expected]


@pytest.mark.parametrize(
    "failure, helps",
    [
        (("ModuleNotFoundError", "No module named 'x'", "x"), "install it for that interpreter"),
        (
            ("NameError", "name 'matplotlib' is not defined"),
            "to be repaired in the program, or for older versions python",
        ),
        (("AssertionError", "assert os.path.exists(path)"), "(args = ..., files = ... or env = ..."),
        (
            ("FileNotFoundError", "[Errno 2] No such file or directory: 'data.txt'"),
            "(files = ..., prepare = ... or args",
        ),
        (
            ("FileNotFoundError", "[Errno 2] No such file or directory: '/no/such'"),
            "(files = ..., prepare = ... or args",
        ),
        (("FileNotFoundError", f"[Errno 2] No such file or directory: '{__file__}'"), f'files = ["{__file__}"]'),
        (("NoDevice", "device cuda is not usable"), "--device cpu-redirect"),
    ],
)
def test_what_would_help_is_said(failure: tuple[str, ...], helps: str):
    kind, message, *missing = failure
    run = RunReport(status="crashed", failure=Failure(kind, message, None, *missing))
    assert helps in cause_of(run)


def test_a_gpu_that_is_not_there(programs: Programs):
    run = programs.run("print(1)", device="cuda")
    if run.device == "cuda":
        pytest.skip("there is one")
    assert run.status == "crashed"
    assert "--device cpu-redirect" in cause_of(run)


def test_an_interpreter_without_torch(tmp_path: Path):
    """`-S` leaves out the installed packages."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    client = Client(PlainStarter(tmp_path), str(python), {"PATH": os.environ["PATH"]})
    with pytest.raises(ObserverFailed, match=r"has no torch: name the interpreter of the project \(--python EXE"):
        client.run({"limits": {"seconds": 1}})
