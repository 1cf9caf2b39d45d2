"""TFC101 and its twins where an output is kept in an attribute, and another method looks at it."""

from __future__ import annotations

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules import softmax_before_cross_entropy as softmax

NET = """import torch
import torch.nn as nn
{imports}

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 3), nn.Softmax(dim=1))

    def forward(self, x):
        return self.layers(x)

"""
LIGHTNING = """
class Classifier(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = Net()
        self.loss = nn.CrossEntropyLoss()
        self.seen = []

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())

    def training_step(self, batch, index):
        x, y = batch
        return self.loss(self.net(x), y)

    def validation_step(self, batch, index):
        x, y = batch
        {keep}

    def on_validation_epoch_end(self):
        {read}
"""
TRAINER = """
class Trainer:
    def __init__(self):
        self.net = Net()
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.net.parameters())
        self.seen = []

    def train(self, batches):
        for x, y in batches:
            self.optimizer.zero_grad()
            self.loss(self.net(x), y).backward()
            self.optimizer.step()

    def evaluate(self, batches):
        self.net.eval()
        with torch.no_grad():
            for x, y in batches:
                {keep}

    def report(self):
        {read}
"""
CAMERA = """
class Camera:
    def __init__(self):
        self.seen = 0.0

    def bright(self):
        return self.seen > 0.5
"""
KEEP = "self.seen.append(self.net(x))"
READ = "print((torch.cat(self.seen) > 0.9).float().mean())"
SAYS = "its output is kept in .seen, which is read where it was not followed"


def program(text=LIGHTNING, keep=KEEP, read=READ, rest=""):
    imports = "import lightning as L\n" if text is LIGHTNING else ""
    return {"main.py": NET.format(imports=imports) + text.format(keep=keep, read=read) + rest}


@pytest.mark.parametrize("text", [LIGHTNING, TRAINER])
@pytest.mark.parametrize(
    "keep",
    [
        KEEP,
        "self.seen += [self.net(x)]",
        "self.seen.append((self.net(x), y))",
        "self.seen.append({'probs': self.net(x)})",
        "self.seen.append(self.net(x).detach().cpu().numpy())",
        "self.seen = self.net(x)",
    ],
)
def test_another_method_may_look_at_what_is_kept(text, keep, findings):
    (finding,) = findings(program(text, keep), softmax.RULE)
    assert finding.level == Level.SUGGESTION
    assert SAYS in finding.message


@pytest.mark.parametrize(
    "parts",
    [
        {"keep": "self.seen.append(self.net(x).argmax(dim=1))"},  # the order is that of the logits
        {"read": "print(len(self.seen))"},
        {"read": "self.seen.clear()"},
        {"keep": "self.net(x)"},
    ],
)
def test_nobody_looks_at_the_numbers(parts, findings):
    (finding,) = findings(program(**parts), softmax.RULE)
    assert finding.level == Level.BEHAVIOR


def test_another_class_reads_an_attribute_of_the_same_name(findings):
    (finding,) = findings(program(read="pass", rest=CAMERA), softmax.RULE)
    assert finding.level == Level.BEHAVIOR


def test_who_reads_it_in_a_run_that_was_followed_gets_probabilities(findings, applied):
    run = "\n\ntrainer = Trainer()\ntrainer.train([])\ntrainer.evaluate([])\ntrainer.report()\n"
    files = program(TRAINER, rest=run)
    (finding,) = findings(files, softmax.RULE)
    assert finding.level == Level.BEHAVIOR
    assert "torch.softmax(torch.cat(self.seen), dim=1) > 0.9" in applied(files, softmax.RULE)["main.py"]


MAKES_ONE = "(self):\n        super().__init__()\n        self.net = Net()"
GETS_ONE = "(self, net):\n        super().__init__()\n        self.net = net"
FIT = "\n\nL.Trainer(max_epochs=1).fit(Classifier(Net()), [])\n"
EARLY = """
    def on_validation_epoch_end(self):
        print((torch.cat(self.seen) > 0.9).float().mean())

    def validation_step(self, batch, index):
        self.seen.append(self.net(batch[0]))
"""


def given(fit=FIT, hooks="", **parts):
    """The same with a network that the module is given."""
    text = program(**parts)["main.py"]
    text = text.replace(MAKES_ONE, GETS_ONE)
    return {"main.py": (text[: text.index("    def validation_step")] + hooks if hooks else text) + fit}


def test_a_network_that_a_lightning_module_is_given(findings, applied):
    files = given(keep="self.log('right', (self.net(x).argmax(1) == y).float().mean())", read="pass")
    (finding,) = findings(files, softmax.RULE)
    assert finding.level == Level.BEHAVIOR
    assert "nn.Sequential(nn.Linear(8, 3))" in applied(files, softmax.RULE)["main.py"]


def test_its_hooks_look_at_the_numbers(findings):
    (finding,) = findings(given(), softmax.RULE)
    assert finding.level == Level.SUGGESTION  # another network may be given elsewhere, whose numbers they read as well
    (finding,) = findings(given(keep="self.log('sure', self.net(x).max())"), softmax.RULE)
    assert finding.level == Level.SUGGESTION


def test_a_hook_that_stands_before_the_one_that_keeps_the_output(findings):
    (finding,) = findings(given(hooks=EARLY), softmax.RULE)
    assert finding.level == Level.SUGGESTION
    assert SAYS in finding.message


@pytest.mark.parametrize("fit", ["\n\nL.Trainer().fit(Classifier(torch.load('net.pt')), [])\n", ""])
def test_a_network_that_nobody_knows(fit, findings):
    assert findings(given(fit), softmax.RULE) == []


@pytest.mark.parametrize(
    "export", ["torch.jit.script(model)", "torch.onnx.export(model, x, 'm.onnx')", "model.to_onnx('m.onnx')"]
)
def test_a_model_from_a_checkpoint_is_exported(export, findings):
    load = "\n\nmodel = Classifier.load_from_checkpoint('last.ckpt', net=Net())\n"
    (finding,) = findings(given(FIT + load + export + "\n", read="pass", keep="pass"), softmax.RULE)
    assert finding.level == Level.SUGGESTION


PREDICTS = "\n\nnet, trainer = Classifier(Net()), L.Trainer()\ntrainer.fit(net, [])\nsure = trainer.predict(net, [])\n"
FORWARD = "    def forward(self, x):\n        return self.net(x)\n"
SURE = "    def validation_step(self, batch, index):\n        self.log('sure', self.net(batch[0]).max())\n"


def test_what_predicts_without_a_step_for_that_runs_the_forward(findings):
    (finding,) = findings(given(PREDICTS, hooks=FORWARD), softmax.RULE)
    assert finding.level == Level.SUGGESTION
    (finding,) = findings(given(FIT, hooks=FORWARD), softmax.RULE)
    assert finding.level == Level.BEHAVIOR


def test_hooks_of_a_base_look_at_the_numbers(findings):
    sub = "\n\nclass Sub(Classifier):\n    pass\n\n\nL.Trainer().fit(Sub(Net()), [])\n"
    (finding,) = findings(given(sub, hooks=SURE), softmax.RULE)
    assert finding.level == Level.SUGGESTION
    base = f"\n\nclass Base(L.LightningModule):\n{SURE}"
    first = given(FIT, hooks="    pass\n")["main.py"].replace("Classifier(L.LightningModule)", "Classifier(Base)")
    (finding,) = findings({"main.py": first.replace("\nclass Classifier", f"{base}\n\nclass Classifier")}, softmax.RULE)
    assert finding.level == Level.SUGGESTION


@pytest.mark.parametrize(
    ("body", "level"),
    [
        ("print(module.net(batch[0]).max())", Level.SUGGESTION),
        ("show(module, batch)", Level.SUGGESTION),
        ("net = module.net\n        print(net(batch[0]).max())", Level.SUGGESTION),
        ("module.log('epoch', module.current_epoch)", Level.BEHAVIOR),
        ("super().on_test_batch_end(trainer, module, outputs, batch, index)", Level.BEHAVIOR),
    ],
)
def test_a_callback_gets_the_module(body, level, findings):
    head = "\n\nclass Show(L.Callback):\n    def on_test_batch_end(self, trainer, module, outputs, batch, index):\n"
    files = given(FIT, keep="pass", read="pass")
    files["show.py"] = f"import lightning as L{head}        {body}\n"
    (finding,) = findings(files, softmax.RULE)
    assert finding.level == level


@pytest.mark.parametrize(
    "look",
    [
        "def show(trainer, pl_module):\n    print(pl_module.net(x).max())",
        "print(trainer.lightning_module.net(x).max())",
        "print(trainer.model.net(x).max())",
    ],
)
def test_the_trainer_has_the_module_too(look, findings):
    files = given("\n\ntrainer = L.Trainer()\ntrainer.fit(Classifier(Net()), [])\n" + look, keep="pass", read="pass")
    (finding,) = findings(files, softmax.RULE)
    assert finding.level == Level.SUGGESTION
