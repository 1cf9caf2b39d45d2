"""TFC302 beyond its page: the many ways back to training mode."""

from __future__ import annotations

import pytest
from modes_tools import HEAD, MAIN, TRAIN, program

from torchfix_codemods.findings import Level
from torchfix_codemods.rules.missing_train_mode import RULE

STUCK = TRAIN.replace("    net.train()\n", "")
EVAL = """\
@torch.no_grad()
def test(net, loader):
    net.eval()
    for x, y in loader:
        print(net(x).argmax(1))
"""


def test_the_plain_case(findings, applied):
    files = program(EVAL, train=STUCK)
    (finding,) = findings(files, RULE)
    assert finding.level == Level.BEHAVIOR
    fixed = applied(files, RULE)
    assert "def train(net, loader, opt):\n    net.train()\n" in fixed["main.py"]
    assert findings(fixed, RULE) == []


@pytest.mark.parametrize(
    ("test", "main", "train"),
    [
        (EVAL, MAIN, TRAIN),
        (EVAL, MAIN.replace("    train(", "    net.train()\n    train("), STUCK),
        (EVAL + "    net.train()\n", MAIN, STUCK),
        (EVAL + "    net.train(True)\n", MAIN, STUCK),
        (
            EVAL.replace("    net.eval()", "    was = net.training\n    net.eval()") + "    net.train(was)\n",
            MAIN,
            STUCK,
        ),
        (EVAL + "    if back:\n        net.train()\n", MAIN, STUCK),
        (EVAL, MAIN.replace("    test(net, loader)", "test(net, loader)"), STUCK),
        (EVAL, MAIN.replace("test(net", "test(copy.deepcopy(net)"), STUCK),
        (EVAL, "from unread import set_train\n" + MAIN.replace("    train(", "    set_train(net)\n    train("), STUCK),
        (EVAL, MAIN.replace("    train(", "    [n.train() for n in (net,)]\n    train("), STUCK),
        (EVAL, MAIN.replace("net = Net()", "net = Net()\nnet.eval()"), STUCK),
        (EVAL, MAIN.replace("    train(", "    net = Net()\n    train("), STUCK),
        (
            EVAL,
            MAIN.replace("    train(", "    net = build()\n    train("),
            "def build():\n    return Net()\n\n" + STUCK,
        ),
        (
            EVAL.replace("    net.eval()\n", "    with evaluating(net):\n        print(net(x))\n"),
            MAIN,
            "class evaluating:\n    def __init__(self, n): self.n = n\n    def __enter__(self): self.n.eval()\n"
            "    def __exit__(self, *a): self.n.train()\n\n" + STUCK,
        ),
        (
            "@contextlib.contextmanager\ndef evaluating(n):\n    n.eval()\n    yield\n    n.train()\n\n"
            + EVAL.replace("    net.eval()\n", "    with evaluating(net):\n        print(net(x))\n"),
            MAIN,
            STUCK,
        ),
    ],
)
def test_ways_back_to_training(test, main, train, findings):
    assert findings(program(test, main, train), RULE) == []


TRAINER = """
class Trainer{base}:
    def __init__(self, hooks=()):
        self.net = Net()
        self.hooks = hooks
        self.opt = torch.optim.SGD(self.net.parameters(), 0.1)

    def fit(self, loader):
        for epoch in range(3):
            {start}
            for x, y in loader:
                F.cross_entropy(self.net(x), y).backward()
                self.opt.step()
            self.validate(loader)

    def begin(self):
        self.net.train()

    @torch.no_grad()
    def validate(self, loader):
        self.net.eval()
        for x, y in loader:
            print(self.net(x))


class Hook:
    def before_epoch(self, trainer):
        trainer.net.train()


Trainer([Hook()]).fit(DataLoader(data))
"""


@pytest.mark.parametrize(
    ("base", "start", "found"),
    [
        ("", "pass", True),
        ("", "self.begin()", False),
        ("", "self.net.train()", False),
        ("", "for hook in self.hooks: hook.before_epoch(self)", False),
        ("(unread.Base)", "self.set_train()", False),
        ("(unread.Base)", "self.report()", True),
    ],
)
def test_trainers(base, start, found, findings):
    text = HEAD + "import unread\n" + TRAINER.format(base=base, start=start)
    assert bool(findings({"main.py": text}, RULE)) == found


def test_a_frozen_part_of_a_loss_may_stay_in_evaluation_mode(findings):
    text = """
discriminator, net = Net(), Net()
opt = torch.optim.SGD(net.parameters(), 0.1)
other = torch.optim.SGD(discriminator.parameters(), 0.1)
for x in DataLoader(data):
    discriminator.train()
    discriminator(net(x).detach()).mean().backward()
    other.step()
    discriminator.eval()
    discriminator(net(x)).mean().backward()
    opt.step()
"""
    assert findings({"main.py": HEAD + text}, RULE) == []
