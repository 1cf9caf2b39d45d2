"""TFC201 beyond the examples of its page: the scope of the block, helpers, conditions, and what must be left alone."""

from __future__ import annotations

import random
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from torchfix_codemods.analysis import project as project_module
from torchfix_codemods.analysis.gate import topics
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Finding, Level
from torchfix_codemods.rewrite.edits import apply_edits
from torchfix_codemods.rewrite.plan import make_plan, parses_as_python
from torchfix_codemods.rules import eval_without_no_grad
from torchfix_codemods.rules.rule import Rule
from torchfix_codemods.rules.volatile_variable import RULE

sys.path.insert(0, str(Path(__file__).parent.parent))
from examples import all_examples

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nfrom torch.autograd import Variable\n\n"


def program(text: str) -> str:
    return HEAD + textwrap.dedent(text).lstrip("\n")


def found(files: Mapping[str, str], rule: Rule = RULE) -> list[Finding]:
    project = Project(files, files.get)
    result = []
    for path in sorted(files):
        file = project.parse(path)
        assert file is not None
        result += list(rule.check(file, project))
    return result


def settled(files: Mapping[str, str]) -> dict[str, str]:
    """The files with every default fix, to the fixed point; nothing may be left that could still be fixed."""
    plan = make_plan(
        found(files),
        files.__getitem__,
        lambda texts: found({**files, **texts}),
        lambda finding: finding.level <= Level.BEHAVIOR,
        parses_as_python,
    )
    assert not plan.dropped and not plan.blocked
    after = {**files, **{path: text for path, (_, text) in plan.texts.items()}}
    assert all(finding.fix is None for finding in found(after))
    return after


def fixed(before: str) -> str:
    """One file's body afterwards."""
    after = settled({"a.py": program(before)})["a.py"]
    assert after.startswith(HEAD)
    return after[len(HEAD) :]


def assert_becomes(before: str, after: str) -> None:
    assert fixed(before) == textwrap.dedent(after).lstrip("\n")


def reasons(before: str) -> list[str]:
    """Why nothing is written: every finding, and none of them may have a fix."""
    findings = found({"a.py": program(before)})
    assert findings and all(finding.fix is None for finding in findings), findings
    return [finding.no_fix_reason or "" for finding in findings]


# --- a training step is never wrapped ------------------------------------------------------------------------------

STEP = """
        opt.zero_grad()
        loss.backward()
        opt.step()
"""


def test_input_of_the_training_step_itself():
    """It raised on torch 0.3 and trains today: without its graph nothing would."""
    [reason] = reasons(f"""
    net = nn.Linear(3, 2)
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    for x, y in loader:
        loss = F.cross_entropy(net(Variable(x, volatile=True)), y)
        {STEP.strip()}
    """)
    assert "volatile value alone" in reason


def test_statement_that_also_computes_what_is_trained():
    [reason] = reasons("""
    net, target = nn.Linear(3, 2), nn.Linear(3, 2)
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    for x, y in loader:
        q = net(Variable(x))
        loss = F.mse_loss(q, target(Variable(y, volatile=True)).max(1)[0])
        opt.zero_grad()
        loss.backward()
        opt.step()
    """)
    assert "also computes what is trained" in reason


def test_generator_that_was_not_cut_off():
    [reason] = reasons("""
    netG, netD = nn.Linear(3, 2), nn.Linear(2, 1)
    opt = torch.optim.SGD(netD.parameters(), lr=0.1)
    optG = torch.optim.SGD(netG.parameters(), lr=0.1)
    for x in loader:
        real = netD(Variable(x)).mean()
        fake = netG(Variable(torch.randn(3, 3), volatile=True))
        loss = netD(fake).mean() - real
        opt.zero_grad()
        loss.backward()
        opt.step()
    """)
    assert "only a target" in reason


def test_generator_that_is_cut_off_by_detach():
    after = fixed("""
    netG, netD = nn.Linear(3, 2), nn.Linear(2, 1)
    opt = torch.optim.SGD(netD.parameters(), lr=0.1)
    for x in loader:
        real = netD(Variable(x)).mean()
        fake = netG(Variable(torch.randn(3, 3), volatile=True))
        loss = netD(fake.detach()).mean() - real
        opt.zero_grad()
        loss.backward()
        opt.step()
    """)
    assert "    with torch.no_grad():\n        fake = netG(Variable(torch.randn(3, 3)))\n    loss = netD(" in after


def test_parameter_beside_the_forward_in_one_statement():
    reasons("""
    net, other = nn.Linear(3, 2), nn.Linear(3, 2)
    w = nn.Parameter(torch.ones(2))
    opt = torch.optim.SGD([w], lr=0.1)
    for x, y in loader:
        q = net(Variable(x))
        target = w * other(Variable(y, volatile=True))
        loss = F.mse_loss(q, target)
        opt.zero_grad()
        loss.backward()
        opt.step()
    """)


def test_helper_shared_with_training_has_its_evaluating_caller_wrapped():
    after = fixed("""
    def forward_pass(net, x):
        return net(x)


    def train(net, opt, loader):
        for x, y in loader:
            loss = F.cross_entropy(forward_pass(net, Variable(x)), y)
            opt.zero_grad()
            loss.backward()
            opt.step()


    def test(net, loader):
        return sum((forward_pass(net, Variable(x, volatile=True)).max(1)[1] == y).sum().item() for x, y in loader)


    net = nn.Linear(3, 2)
    opt = torch.optim.SGD(net.parameters(), lr=0.1)
    train(net, opt, loader)
    test(net, loader)
    """)
    assert after.count("no_grad") == 1
    assert "@torch.no_grad()\ndef test(" in after


def test_method_that_a_model_calls_itself_keeps_all_but_the_volatile_forward():
    """`sample` also runs inside `forward`, for training, where the interpreter keeps no events."""
    after = fixed("""
    class Captioner(nn.Module):
        def __init__(self):
            super().__init__()
            self.cnn = nn.Linear(4, 4)
            self.core = nn.Linear(4, 9)

        def forward(self, img):
            return self.sample(img) - self.sample(img)

        def sample(self, img):
            feats = self.cnn(Variable(img.data, volatile=True))
            return self.core(Variable(feats.data))


    def show(model, img):
        print(model.sample(img).data)
    """)
    assert "            feats = self.cnn(Variable(img.data))\n        return" in after.replace("    with", "with")
    assert "@torch.no_grad()" not in after


def test_unknown_name_that_trains_counts_as_a_model():
    after = fixed("""
    class Trainer:
        def inputs(self, volatile):
            left = self.left(Variable(self.ids, volatile=True))
            left = self.mapping(Variable(left.data, volatile=volatile))
            right = self.right(Variable(self.ids, volatile=True))
            return torch.cat([left, Variable(right.data)], 0)

        def critic_step(self):
            loss = self.critic(Variable(self.inputs(volatile=True).data)).mean()
            loss.backward()

        def mapping_step(self):
            loss = self.critic(self.inputs(volatile=False)).mean()
            loss.backward()
    """)
    assert "@torch.no_grad()" not in after
    assert "with torch.set_grad_enabled(not volatile):\n            left = self.mapping(Variable(left.data))" in after
    assert after.count("with torch.no_grad():") == 2


def test_training_that_was_not_read_keeps_the_function_undecorated():
    after = fixed("""
    from lib import trainer


    def main(net, loader):
        for x in loader:
            print(net(Variable(x, volatile=True)).data)
        trainer.fit(net)
    """)
    assert "    with torch.no_grad():\n        for x in loader:" in after and "@" not in after


def test_attack_differentiates_beside_the_evaluation():
    after = fixed("""
    def attack(model, loader, criterion):
        model.eval()
        for data, target in loader:
            clean = model(Variable(data, volatile=True)).max(1)[1].data
            adversarial = Variable(data, requires_grad=True)
            criterion(model(adversarial), target).backward()
            print(clean, adversarial.grad)
    """)
    assert "        with torch.no_grad():\n            clean = " in after
    assert after.count("no_grad") == 1


def test_target_that_is_volatile_in_an_attack_only_loses_the_word():
    after = fixed("""
    def attack(model, loader):
        for data, target in loader:
            data = Variable(data, requires_grad=True)
            target = Variable(target, volatile=True)
            loss = F.nll_loss(model(data), target)
            loss.backward()
            print(model(data + data.grad.sign()).max(1)[1].eq(target).sum())
    """)
    assert "target = Variable(target)\n" in after and "no_grad" not in after


# --- targets of reinforcement learning and distillation ------------------------------------------------------------


def test_two_networks_and_one_volatile_batch():
    assert_becomes(
        """
        class Agent:
            def __init__(self):
                self.q, self.target = nn.Linear(3, 2), nn.Linear(3, 2)
                self.opt = torch.optim.Adam(self.q.parameters())

            def act(self, state):
                return self.q(Variable(state, volatile=True)).data.max(1)[1][0]

            def learn(self, s, a, r, ns):
                ns = Variable(ns, volatile=True)
                q = self.q(Variable(s)).gather(1, a)
                best = self.q(ns).max(1)[1]
                next_q = self.target(ns).gather(1, best.unsqueeze(1))
                next_q.volatile = False
                loss = F.mse_loss(q, r + 0.9 * next_q)
                self.opt.zero_grad()
                loss.backward()
                self.opt.step()


        agent = Agent()
        for batch in memory:
            agent.act(batch[0])
            agent.learn(*batch)
        """,
        """
        class Agent:
            def __init__(self):
                self.q, self.target = nn.Linear(3, 2), nn.Linear(3, 2)
                self.opt = torch.optim.Adam(self.q.parameters())

            @torch.no_grad()
            def act(self, state):
                return self.q(Variable(state)).data.max(1)[1][0]

            def learn(self, s, a, r, ns):
                ns = Variable(ns)
                q = self.q(Variable(s)).gather(1, a)
                with torch.no_grad():
                    best = self.q(ns).max(1)[1]
                    next_q = self.target(ns).gather(1, best.unsqueeze(1))
                loss = F.mse_loss(q, r + 0.9 * next_q)
                self.opt.zero_grad()
                loss.backward()
                self.opt.step()


        agent = Agent()
        for batch in memory:
            agent.act(batch[0])
            agent.learn(*batch)
        """,
    )


def test_flag_that_is_set_by_a_store():
    after = fixed("""
    class Distiller:
        def __init__(self):
            self.student, self.teacher = nn.Linear(2, 2), nn.Linear(2, 2)
            self.opt = torch.optim.Adam(self.student.parameters())

        def train(self, loader):
            for z in loader:
                output = self.student(Variable(z))
                out = output.detach()
                out.volatile = True
                target = self.teacher(out)
                target.volatile = False
                loss = F.mse_loss(output, target)
                self.opt.zero_grad()
                loss.backward()
                self.opt.step()


    Distiller().train(loader)
    """)
    assert "with torch.no_grad():\n                target = self.teacher(out)" in after and "volatile" not in after


def test_store_on_an_object_of_the_project_is_left_alone():
    text = program("""
    class Cell:
        volatile = False


    cell = Cell()
    cell.volatile = True
    model = nn.Linear(2, 2)
    for parameter in config:
        parameter.volatile = False
    """)
    assert found({"a.py": text}) == []


# --- conditions ----------------------------------------------------------------------------------------------------


def test_branches_of_one_epoch_function():
    after = fixed("""
    def run_epoch(net, opt, loader, train=True):
        for x, y in loader:
            if train:
                x, y = Variable(x), Variable(y)
            elif use_gpu:
                x, y = Variable(x.cuda(), volatile=True), Variable(y.cuda(), volatile=True)
            else:
                x, y = Variable(x, volatile=True), Variable(y, volatile=True)
            out = net(x)
            loss = F.cross_entropy(out, y)
            if train:
                opt.zero_grad()
                loss.backward()
                opt.step()
    """)
    assert "        with torch.set_grad_enabled(train):\n            out = net(x)\n        loss = " in after
    assert "volatile" not in after and "no_grad()" not in after


@pytest.mark.parametrize("guard", ["if use_gpu:", "if True:"])
def test_branches_that_the_backward_pass_does_not_follow(guard: str):
    reasons(f"""
    def run_epoch(net, loader):
        for x, y in loader:
            {guard}
                x = Variable(x, volatile=True)
            else:
                x = Variable(x)
            loss = F.cross_entropy(net(x), y)
            loss.backward()
    """)


@pytest.mark.parametrize(
    ("parameter", "flag", "guard", "condition"),
    [
        ("test", "test", "if test:\n                continue\n            ", "not test"),
        ("train", "not train", "if train: ", "bool(train)"),
        ("train=True", "not train", "if train: ", "train"),
        ("phase", "phase == 'val'", "if phase != 'val': ", "phase != 'val'"),
        ("phase", "phase != 'train'", "if phase == 'train': ", "phase == 'train'"),
        ("a, b", "a or b", "if not (a or b): ", "not (a or b)"),
        ("test", "test", "if ready and not test: ", "not test"),
    ],
)
def test_expressions_become_a_switch(parameter: str, flag: str, guard: str, condition: str):
    after = fixed(f"""
    def run(net, loader, {parameter}):
        for x, y in loader:
            x = Variable(x, volatile={flag})
            out = net(x)
            loss = F.cross_entropy(out, y)
            {guard}loss.backward()
    """)
    assert f"        with torch.set_grad_enabled({condition}):\n            out = net(x)\n" in after


@pytest.mark.parametrize(
    ("flag", "guard"),
    [("test", ""), ("test", "if train: "), ("not train", "if not train: "), ("flags()", "if not flags(): ")],
)
def test_backward_that_is_not_shown_to_be_skipped(flag: str, guard: str):
    reasons(f"""
    def run(net, loader, test, train, flags):
        for x, y in loader:
            loss = F.cross_entropy(net(Variable(x, volatile={flag})), y)
            {guard}loss.backward()
    """)


def test_condition_that_changes_before_the_model_runs():
    [reason] = reasons("""
    def run(net, x, test):
        x = Variable(x, volatile=test)
        test = False
        return net(x)
    """)
    assert "another value" in reason


# --- helpers -------------------------------------------------------------------------------------------------------


def test_method_with_the_parameter_in_the_middle():
    after = fixed("""
    class Trainer:
        def __init__(self):
            self.net = nn.Linear(2, 2)
            self.opt = torch.optim.SGD(self.net.parameters(), lr=0.1)

        def var(self, x, volatile=False, requires_grad=False):
            if self.cuda:
                return Variable(x.cuda(), requires_grad=requires_grad, volatile=volatile)
            return Variable(x, requires_grad=requires_grad, volatile=volatile)

        def train(self, loader):
            for x, y in loader:
                loss = F.cross_entropy(self.net(self.var(x, False, False)), self.var(y))
                self.opt.zero_grad()
                loss.backward()
                self.opt.step()

        def evaluate(self, loader):
            for x, y in loader:
                print(self.net(self.var(x, True)).max(1)[1].data)


    trainer = Trainer()
    trainer.train(loader)
    trainer.evaluate(loader)
    """)
    assert "def var(self, x, requires_grad=False):" in after and "self.var(x, False))" in after
    assert "    @torch.no_grad()\n    def evaluate(" in after and "volatile" not in after


def test_parameter_with_another_name_and_another_use_stays():
    after = fixed("""
    def batch(source, evaluation=False):
        if evaluation:
            print("evaluating")
        return Variable(source, volatile=evaluation)


    def evaluate(net, source):
        return net(batch(source, evaluation=True)).data


    evaluate(nn.Linear(2, 2), torch.ones(2))
    """)
    assert "return Variable(source)\n" in after and "batch(source, evaluation=True)" in after
    assert "@torch.no_grad()\ndef evaluate(" in after


@pytest.mark.parametrize(
    ("use", "reason"),
    [
        ("net(to_var(x, volatile=flag))", "not a literal"),
        ("net(to_var(*args))", "starred"),
        ("net(list(map(to_var, x))[0])", "without calling"),
        ("net(Variable(x))", "nobody in view calls"),
    ],
)
def test_helper_whose_uses_are_not_all_understood(use: str, reason: str):
    [found_reason] = reasons(f"""
    def to_var(x, volatile=False):
        return Variable(x, volatile=volatile)


    def test(net, x, flag, args):
        print({use})
    """)
    assert reason in found_reason


# --- what is not found, and what is not wanted ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "test", ["torch.__version__ < '0.4'", "TORCH_VERSION[0] == 0", "not hasattr(torch, 'no_grad')"]
)
def test_code_for_old_versions_of_torch_is_left_alone(test: str):
    text = program(f"""
    def predict(net, x):
        if {test}:
            return net(Variable(x, volatile=True)).data
        with torch.no_grad():
            return net(x)
    """)
    assert found({"a.py": text}) == []


def test_values_that_leave_without_a_consumer():
    [iterator, unreached] = reasons("""
    class Batches:
        def __init__(self, rows):
            self.rows = rows

        def __iter__(self):
            for row in self.rows:
                yield Variable(row, volatile=True)


    print(len(list(Batches([torch.ones(2)]))))


    def make(net):
        def predict(x):
            return net(Variable(x, volatile=True))

        return predict
    """)
    assert "no use of it was found" in iterator or "not in view" in iterator
    assert "not reached" in unreached


def test_flag_inside_a_forward():
    text = program("""
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.LSTM(2, 3)
            self.table = Variable(torch.ones(3), volatile=True)
            self.seed = Variable(torch.ones(1, 1, 2), volatile=True)

        def forward(self, x):
            h = Variable(torch.zeros(1, 1, 3), volatile=not self.training)
            c = Variable(torch.zeros(1, 1, 3), volatile=True)
            return self.rnn(x, (h, c))[0] + self.table + self.rnn(self.seed)[0]
    """)
    table, seed, hidden, cell = found({"a.py": text})
    assert table.fix is not None and table.level is Level.EQUIVALENT
    assert seed.fix is None and "on it alone" in (seed.no_fix_reason or "")
    assert hidden.fix is None and cell.fix is None


def test_class_of_the_project_that_derives_from_variable():
    [reason] = reasons("""
    class Cuda(torch.autograd.Variable):
        pass


    print(nn.Linear(2, 2)(Cuda(torch.ones(2), volatile=True)).data)
    """)
    assert "project's own" in reason


def test_coroutines_and_lambdas():
    after = fixed("""
    async def serve(net, queue):
        while True:
            x = await queue.get()
            answer = net(Variable(x, volatile=True)).data
            await queue.put(answer)


    predict = lambda net, x: net(Variable(x, volatile=True)).data
    print(predict(nn.Linear(2, 2), torch.ones(2)))
    """)
    assert "        with torch.no_grad():\n            answer = net(Variable(x)).data\n        await" in after
    assert "with torch.no_grad():\n    print(predict(" in after and "@" not in after


def test_arguments_on_lines_of_their_own_inside_the_region():
    assert_becomes(
        """
        net = nn.Linear(2, 2)
        for x, y in loader:
            x = Variable(
                x,
                volatile=True,
            )
            y = Variable(y,
                         volatile=True)  # answers
            print(net(x).max(1)[1].eq(y).sum())
        """,
        """
        net = nn.Linear(2, 2)
        with torch.no_grad():
            for x, y in loader:
                x = Variable(
                    x,
                )
                y = Variable(y)  # answers
                print(net(x).max(1)[1].eq(y).sum())
        """,
    )


def test_consumer_in_another_file():
    files = {
        "data.py": program("""
        def batches():
            for i in range(3):
                yield Variable(torch.ones(1, 2) * i, volatile=True)
        """),
        "main.py": "import torch.nn as nn\nfrom data import batches\n\nnet = nn.Linear(2, 2)\nnet.eval()\n"
        "for batch in batches():\n    print(net(batch).data)\n",
    }
    after = settled(files)
    assert "yield Variable(torch.ones(1, 2) * i)\n" in after["data.py"] and "no_grad" not in after["data.py"]
    assert "import torch\n" in after["main.py"]
    assert "with torch.no_grad():\n    for batch in batches():\n        print(net(batch).data)\n" in after["main.py"]


# --- together ------------------------------------------------------------------------------------------------------

EXAMPLES = [example for example in all_examples() if example.rule == RULE.name and example.kind == "fix"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_fixes_taken_one_by_one_in_any_order_come_to_the_same(example):
    for seed in range(3):
        files, order = dict(example.before), random.Random(seed)
        while fixable := [finding for finding in found(files) if finding.fix is not None]:
            fix = order.choice(fixable).fix
            assert fix is not None
            for path in {edit.path for edit in fix.edits}:
                files[path] = apply_edits(files[path], [edit for edit in fix.edits if edit.path == path])
                compile(files[path], path, "exec")
        assert files == example.after


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)
def test_the_rule_on_missing_no_grad_says_nothing_of_the_same_region(example):
    volatile = [finding for finding in found(example.before) if finding.level is not Level.SUGGESTION]
    for texts in (example.before, example.after):
        for other in found(texts, eval_without_no_grad.RULE):
            assert all(other.location.path != finding.location.path for finding in volatile), other


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x = Variable(y, volatile=True)", True),
        ("x = Variable(f(y, 1), False, True)", True),
        ("from torch.autograd import Variable as V\nx = V(y, False, True)", True),
        ("x = Variable(f(y, 1, 2), [a, b])", False),
        ("x = tf.Variable(y)", False),
    ],
)
def test_gate(text: str, wanted: bool):
    assert bool(topics(text.encode())) is wanted


# A `Variable` of the author's own

OWN = """import torch.autograd as autograd

{variable}
net = nn.Linear(4, 2)
for x in [torch.ones(3, 4)]:
    print(net(Variable(x, volatile=True)).max(1)[1])
"""


@pytest.mark.parametrize(
    "variable",
    [
        "Variable = lambda *args, **kwargs: autograd.Variable(*args, **kwargs)",
        "Variable = lambda *a, **k: autograd.Variable(*a, **k).cuda()",
        "Variable = lambda *a, **k: autograd.Variable(*a, **k).to(DEVICE) if DEVICE else autograd.Variable(*a, **k)",
    ],
)
def test_a_lambda_that_hands_everything_on_is_another_name(variable):
    after = fixed(OWN.format(variable=variable))
    assert "with torch.no_grad():" in after and "volatile" not in after and variable in after


@pytest.mark.parametrize(
    "variable",
    [
        "Variable = lambda *a, **k: autograd.Variable(*a)",
        "Variable = lambda x, **k: autograd.Variable(x, **k)",
        "Variable = lambda *a, **k: autograd.Variable(*a, **k) if CUDA else torch.tensor(*a, **k)",
        "Variable = lambda *a, **k: autograd.Variable(*a, **k).cuda().requires_grad_()",
        "Variable = lambda *a, **k: symbolic.Variable(*a, **k)",
        "Variable = lambda *a, **k: autograd.Variable(*a, **k)\nVariable = lambda *a, **k: Named(*a, **k)",
    ],
)
def test_a_lambda_that_does_more_is_no_other_name(variable):
    assert (
        found({"a.py": program(OWN.format(variable=variable)).replace("from torch.autograd import Variable\n", "")})
        == []
    )


def test_the_else_of_a_condition_that_changes():
    text = """
        def run(batches):
            net = nn.Linear(4, 2)
            optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
            for step, (x, following) in enumerate(batches):
                if step < 3:
                    loss = net(x).sum()
                else:
                    loss = (net(x) - net(Variable(following, volatile=True))).pow(2).sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

        run([(torch.ones(3, 4), torch.ones(3, 4))] * 5)
        """
    (finding,) = found({"a.py": program(text)})
    assert finding.level == Level.SUGGESTION and finding.fix is None


def test_trees_that_a_long_run_dropped_are_made_again(monkeypatch):
    model = HEAD + "class Net(nn.Module):\n    def forward(self, x):\n        return x\n"
    text = """
    from model import Net

    net = Net()
    opt = torch.optim.SGD(net.parameters(), 0.1)


    def train(loader):
        for x, y in loader:
            opt.zero_grad()
            F.cross_entropy(net(x), y).backward()
            opt.step()


    def test(loader):
        net.eval()
        for x, y in loader:
            a, b = Variable(x, volatile=True), Variable(y, volatile=True)
            print(F.mse_loss(net(a), net(b)).item())


    train(data)
    test(data)
    """
    files = {"main.py": program(text), "model.py": model}
    expected = found(files)
    assert len(expected) == 2 and all(f.fix for f in expected)
    monkeypatch.setattr(project_module, "KEPT_TEXT", 1)
    assert [(f.location, f.level, f.fix) for f in found(files)] == [(f.location, f.level, f.fix) for f in expected]
