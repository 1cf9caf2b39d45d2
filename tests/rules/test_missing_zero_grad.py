"""TFC204 beyond its page: what clears, what may clear unseen, and where the new line goes."""

from __future__ import annotations

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules.missing_zero_grad import RULE

HEAD = """\
import torch
from torch import nn
import torch.nn.functional as F

net = nn.Linear(4, 2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
"""
LOOP = """\
for x, y in loader:
    loss = F.cross_entropy(net(x), y)
    loss.backward()
    optimizer.step()
"""
STEP = "    optimizer.step()"


def test_the_plain_case(findings, applied):
    files = {"main.py": HEAD + LOOP}
    (finding,) = findings(files, RULE)
    assert finding.level is Level.BEHAVIOR
    fixed = applied(files, RULE)
    assert "loader:\n    optimizer.zero_grad()\n    loss" in fixed["main.py"]
    assert not findings(fixed, RULE)


PAIR = """\
import torch
from torch import nn
import torch.nn.functional as F

encoder, decoder = nn.Linear(4, 2), nn.Linear(2, 4)
first = torch.optim.SGD(encoder.parameters(), lr=0.1)
second = torch.optim.SGD(decoder.parameters(), lr=0.1)
for x in loader:
    loss = F.mse_loss(decoder(encoder(x)), x)
    loss.backward()
    first.step()
    second.step()
"""


def test_optimizers_that_step_after_one_backward_pass_are_cleared_together(findings, applied):
    (finding,) = findings({"main.py": PAIR}, RULE)
    assert finding.level is Level.BEHAVIOR
    assert finding.message.startswith("the gradients that first and second step with are never cleared")
    fixed = applied({"main.py": PAIR}, RULE)
    assert "    first.zero_grad()\n    second.zero_grad()\n    loss.backward()\n" in fixed["main.py"]
    assert not findings(fixed, RULE)


def test_of_two_optimizers_only_the_one_that_nobody_clears_is_cleared(findings):
    (finding,) = findings(
        {"main.py": PAIR.replace("    loss.backward()", "    second.zero_grad()\n    loss.backward()")}, RULE
    )
    assert "first steps" in finding.message and "second" not in finding.message


@pytest.mark.parametrize(
    "line",
    [
        "optimizer.zero_grad()",
        "net.zero_grad()",
        "optimizer.zero_grad(set_to_none=True)",
        "clear = optimizer.zero_grad; clear()",
        "[p.grad.zero_() for p in net.parameters() if p.grad is not None]",
        "for p in net.parameters(): p.grad = None",
        "for p in net.parameters(): del p.grad",
        "for p in net.parameters(): p.grad *= 0",
        "for p in net.parameters(): p.grad.mul_(0)",
        "for p in net.parameters(): p.grad.fill_(0)",
        "for p in net.parameters(): setattr(p, 'grad', None)",
        "torch._foreach_zero_([p.grad for p in net.parameters()])",
        "for g in [p.grad for p in net.parameters()]: g.zero_()",
        "for p in optimizer.param_groups[0]['params']: p.grad = None",
        "getattr(optimizer, 'zero_grad')()",
        "reset_gradients(optimizer)",
        "from unread import fresh; fresh(optimizer)",
        "hooks.before_step()",
        "callbacks.run('batch')",
        "if flag: optimizer.zero_grad()",
        "wrapped(net).zero_grad()",
    ],
)
@pytest.mark.parametrize("place", ["first", "last"])
def test_whatever_clears_or_may_clear_silences(line, place, findings):
    """At the start of a round or at its end."""
    head, rest = LOOP.split("\n", 1)
    body = f"{head}\n    {line}\n{rest}" if place == "first" else f"{LOOP}    {line}\n"
    assert findings({"main.py": HEAD + body}, RULE) == []


@pytest.mark.parametrize(
    "line",
    [
        "print(net.weight.grad.norm())",
        "writer.add_histogram('w', net.weight.grad.data.cpu())",
        "nn.utils.clip_grad_norm_(net.parameters(), 1.0)",
        "for p in net.parameters(): p.grad.clamp_(-1, 1)",
        "torch.autograd.grad(net(x).sum(), x)",
        "scheduler.step()",
    ],
)
def test_who_only_reads_or_clips_gradients_clears_nothing(line, findings):
    """Such lines stand between the backward pass and the step."""
    body = LOOP.replace("    optimizer.step()", f"    {line}\n    optimizer.step()")
    (finding,) = findings({"main.py": HEAD + body}, RULE)
    assert finding.level is Level.BEHAVIOR


@pytest.mark.parametrize(
    "wrapped",
    [
        "from accelerate import Accelerator\nnet, optimizer = Accelerator().prepare(net, optimizer)\n",
        "from lightning.fabric import Fabric\nnet, optimizer = Fabric().setup(net, optimizer)\n",
    ],
)
def test_these_hand_on_what_they_get_and_clear_nothing(wrapped, findings):
    assert [f.level for f in findings({"main.py": HEAD + wrapped + LOOP}, RULE)] == [Level.BEHAVIOR]


@pytest.mark.parametrize(
    "head",
    [
        HEAD.replace("torch.optim.SGD(net", "unknown(net"),
        HEAD.replace("torch.optim.SGD(net", "apex.optimizers.FusedAdam(net"),
        HEAD + "optimizer = hvd.DistributedOptimizer(optimizer)\n",
        HEAD + "net, optimizer = amp.initialize(net, optimizer)\n",
        HEAD.replace("torch.optim.SGD(net.parameters(), lr=0.1)", "pick()[0]"),
    ],
)
def test_an_optimizer_that_is_not_certainly_of_torch_is_left_alone(head, findings):
    """Its step may clear."""
    assert findings({"main.py": head + LOOP}, RULE) == []


@pytest.mark.parametrize(
    "optimizer",
    [
        "optimizer = getattr(torch.optim, name)(net.parameters(), lr=0.1)",
        "optimizer = {'sgd': torch.optim.SGD, 'adam': torch.optim.Adam}['sgd'](net.parameters(), 0.1)",
        "if flag:\n    optimizer = torch.optim.Adam(net.parameters())\nelse:\n"
        "    optimizer = torch.optim.SGD(net.parameters(), 0.1)",
        "optimizer = None\nif flag:\n    optimizer = torch.optim.Adam(net.parameters())",
    ],
)
def test_an_optimizer_may_be_chosen(optimizer, findings):
    """Each of those that the program chooses from is one of torch's."""
    assert len(findings({"main.py": HEAD + optimizer + "\n" + LOOP}, RULE)) == 1


def test_a_clearing_between_two_rounds_of_an_outer_loop_silences(findings):
    """The step belongs to the outer loop: the inner one adds up a batch."""
    body = """\
for batch in loader:
    optimizer.zero_grad()
    for x, y in batch:
        (F.cross_entropy(net(x), y) / len(batch)).backward()
    optimizer.step()
"""
    assert findings({"main.py": HEAD + body}, RULE) == []


def test_one_caller_that_clears_is_enough(findings):
    """The same function steps for a caller that clears, and for one that does not: nobody knows what it promises."""
    files = {
        "main.py": HEAD
        + """
def update(x, y):
    F.cross_entropy(net(x), y).backward()
    optimizer.step()

for x, y in loader:
    update(x, y)
for x, y in loader:
    optimizer.zero_grad()
    update(x, y)
"""
    }
    assert findings(files, RULE) == []


def test_a_helper_that_clears_is_seen_in_every_round_of_an_outer_loop(findings):
    """It is run once, and remembered."""
    body = "def fresh(o):\n    o.zero_grad()\nfor epoch in range(3):\n    for x, y in loader:\n"
    body += "        fresh(optimizer)\n        F.cross_entropy(net(x), y).backward()\n        optimizer.step()\n"
    assert findings({"main.py": HEAD + body}, RULE) == []


def test_both_ways_of_a_scaler_are_cleared_once(applied):
    """Before the forward, and so before the `if`."""
    body = """\
scaler = torch.amp.GradScaler() if flag else None
for x, y in loader:
    loss = F.cross_entropy(net(x), y)
    if scaler is not None:
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
    else:
        loss.backward()
        optimizer.step()
"""
    fixed = applied({"main.py": HEAD + body}, RULE)["main.py"]
    assert fixed.count("zero_grad") == 1 and "loader:\n    optimizer.zero_grad()\n    loss" in fixed


def test_a_round_that_ends_the_loop_needs_nothing(findings):
    assert findings({"main.py": HEAD + LOOP + "    break\n"}, RULE) == []


def test_functions_of_tests_are_left_alone(findings):
    text = "import pytest\n" + HEAD + "def test_learns():\n" + "".join(f"    {line}\n" for line in LOOP.splitlines())
    assert findings({"test_it.py": text}, RULE) == []


def test_a_lost_gradient_behind_other_lines(applied):
    """The comment on the line stays where it is."""
    body = LOOP.replace(
        "    optimizer.step()", "    total += loss.item()\n    optimizer.zero_grad()  # fresh\n    optimizer.step()"
    )
    fixed = applied({"main.py": HEAD + body}, RULE)["main.py"]
    assert "    optimizer.zero_grad()\n    loss.backward()\n" in fixed and "# fresh\n    optimizer.step()" in fixed


@pytest.mark.parametrize(
    "body",
    [
        LOOP.replace(STEP, "    optimizer.zero_grad()\n    other(net).backward()\n" + STEP),
        LOOP.replace("    optimizer.step()", "    optimizer.zero_grad()\n    restore(net)\n    optimizer.step()"),
        LOOP.replace("    optimizer.step()", "    if i:\n        optimizer.zero_grad()\n    optimizer.step()"),
        LOOP.replace(
            "    optimizer.step()",
            "    kept = [p.grad for p in net.parameters()]\n    optimizer.zero_grad()\n    optimizer.step()",
        ),
        LOOP.replace("    optimizer.step()", "    optimizer.zero_grad()\n    optimizer.step(closure)"),
        "for x, y in loader:\n    optimizer.step()\n    optimizer.zero_grad()\n"
        "    F.cross_entropy(net(x), y).backward()\n",
    ],
)
def test_clearing_that_loses_nothing_for_certain(body, findings):
    """Another backward pass, gradients that are put back, a clearing that depends on something, another order."""
    assert findings({"main.py": HEAD + body}, RULE) == []


def test_another_optimizer_may_be_cleared_between(findings):
    """`optimizer_g.zero_grad()` between the discriminator's backward pass and its step."""
    body = """\
other = nn.Linear(2, 2)
second = torch.optim.SGD(other.parameters(), lr=0.1)
for x, y in loader:
    optimizer.zero_grad()
    F.cross_entropy(net(x), y).backward()
    second.zero_grad()
    optimizer.step()
    F.cross_entropy(other(net(x).detach()), y).backward()
    second.step()
"""
    assert findings({"main.py": HEAD + body}, RULE) == []


@pytest.mark.parametrize(
    "text",
    [
        "optimizer.step()\nloss.backward()",
        "for x in y:\n    loss.backward()\n    optimizer.step()",
        "while True:\n    backward()\n    step()",
        "def f(self):\n    for _ in self:\n        self.loss.backward(); self.optimizer.step()",
        "import torch\nfor o in torch.optim:\n    o.step(o.backward)\n    o.backward()",
        "from torch.optim import *\nfor x in y:\n    x.backward()\n    SGD().step()",
    ],
)
def test_fragments_raise_nothing(text, findings):
    """Whatever is written there, no finding is made up."""
    assert findings({"main.py": text}, RULE) == []


@pytest.mark.parametrize("line", ["p.grad *= 0.9", "p.grad.mul_(0.9)", "p.grad.data.div_(2)", "p.grad /= 2"])
def test_gradients_that_fade_are_a_momentum(line, findings):
    """Nobody clears them, and that is meant."""
    body = f"{LOOP}    for p in net.parameters():\n        {line}\n"
    assert findings({"main.py": HEAD + body}, RULE) == []
    inside = f"def fade():\n    for p in net.parameters():\n        {line}\n\n\n{LOOP}    fade()\n"
    assert findings({"main.py": HEAD + inside}, RULE) == []


UNASKED = {
    "a generator": (
        "def batches():\n    for b in loader:\n        optimizer.zero_grad()\n        yield b\n\n",
        "batches()",
    ),
    "an iterator": (
        "class L:\n    def __iter__(self):\n        for b in loader:\n"
        "            net.zero_grad()\n            yield b\n\n",
        "L()",
    ),
    "a method that is handed on": ("on_begin = [optimizer.zero_grad]\n", "loader"),
    "a method by its name": ('from operator import methodcaller\nwipe = methodcaller("zero_grad")\n', "loader"),
    "a hook": ("optimizer.register_step_post_hook(lambda o, a, k: o.zero_grad())\n", "loader"),
    "a context": (
        "class Fresh:\n    def __enter__(self):\n        optimizer.zero_grad()\n"
        "    def __exit__(self, *a):\n        pass\n\n",
        "loader",
    ),
    "a forward": (
        "class M(nn.Module):\n    def forward(self, x):\n        optimizer.zero_grad()\n        return x\n\n",
        "loader",
    ),
}


@pytest.mark.parametrize("name", UNASKED)
def test_what_clears_without_a_call(name, findings):
    head, over = UNASKED[name]
    body = LOOP.replace(" in loader", f" in {over}")
    assert findings({"main.py": HEAD + head + body}, RULE) == []


@pytest.mark.parametrize(
    "clip", ["nn.utils.clip_grad_norm_(net.parameters(), 1.0)", "clip_grad_value_(net.parameters(), 1)"]
)
def test_what_was_cleared_is_not_clipped_back(clip, findings, applied):
    """Clipping between a clearing that comes too early and the step changes nothing."""
    body = LOOP.replace(STEP, f"    optimizer.zero_grad()\n    {clip}\n{STEP}")
    files = {"main.py": "from torch.nn.utils import clip_grad_value_\n" + HEAD + body}
    (finding,) = findings(files, RULE)
    assert finding.level is Level.BEHAVIOR and "between the backward pass and the step" in finding.message
    assert f"    optimizer.zero_grad()\n    loss.backward()\n    {clip}\n{STEP}" in applied(files, RULE)["main.py"]


@pytest.mark.parametrize("call", ["clip_grad_norm_(net.parameters(), 1.0)", "sharpen(net.parameters())"])
def test_what_is_not_torch_may_put_gradients_back(call, findings):
    """A function of that name, from somewhere else, may do anything."""
    body = LOOP.replace(STEP, f"    optimizer.zero_grad()\n    {call}\n{STEP}")
    assert findings({"main.py": "from elsewhere import clip_grad_norm_, sharpen\n" + HEAD + body}, RULE) == []
