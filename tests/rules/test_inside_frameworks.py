"""Rules inside of training frameworks: silent about what the framework takes care of, and only about that."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from torchfix_codemods.findings import Finding
from torchfix_codemods.rules import (
    eval_without_no_grad,
    functional_dropout_training,
    interpolate_needs_batch,
    missing_eval_mode,
    missing_train_mode,
    softmax_before_cross_entropy,
    volatile_variable,
)
from torchfix_codemods.rules.rule import Rule

Find = Callable[[Mapping[str, str], Rule], list[Finding]]
RULES = [
    module.RULE
    for module in (
        softmax_before_cross_entropy,
        volatile_variable,
        eval_without_no_grad,
        missing_eval_mode,
        missing_train_mode,
        functional_dropout_training,
        interpolate_needs_batch,
    )
]
HEAD = """
import torch, torch.nn as nn
import torch.nn.functional as F

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self.drop = nn.Dropout()

    def forward(self, x):
        return self.drop(self.fc(x))

data = torch.utils.data.TensorDataset(torch.randn(8, 4), torch.zeros(8).long())
loader = torch.utils.data.DataLoader(data, batch_size=4)
"""
MADE = """
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""
LOOP = """
def train():
    {train}
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        {backward}
        optimizer.step()

{decorator}
def evaluate():
    {eval}
    total = 0
    for x, y in loader:
        total += F.cross_entropy(model(x), y).item()
    return total

for epoch in range(3):
    train()
    evaluate()
"""

# What a user of accelerate, Fabric, DeepSpeed or amp writes around the loop of their own.
TOOLS = {
    "no framework": ("", "", "loss.backward()"),
    "accelerate": (
        "from accelerate import Accelerator\naccelerator = Accelerator()",
        "model, optimizer, loader = accelerator.prepare(model, optimizer, loader)",
        "accelerator.backward(loss)",
    ),
    "accelerate, one by one": (
        "import accelerate\naccelerator = accelerate.Accelerator(gradient_accumulation_steps=2)",
        "model = accelerator.prepare(model)\noptimizer = accelerator.prepare_optimizer(optimizer)",
        "accelerator.backward(loss)",
    ),
    "accelerate, accumulating": (
        "from accelerate import Accelerator\naccelerator = Accelerator()",
        "model, optimizer = accelerator.prepare(model, optimizer)",
        "with accelerator.accumulate(model):\n            accelerator.backward(loss)",
    ),
    "Fabric": (
        "import lightning as L\nfabric = L.Fabric(devices=1)\nfabric.launch()",
        "model, optimizer = fabric.setup(model, optimizer)\nloader = fabric.setup_dataloaders(loader)",
        "fabric.backward(loss)",
    ),
    "Fabric of its own package": (
        "from lightning_fabric import Fabric\nfabric = Fabric()",
        "model = fabric.setup_module(model)\noptimizer = fabric.setup_optimizers(optimizer)",
        "fabric.backward(loss)",
    ),
    "DeepSpeed": (
        "import deepspeed",
        "model, optimizer, _, _ = deepspeed.initialize(model=model, optimizer=optimizer)",
        "model.backward(loss)",
    ),
    "apex": (
        "from apex import amp",
        "model, optimizer = amp.initialize(model, optimizer, opt_level='O1')",
        "with amp.scale_loss(loss, optimizer) as scaled:\n            scaled.backward()",
    ),
    "amp": ("", "scaler = torch.cuda.amp.GradScaler()", "scaler.scale(loss).backward()"),
}


def found(find: Find, files: str | Mapping[str, str]) -> list[str]:
    """`TFC202 evaluate` for each finding: the code and the first word of its line after `def`, or the line."""
    files = {"main.py": files} if isinstance(files, str) else files
    seen = []
    for rule in RULES:
        for finding in find(files, rule):
            text = files[finding.location.path]
            line = text[text.rfind("\n", 0, finding.location.start) + 1 :].partition("\n")[0].strip()
            name = line.removeprefix("def ").partition("(")[0] if line.startswith("def ") else line
            seen.append(f"{finding.code} {finding.level.name} {name}")
    return seen


def loop(tool: str, *, train: str = "model.train()", eval: str = "model.eval()", decorator: str = "") -> str:
    """A training and an evaluation by hand, with a tool."""
    head, setup, backward = TOOLS[tool]
    body = LOOP.format(train=train, eval=eval, decorator=decorator, backward=backward)
    return f"{head}\n{HEAD}{MADE}{setup}\n{body}"


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_leaves_every_phase_to_its_user(tool: str, findings: Find) -> None:
    assert found(findings, loop(tool)) == ["TFC202 EQUIVALENT evaluate"]
    assert found(findings, loop(tool, eval="pass", decorator="@torch.no_grad()")) == ["TFC301 BEHAVIOR evaluate"]
    assert found(findings, loop(tool, train="pass", decorator="@torch.no_grad()")) == ["TFC302 BEHAVIOR train"]


@pytest.mark.parametrize("tool", TOOLS)
def test_a_sound_loop_with_a_tool_is_left_alone(tool: str, findings: Find) -> None:
    assert found(findings, loop(tool, decorator="@torch.no_grad()")) == []


def test_lightning_lite_is_a_tool_too(findings: Find) -> None:
    text = (
        HEAD
        + """
from pytorch_lightning.lite import LightningLite

class Lite(LightningLite):
    def run(self):
        model = Net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model, optimizer = self.setup(model, optimizer)
        batches = self.setup_dataloaders(loader)
        model.train()
        for x, y in batches:
            optimizer.zero_grad()
            self.backward(F.cross_entropy(model(x), y))
            optimizer.step()
        for x, y in batches:
            print(model(x).argmax(1).tolist())

Lite(devices=1).run()
"""
    )
    assert found(findings, text) == [
        "TFC202 EQUIVALENT for x, y in batches:",
        "TFC301 BEHAVIOR for x, y in batches:",
    ]


def test_a_trainer_class_that_prepares_its_own_attributes(findings: Find) -> None:
    text = (
        "from accelerate import Accelerator\n"
        + HEAD
        + """
class Trainer:
    def __init__(self):
        self.accelerator = Accelerator()
        self.model = Net()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.model, self.optimizer = self.accelerator.prepare(self.model, self.optimizer)

    def train(self):
        self.model.train()
        for x, y in loader:
            self.optimizer.zero_grad()
            self.accelerator.backward(F.cross_entropy(self.model(x), y))
            self.optimizer.step()

    def evaluate(self):
        for x, y in loader:
            print(self.model(x).argmax(1))

trainer = Trainer()
for epoch in range(3):
    trainer.train()
    trainer.evaluate()
"""
    )
    assert found(findings, text) == ["TFC202 EQUIVALENT evaluate", "TFC301 BEHAVIOR evaluate"]


def test_a_tool_that_is_a_parameter_is_known_by_its_annotation(findings: Find) -> None:
    text = (
        "from accelerate import Accelerator\n"
        + HEAD
        + """
def run(accelerator: Accelerator):
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer = accelerator.prepare(model, optimizer)
    for x, y in loader:
        optimizer.zero_grad()
        accelerator.backward(F.cross_entropy(model(x), y))
        optimizer.step()
    for x, y in loader:
        print(accelerator.gather(model(x)).argmax(1))
"""
    )
    assert [f[:6] for f in found(findings, text)] == ["TFC202", "TFC301"]


# --- Lightning -----------------------------------------------------------------------------------------------------

LIT = """
class Lit(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = Net()

    def training_step(self, batch, batch_idx):
        x, y = batch
        return F.cross_entropy(self.net(x), y)

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log("val_loss", F.cross_entropy(self.net(x), y))

    def test_step(self, batch, batch_idx):
        for x, y in [batch]:
            self.log("test_loss", F.cross_entropy(self.net(x), y))

    def on_validation_epoch_end(self):
        for x, y in loader:
            self.log("again", score(self.net, x))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())

def score(model, x):
    return model(x).softmax(1).max().item()
"""
IMPORTS = {
    "pytorch_lightning": "import pytorch_lightning as pl",
    "lightning.pytorch": "import lightning.pytorch as pl",
    "lightning": "import lightning as pl",
}


@pytest.mark.parametrize("imported", IMPORTS.values(), ids=IMPORTS)
def test_steps_and_hooks_of_lightning_are_left_alone(imported: str, findings: Find) -> None:
    assert found(findings, f"{imported}\n{HEAD}{LIT}") == []
    base = "from pytorch_lightning import LightningModule\nclass LightningBase(LightningModule):\n    pass\n"
    derived = "from base import LightningBase\n" + HEAD + LIT.replace("pl.LightningModule", "LightningBase")
    assert found(findings, {"base.py": base, "main.py": derived}) == []


def test_a_loop_by_hand_after_fit_is_not_lightnings(findings: Find) -> None:
    fit = """
def main():
    model = Lit()
    trainer = pl.Trainer(max_epochs=3)
    trainer.fit(model, loader)
    {then}
    for x, y in loader:
        print(model.net(x).argmax(1))

main()
"""
    head = f"import pytorch_lightning as pl\n{HEAD}{LIT}"
    both = ["TFC202 EQUIVALENT for x, y in loader:", "TFC301 BEHAVIOR for x, y in loader:"]
    assert found(findings, head + fit.format(then="trainer.test(model, loader)")) == both
    # predict() leaves the model in evaluation mode
    assert found(findings, head + fit.format(then="trainer.predict(model, loader)")) == both[:1]


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        ("on_validation_epoch_end", []),
        ("on_test_batch_end", []),
        ("on_train_epoch_end", ["TFC202 EQUIVALENT on_train_epoch_end"]),
    ],
)
def test_hooks_of_a_callback_run_with_gradients_in_training_only(
    hook: str, expected: list[str], findings: Find
) -> None:
    text = f"""
import pytorch_lightning as pl

class Samples(pl.Callback):
    def {hook}(self, trainer, pl_module, *rest):
        pl_module.eval()
        for x in trainer.datamodule.test_dataloader():
            self.total += pl_module(x).sum().item()
"""
    assert found(findings, text) == expected


@pytest.mark.parametrize(("other", "expected"), [("on_test_end", False), ("on_fit_start", True)])
def test_a_helper_runs_like_the_hooks_that_call_it(other: str, expected: bool, findings: Find) -> None:
    text = f"""
import pytorch_lightning as pl

class Samples(pl.Callback):
    def scores(self, pl_module):
        return [pl_module(x).argmax().item() for x in self.samples]

    def on_validation_epoch_end(self, trainer, pl_module):
        print(self.scores(pl_module))

    def {other}(self, trainer, pl_module):
        print(self.scores(pl_module))
"""
    text += """
class Lit(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(x)

Samples().scores(Lit())
"""
    assert bool(found(findings, text)) == expected


SOFTMAX = """
class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return torch.softmax(self.fc(x), dim=1)

class Lit(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = Classifier()
        self.criterion = nn.CrossEntropyLoss()
        self.accuracy = torchmetrics.Accuracy(task="multiclass", num_classes=3)

    {forward}

    def _step(self, batch):
        x, y = batch
        preds = {call}
        return {loss}, preds, y

    def training_step(self, batch, batch_idx):
        loss, preds, y = self._step(batch)
        self.log("train_acc", self.accuracy(preds, y))
        return {result}

    def validation_step(self, batch, batch_idx):
        loss, preds, y = self._step(batch)
        self.log("val_loss", loss)
        self.log("sure", preds.max(1)[0].mean())
        self.log("right", (preds.argmax(1) == y).float().mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.5)
"""


def lit(call: str, loss: str = "self.criterion(preds, y)", result: str = "loss") -> str:
    """The module, whose step calls the model in this way; it has a `forward` if that is how."""
    own = "def forward(self, x):\n        return self.net(x)" if "net" not in call else ""
    text = SOFTMAX.replace("{forward}", own).replace("{call}", call).replace("{loss}", loss).replace("{result}", result)
    return f"import pytorch_lightning as pl, torchmetrics\nimport torch\ntorch.manual_seed(0)\n{HEAD}{text}"


@pytest.mark.parametrize("call", ["self(x)", "self.net(x)", "self.net.forward(x)", "self.forward(x)"])
@pytest.mark.parametrize("loss", ["self.criterion(preds, y)", "F.cross_entropy(preds, y)"])
@pytest.mark.parametrize("result", ["loss", '{"loss": loss, "preds": preds.argmax(1)}'])
def test_a_softmax_before_the_loss_of_a_step(call: str, loss: str, result: str, findings: Find) -> None:
    text = lit(call, loss, result)
    [finding] = findings({"lit.py": text}, softmax_before_cross_entropy.RULE)
    assert finding.level.name == "BEHAVIOR" and finding.fix is not None
    wrapped = [e for e in finding.fix.edits if e.new.startswith("torch.softmax(")]
    assert len(wrapped) == 2  # the metric and the mean of the largest; argmax keeps its order


STANDINS = {
    "pytorch_lightning.py": """
        import torch
        class LightningModule(torch.nn.Module):
            logged = None
            def log(self, name, value):
                self.logged[name] = round(float(value), 4)
        class Trainer:
            def __init__(self, max_epochs): self.epochs = max_epochs
            def fit(self, model, loader):
                model.logged = {}
                optimizer = model.configure_optimizers()
                for _ in range(self.epochs):
                    model.train()
                    for batch in loader:
                        loss = model.training_step(batch, 0)
                        optimizer.zero_grad(); loss.backward(); optimizer.step()
                    model.eval()
                    with torch.no_grad():
                        for batch in loader: model.validation_step(batch, 0)
        """,
    "torchmetrics.py": """
        class Accuracy:
            def __init__(self, task, num_classes): pass
            def __call__(self, preds, y):
                assert 0 <= preds.min() and preds.max() <= 1, "probabilities are wanted"
                return (preds.argmax(1) == y).float().mean()
        """,
}


def run(folder: Path, text: str) -> dict[str, float]:
    """What a module logs last, with stand-ins for the libraries."""
    for name, code in STANDINS.items():
        (folder / name).write_text(dedent(code), encoding="utf-8")
    script = folder / "lit.py"
    script.write_text(text, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return dict(eval(ran.stdout))  # a dictionary of numbers that the script prints


def test_the_softmax_is_gone_from_the_loss_and_kept_for_the_metric(
    tmp_path: Path, applied: Callable[..., dict[str, str]]
) -> None:
    text = lit("self(x)") + dedent(
        """
        x = torch.randn(60, 4)
        loader = [(x, x[:, :3].argmax(1))] * 20
        model = Lit()
        trainer = pl.Trainer(max_epochs=40)
        trainer.fit(model, loader)
        print(model.logged)
        """
    )
    before = run(tmp_path, text)
    after = run(tmp_path, applied({"lit.py": text}, softmax_before_cross_entropy.RULE)["lit.py"])
    assert before["val_loss"] > 0.5514 > after["val_loss"]  # the floor of the loss of probabilities of 3 classes
    assert 0 < after["sure"] <= 1 and after["right"] > 0.9 and after["train_acc"] > 0.9


# --- transformers, ignite, fastai, skorch --------------------------------------------------------------------------


def test_compute_loss_is_looked_into_and_left_in_peace(findings: Find) -> None:
    text = """
import torch.nn as nn
import torch.nn.functional as F
from transformers import Trainer

class MyTrainer(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False):
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        probs = F.softmax(outputs.logits, dim=-1)
        loss = nn.CrossEntropyLoss()(probs, labels)
        return (loss, outputs) if return_outputs else loss
"""
    assert found(findings, text) == ["TFC101 BEHAVIOR probs = F.softmax(outputs.logits, dim=-1)"]
    sound = text.replace("F.softmax(outputs.logits, dim=-1)", "outputs.logits")
    assert found(findings, sound) == []


EVALUATE = """
from transformers import {base}

class MyTrainer({base}):
    def {method}(self, dataset=None):
        self.model.eval()
        total = 0
        for batch in self.get_eval_dataloader(dataset):
            total += self.model(**batch).loss.item()
        self.total = total
"""


@pytest.mark.parametrize(
    ("method", "expected"), [("evaluate", ["TFC202 EQUIVALENT evaluate"]), ("compute_loss_of", []), ("log", [])]
)
def test_a_loop_in_an_overridden_evaluate_is_the_users_own(method: str, expected: list[str], findings: Find) -> None:
    assert found(findings, EVALUATE.format(base="Trainer", method=method)) == expected
    assert found(findings, EVALUATE.format(base="Seq2SeqTrainer", method=method)) == expected


IGNITE = """
from ignite.engine import Engine

def train_step(engine, batch):
    model.train()
    x, y = batch
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()

def validation_step(engine, batch):
    model.eval()
    x, y = batch
    {body}

trainer, evaluator = Engine(train_step), Engine(validation_step)
trainer.run(loader, max_epochs=3)
"""


def test_a_process_function_of_ignite_sets_everything_itself(findings: Find) -> None:
    head = HEAD + MADE
    sound = "with torch.no_grad():\n        return model(x), y"
    assert found(findings, head + IGNITE.format(body=sound)) == []
    assert found(findings, head + IGNITE.format(body="return model(x), y")) == ["TFC202 EQUIVALENT validation_step"]
    # the same function, handed to nobody in view: its caller may train on what it returns
    alone = IGNITE.format(body="return model(x), y").replace("Engine(validation_step)", "None")
    assert found(findings, head + alone) == []


@pytest.mark.parametrize(
    "trainer",
    [
        "from ignite.engine import create_supervised_trainer as make\nmake(model, optimizer, nn.NLLLoss())",
        "from fastai.learner import Learner\nlearn = Learner(data, model)\nlearn.fit(3)",
        "from fastai.basic_train import Learner\nLearner(data, model).fit(3)",
        "from transformers import Trainer\nTrainer(model=model).train()",
        "from transformers import Trainer\nclass T(Trainer): pass\nT(model).train()",
        "from composer import Trainer\nTrainer(model=model).fit()",
        "from skorch import NeuralNetClassifier\nNeuralNetClassifier(model).fit(data)",
        "from catalyst.dl import SupervisedRunner\nrunner = SupervisedRunner()\nrunner.train(model=model)",
    ],
)
def test_after_a_trainer_nobody_knows_the_mode(trainer: str, findings: Find) -> None:
    text = f"{HEAD}{MADE}{trainer}\nfor x, y in loader:\n    print(model(x).argmax(1))\n"
    assert found(findings, text) == ["TFC202 EQUIVALENT for x, y in loader:"]
    text = f"{HEAD}{MADE}print(len(data))\nfor x, y in loader:\n    print(model(x).argmax(1))\n"
    assert [f[:6] for f in found(findings, text)] == ["TFC202", "TFC301"]


def test_a_callback_of_fastai_runs_inside_of_its_loop(findings: Find) -> None:
    text = """
{imported}

class Mix(Callback):
    def after_pred(self):
        self.learn.extra = score(self.learn.model, self.learn.xb[0])

def score(model, x):
    model.eval()
    return model(x).softmax(1).max().item()
"""
    assert found(findings, text.format(imported="from fastai.callback.core import Callback")) == []
    own = text.format(imported="class Callback: pass")
    assert found(findings, own) == ["TFC202 EQUIVALENT score"]


# --- traps that came with the frameworks' examples -----------------------------------------------------------------


def test_a_graph_that_waits_in_an_attribute_for_training(findings: Find) -> None:
    text = (
        HEAD
        + """
def act(policy, x):
    logits = policy(x)
    policy.saved.append(logits.log_softmax(1)[:, 0])
    return logits.argmax().item()

def finish(policy, optimizer):
    loss = -torch.cat(policy.saved).sum()
    loss.backward()
    optimizer.step()

def main():
    policy = Policy()
    optimizer = torch.optim.Adam(policy.parameters())
    for x, y in loader:
        act(policy, x)
    finish(policy, optimizer)

class Policy(Net):
    def __init__(self):
        super().__init__()
        self.saved = []

main()
"""
    )
    assert found(findings, text) == []


def test_a_loss_that_is_a_module_builds_no_graph_beside_a_model_without_gradients(findings: Find) -> None:
    text = (
        HEAD
        + MADE
        + """
class FocalLoss(nn.Module):
    def forward(self, scores, target):
        return F.cross_entropy(scores, target)

def evaluate():
    model.eval()
    total = 0
    for x, y in loader:
        with torch.no_grad():
            scores = model(x)
        loss_fct = FocalLoss()
        total += loss_fct(scores, y).item()
    return total

print(evaluate())
"""
    )
    assert found(findings, text) == []


SAMPLING = """
import torch, torch.nn as nn
import pytorch_lightning as pl

class Model(pl.LightningModule):
    {decorator}
    def adapt(self, x):
        {body}

def evaluate(model, image):
    model.eval()
    for part in image:
        print(model.adapt(part))

evaluate(load(), torch.rand(3, 4))
"""


@pytest.mark.parametrize(
    ("decorator", "body", "expected"),
    [
        ("", "return self.net(x)", 1),
        ("@torch.no_grad()", "return self.net(x)", 0),
        ("", "self.net(x).sum().backward(); return 1", 0),
        ("", "with torch.no_grad():\n            return self.net(x)", 0),
    ],
)
def test_a_method_of_a_loaded_module_is_looked_up_by_its_name(
    decorator: str, body: str, expected: int, findings: Find
) -> None:
    text = SAMPLING.format(decorator=decorator, body=body).replace("    \n", "")
    assert len(findings({"main.py": text}, eval_without_no_grad.RULE)) == expected


def test_helpers_of_a_test_case_are_test_code(findings: Find) -> None:
    text = """
import unittest
import torch, torch.nn as nn

class EndToEnd({base}):
    def run_with(self, size):
        model = nn.Linear(4, 2)
        model.eval()
        total = 0
        for x in torch.rand(3, size, 4):
            total += model(x).sum().item()
        assert total
"""
    assert found(findings, text.format(base="unittest.TestCase")) == []
    assert [f[:6] for f in found(findings, text.format(base="object"))] == ["TFC202"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_bad_uses_of_frameworks_crash_nothing(rule: Rule, findings: Find) -> None:
    text = """
import deepspeed
from accelerate import Accelerator
from ignite.engine import Engine
from pytorch_lightning import LightningModule, Trainer
class A(A): pass
class M(LightningModule, M):
    def training_step(self): return ()
    def validation_step(): return {"loss": {}}
accelerator = Accelerator()
model = accelerator.prepare()
model, *rest = accelerator.prepare(*things)
engine = deepspeed.initialize()
Engine()
Engine(None)
Trainer().fit()
accelerator.backward()
Accelerator.prepare(model)
model.eval()
for x in loader: model(**x)
"""
    for finding in findings({"main.py": text}, rule):
        assert finding.code == rule.code
