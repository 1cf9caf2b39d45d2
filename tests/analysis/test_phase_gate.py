"""Files without a call that may be a model's: gated out only where the rules about phases can have no finding."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import pytest

from torchfix_codemods.analysis.phase_gate import may_have_phases
from torchfix_codemods.analysis.project import Project

HEAD = "import logging\nimport numpy as np\nimport torch\nfrom torch import nn\n\nlogger = logging.getLogger()\n\n"
OTHERS = {
    "lib/__init__.py": "from lib.parts import count, Net, Config\nfrom lib.steps import *\n",
    "lib/parts.py": HEAD
    + "def count(x):\n    return len(x)\n\n"
    + "class Base(nn.Module):\n    pass\n\nclass Net(Base):\n    pass\n\n"
    + "class Config:\n    def check(self):\n        return 1\n\nshared = Net()\n",
    "lib/steps.py": "def step(model, x):\n    loss = model(x)\n    loss.backward()\n    return loss\n",
}


def may(code: str, others: Mapping[str, str] = OTHERS) -> bool:
    """What the gate says of a file of this code, beside others."""
    files = {**others, "main.py": code}
    return may_have_phases(Project(files, files.get), "main.py")


def function(body: str, head: str = "def evaluate(model, loader, x):") -> str:
    return f"{HEAD}{head}\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\n"


KEPT = {
    "a parameter": "return model(x)",
    "a method of a parameter": "return model.encode(x)",
    "a forward": "return model.forward(x)",
    "a chain": "return x.trainer.model(x)",
    "an item": "return model[0](x)",
    "what a call gives": "return build(x)(x)",
    "a layer made on the spot": "return nn.Linear(1, 1)(x)",
    "a local name": "net = nn.Linear(1, 1)\nreturn net(x)",
    "by getattr": "return getattr(x, 'model')(x)",
    "mapped": "return list(map(model, loader))",
    "in a comprehension": "return [model(b) for b in loader]",
    "in a lambda": "return sorted(loader, key=lambda b: model(b))",
    "in a function inside": "def inner(y):\n    return model(y)\nreturn inner(x)",
    "an imported object": "from lib.parts import shared\nreturn shared(x)",
    "an object of a module": "import lib.parts\nreturn lib.parts.shared(x)",
    "a name that is not in view": "return somewhere(x)",
    "a helper that trains": "from lib.steps import step\nreturn step(model, x)",
    "a helper that trains, handed on": "from lib import step\nreturn step(model, x)",
    "without gradients, said to evaluate": "with torch.no_grad():\n    return model(x)",
    "a name that tensors have, for a layer": "x.norm = nn.Linear(1, 1)\nreturn x.norm(x)",
    "misspelt": "model.eval\nreturn len(x)",
    "training": "x.backward()",
}


@pytest.mark.parametrize("body", KEPT.values(), ids=KEPT)
def test_what_may_run_a_model_is_kept(body: str):
    assert may(function(body))


GONE = {
    "python's own": "return sum(len(str(b)) for b in loader)",
    "a function": "from lib import count\nreturn count(x)",
    "a class": "from lib import Config\nreturn Config(x)",
    "a method of a class": "from lib.parts import Config\nreturn Config.check(x)",
    "a function of a module": "from lib import parts\nreturn parts.count(x)",
    "torch": "return torch.nn.functional.cross_entropy(torch.relu(x), np.argmax(x))",
    "methods of tensors and text": "logger.info('{}'.format(x.view(-1).sum().item()))\nreturn x.detach().cpu()",
    "methods of modules": "model.eval()\nreturn [p.numel() for p in model.parameters()]",
    "a word in a docstring": '"""Calls model(x) for each of loader."""\nreturn x',
    "a word in a comment": "return x  # model(x)",
}


@pytest.mark.parametrize("body", GONE.values(), ids=GONE)
def test_what_runs_no_model_is_gated_out(body: str):
    assert not may(function(body))


def test_words_in_comments_and_docstrings_do_not_count():
    assert may("def run(model, x):\n    return model(x)  # loader\n" + "LOADER = load_state_dict('x')\n")
    assert not may('"""loader, model.eval(), model.train()"""\n\ndef run(model, x):\n    return model(x)  # loader\n')


@pytest.mark.parametrize("base", ["nn.Module", "torch.nn.Module", "Net", "parts.Net", "Own", "nn.Sequential"])
def test_methods_of_modules_do_not_count(base: str):
    head = f"{HEAD}from lib import Net, parts\n\nclass Own(nn.Module):\n    pass\n\n"
    assert not may(f"{head}class Model({base}):\n    def evaluate(self, x):\n        return self.net(x)\n")


@pytest.mark.parametrize(
    ("name", "loop", "counts"),
    [("test", "for x in xs:", True), ("test", "if xs:", False), ("go", "for x in xs:", False)],
)
def test_methods_of_modules_that_go_through_data_do(name: str, loop: str, counts: bool):
    method = f"    def {name}(self, xs):\n        {loop}\n            print(self.net(xs))\n"
    assert may(f"{HEAD}class Model(nn.Module):\n{method}\n    def forward(self, x):\n        return x\n") == counts


@pytest.mark.parametrize("base", ["object", "Config", "Unseen", "parts.Unseen", "make()"])
def test_methods_of_other_classes_do(base: str):
    head = f"{HEAD}from lib import Config, parts\n\n"
    assert may(f"{head}class Runner({base}):\n    def evaluate(self, x):\n        return self.net(x)\n")


METHODS = {
    "its own": ("def net(self, x):\n    return x", False),
    "a property": ("@property\ndef net(self):\n    return self.parts[0]", True),
    "its own, but assigned too": ("def net(self, x):\n    return x\ndef set(self, net):\n    self.net = net", True),
    "static": ("@staticmethod\ndef net(x):\n    return x", False),
}


@pytest.mark.parametrize(("methods", "kept"), METHODS.values(), ids=METHODS)
def test_calls_of_an_objects_own_methods(methods: str, kept: bool):
    body = textwrap.indent(methods, "    ")
    assert may(f"{HEAD}class Runner:\n{body}\n    def evaluate(self, x):\n        return self.net(x)\n") is kept


def test_calls_of_inherited_methods():
    methods = "    def encode(self, x):\n        return x\n\n    @property\n    def net(self):\n        return 1\n"
    base = {"base.py": f"class Base:\n{methods}"}
    runner = "from base import Base\n\nclass Runner(Base):\n    def evaluate(self, x):\n        return {}(x)\n"
    assert not may(runner.format("self.encode"), base) and not may(runner.format("super().encode"), base)
    assert may(runner.format("self.net"), base) and may(runner.format("self.other"), base)
    trains = {"base.py": base["base.py"] + "\ndef train(loss):\n    loss.backward()\n"}
    assert may(runner.format("super().encode"), trains)


def test_a_method_is_not_what_its_name_means_inside_it():
    runner = "class Runner:\n    def evaluate(self, x):\n        return evaluate(x)\n"
    assert may(f"from lib.parts import shared as evaluate\n\n{runner}")


def test_a_function_inside_a_method_of_a_module_is_none_of_its_methods():
    assert may(
        f"{HEAD}class Net(nn.Module):\n    def evaluate(self, x):\n        def run(y):\n"
        "            return self.net(y)\n        return apply(run, x)\n"
    )


def test_a_function_that_a_module_calls_belongs_to_its_forward():
    helper = "def score(f, x):\n    return f(x)\n\n"
    net = "class Net(nn.Module):\n    def {}(self, x):\n        return score(self.net, x)\n"
    assert not may(HEAD + helper + net.format("forward"))
    assert may(HEAD + helper + net.format("score"))  # as `Program.is_called_in_a_module` has it
    assert may(HEAD + helper)


SETTLED = {
    "decorated": ("@torch.no_grad()\ndef features(model, x):\n    return model(x)", False),
    "decorated without brackets": ("@torch.no_grad\ndef features(model, x):\n    return model(x)", False),
    "a block": ("def features(model, x):\n    with torch.inference_mode():\n        return model(x)", False),
    "a loop": ("@torch.no_grad()\ndef features(model, xs):\n    for x in xs:\n        model(x)", True),
    "an evaluation": ("@torch.no_grad()\ndef evaluate(model, x):\n    return model(x)", True),
    "under a flag": ("def features(model, x, f):\n    with torch.inference_mode(f):\n        return model(x)", True),
    "somebody else's": ("def features(model, x):\n    with util.no_grad():\n        return model(x)", True),
    "switched on again": (
        "@torch.no_grad()\ndef features(model, x):\n    with torch.enable_grad():\n        return model(x)",
        True,
    ),
    "at the top": ("with torch.no_grad():\n    model(load_state_dict('x'))", True),
}


@pytest.mark.parametrize(("code", "kept"), SETTLED.values(), ids=SETTLED)
def test_without_gradients_it_must_say_that_it_evaluates(code: str, kept: bool):
    assert may(f"{HEAD}loader = 1\n{code}\n") is kept


@pytest.mark.parametrize("code", ["def f(:\n    loader", "loader = 1\fx", "loader = 1\rmodel(x)"])
def test_odd_text_is_looked_at_closely(code: str):
    assert may(code)


def test_a_global_name_and_one_that_is_defined_twice():
    assert may(f"{HEAD}def setup(m):\n    global run\n    run = m\n\ndef evaluate(x):\n    return run(x)\n")
    assert may(f"{HEAD}def run(x):\n    pass\n\nrun = load()\n\ndef evaluate(x):\n    return run(x)\n")
    assert not may(f"{HEAD}def run(x):\n    pass\n\ndef evaluate(x):\n    return run(x)\n")


def test_cyclic_imports_and_bases_end():
    others = {"a.py": "from b import *\nfrom b import f\n", "b.py": "from a import *\nfrom a import f\n"}
    assert may("from a import f\n\ndef evaluate(x):\n    return f(x)\n", others)
    assert may("class A(B):\n    pass\n\nclass B(A):\n    def evaluate(self, x):\n        return self.f(x)\n", others)
