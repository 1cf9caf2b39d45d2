"""Running code on abstract values: in which mode, and with which gradient mode, does a model run?"""

from __future__ import annotations

from textwrap import dedent

import pytest
from observed import calls, events, fates, grads, modes, program_of, text_at

from torchfix_codemods.analysis.interpreter import core
from torchfix_codemods.analysis.trace import Construction, ModelCall, ModeSet
from torchfix_codemods.analysis.values import ClassRef, Instance

NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.drop = nn.Dropout()

    def forward(self, x):
        return self.drop(self.fc(x))

"""


def with_net(body: str) -> str:
    """A program with a class `Net`."""
    return NET + dedent(body)


def mode(body: str) -> set[str | None]:
    """The modes of `net(x)` in a program with a `Net`."""
    return modes(with_net(body))["net(x)"]


def grad(body: str) -> set[bool | None]:
    """The gradient modes of `net(x)` in a program with a `Net` called `net`."""
    return grads(with_net("net = Net()\n" + dedent(body)))["net(x)"]


# --- modes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("net = Net()\nnet(x)", "train"),
        ("net = Net()\nnet.eval()\nnet(x)", "eval"),
        ("net = Net().eval()\nnet(x)", "eval"),
        ("net = Net()\nnet.train(False)\nnet(x)", "eval"),
        ("net = Net()\nnet.eval()\nnet.train()\nnet(x)", "train"),
        ("net = Net()\nnet.eval()\nnet.train(mode=True)\nnet(x)", "train"),
        ("net = Net()\nnet.train(flag)\nnet(x)", "unknown"),
        ("net = Net().to(device)\nnet.eval()\nnet = net.cuda()\nnet(x)", "eval"),
        ("net = other = Net()\nother.eval()\nnet(x)", "eval"),
        ("net, other = Net(), Net()\nother.eval()\nnet(x)", "train"),
        ("(net := Net()).eval()\nnet(x)", "eval"),
        ("net = Net()\ngetattr(net, 'eval')()\nnet(x)", "eval"),
        ("net = Net()\nswitch = net.eval\nswitch()\nnet(x)", "eval"),
        ("net = Net()\nif flag:\n  net.eval()\nnet(x)", "mixed"),
        ("net = Net()\nif flag:\n  net.eval()\nelse:\n  net.train(False)\nnet(x)", "eval"),
        ("net = Net()\nif False:\n  net.eval()\nnet(x)", "train"),
        ("net = Net()\nif __name__ == '__main__':\n  net.eval()\nnet(x)", "eval"),
        ("net = Net()\nnet.eval() if flag else None\nnet(x)", "eval"),
        ("net = Net()\ntry:\n  net.eval()\nexcept E:\n  raise\nnet(x)", "eval"),
        ("net = Net()\ntry:\n  work()\nfinally:\n  net.eval()\nnet(x)", "eval"),
        ("net = Net()\ntry:\n  net.eval()\nexcept E:\n  pass\nnet(x)", "mixed"),
        ("net = Net()\nwhile more():\n  pass\nelse:\n  net.eval()\nnet(x)", "eval"),
        ("net = Net()\nfor i in range(3):\n  pass\nelse:\n  net.eval()\nnet(x)", "eval"),
        ("net = Net()\nmatch flag:\n  case 1: net.eval()\n  case _: net.eval()\nnet(x)", "eval"),
        ("net = Net()\nmatch flag:\n  case 1: net.eval()\nnet(x)", "mixed"),
        ("net = Net()\nmatch flag:\n  case 1: net.eval()\n  case other if more: net.eval()\nnet(x)", "mixed"),
        ("net = None\ndef load():\n  global net\n  net = Net()\n  net.eval()\nload()\nnet(x)", "eval"),
    ],
)
def test_the_mode_at_a_call(body: str, expected: str):
    assert mode(body) == {expected}


def test_a_mode_set_by_a_caller_holds_inside():
    text = """
        def test(net, x):
            return net(x).argmax()

        net = Net()
        test(net, x)
        net.eval()
        test(net, x)
    """
    assert mode(text) == {"train", "eval"}


def test_a_callee_leaves_its_mode_to_the_caller():
    text = "def prepare(net):\n    net.eval()\n\nnet = Net()\nprepare(net)\nnet(x)"
    assert mode(text) == {"eval"}


def test_every_return_of_a_callee_counts():
    text = "def prepare(net):\n    if flag:\n        return\n    net.eval()\n\nnet = Net()\nprepare(net)\nnet(x)"
    assert mode(text) == {"mixed"}


def test_a_loop_is_walked_twice_so_that_one_round_reaches_the_next():
    text = """
        net = Net()
        for epoch in range(3):
            net(x)
            net.eval()
            net(y)
    """
    assert modes(with_net(text)) == {"net(x)": {"train", "eval"}, "net(y)": {"eval"}}


def test_break_and_continue_bring_their_states_along():
    text = """
        net = Net()
        for epoch in range(3):
            if done:
                net.eval()
                break
        net(x)
    """
    assert mode(text) == {"mixed"}
    assert mode(text.replace("break", "continue")) == {"mixed"}


def test_words_of_a_loop_are_known():
    text = """
        net = Net()
        for phase in ["train", "val"]:
            if phase == "train":
                net.train()
            else:
                net.eval()
            for x in data:
                net(x)
    """
    program = program_of(with_net(text))
    seen = {next(c.detail for c in e.context.chain() if c.detail): e.mode for e in events(program, ModelCall)}
    assert seen == {"'train'": "train", "'val'": "eval"}


def test_words_of_the_keys_of_a_dictionary_too():
    text = """
        net = Net()
        loaders = {"train": a, "val": b}
        for phase in loaders:
            net.train(phase == "train")
            net(loaders[phase])
    """
    for keys in ("loaders", "loaders.keys()", "list(loaders)", "sorted(loaders)"):
        found = modes(with_net(text.replace("in loaders", f"in {keys}")))
        assert found == {"net(loaders[phase])": {"train", "eval"}}, keys


def test_a_submodule_has_the_mode_of_the_module_that_holds_it():
    text = """
        class Two(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = Net()

        two = Two()
        two.eval()
        two.inner(x)
        two.inner.train()
        two.inner(y)
    """
    assert modes(with_net(text)) == {"two.inner(x)": {"eval"}, "two.inner(y)": {"train"}}


def test_a_wrapper_is_what_it_wraps():
    for wrapper in ("nn.DataParallel(net)", "torch.compile(net)", "nn.parallel.DistributedDataParallel(net)"):
        assert mode(f"net = Net()\nnet = {wrapper}\nnet.eval()\nnet(x)") == {"eval"}
        assert mode(f"net = Net()\nwrapped = {wrapper}\nwrapped.module.eval()\nnet(x)") == {"eval"}
    sequential = "net = nn.DataParallel(nn.Sequential(nn.Linear(3, 2)))\nnet.module.eval()\nnet(x)"
    assert mode(sequential) == {"eval"}


def test_a_wrapper_on_one_path_changes_nothing():
    assert mode("net = Net()\nif many:\n  net = nn.DataParallel(net)\nnet.eval()\nnet(x)") == {"eval"}


def test_a_choice_of_models_is_switched_as_a_whole():
    text = """
        if flag:
            net = Net()
        else:
            net = nn.Sequential(nn.Linear(3, 2))
        net.eval()
        net(x)
    """
    assert mode(text) == {"eval"}
    assert mode(text.replace("net.eval()", "pass")) == {"train"}


def test_a_copy_is_a_model_of_its_own():
    text = "import copy\nnet = Net()\nold = copy.deepcopy(net)\nold.eval()\nnet(x)\nold(x)\nnet.eval()\n"
    assert modes(with_net(text)) == {"net(x)": {"train"}, "old(x)": {"eval"}}
    text = "import copy\nold = Net().eval()\nnet = copy.deepcopy(old)\nnet(x)"
    assert mode(text) == {"eval"}


@pytest.mark.parametrize(
    "switch",
    [
        "for n in nets:\n    n.eval()",
        "[n.eval() for n in nets]",
        "list(map(lambda n: n.eval(), nets))",
        "switch(nets)",
        "switch(*nets)",
    ],
)
def test_models_in_a_list(switch: str):
    star = "*" if switch == "switch(*nets)" else ""
    helper = f"def switch({star}nets):\n    for n in nets:\n        n.eval()\n"
    text = f"{helper}\nnet = Net()\nnets = [net, Net()]\n{switch}\nnet(x)"
    assert mode(text) == {"eval"}


def test_models_in_a_dictionary():
    text = 'nets = {"a": Net(), "b": Net()}\nnets["a"].eval()\nnets["a"](x)\nnets["b"](x)'
    assert modes(with_net(text)) == {'nets["a"](x)': {"eval"}, 'nets["b"](x)': {"train"}}


@pytest.mark.parametrize(
    "context",
    [
        "class evaluating:\n    def __init__(self, n): self.n = n\n    def __enter__(self): self.n.eval()\n"
        "    def __exit__(self, *a): self.n.train()\n",
        "@contextlib.contextmanager\ndef evaluating(n):\n    n.eval()\n    yield n\n    n.train()\n",
        "from unread import evaluating\n",
    ],
)
def test_inside_a_context_that_may_switch_modes_nobody_knows_them(context: str):
    text = f"import contextlib\n{context}\nnet = Net()\nwith evaluating(net):\n    net(x)\nnet(y)\n"
    afterwards = "hidden" if "unread" in context else "train"
    assert modes(with_net(text)) == {"net(x)": {"hidden"}, "net(y)": {afterwards}}


def test_a_context_without_a_word_of_modes_leaves_them():
    text = "from unread import timer\nnet = Net()\nwith timer(net), open('eval.txt') as f:\n    net(x)"
    assert mode(text) == {"train"}


def test_a_decorator_that_switches_modes_hides_them():
    text = """
        import functools

        def evaluating(function):
            @functools.wraps(function)
            def inner(net, *rest):
                net.eval()
                result = function(net, *rest)
                net.train()
                return result
            return inner

        @evaluating
        def test(net, x):
            return net(x).item()

        net = Net()
        test(net, x)
        net(y)
    """
    assert modes(with_net(text)) == {"net(x)": {"hidden"}, "net(y)": {"train"}}


def test_unread_code_with_a_mode_in_its_name_hides_the_modes():
    text = "from unread import set_train, report\nnet = Net()\nnet.eval()\nreport(net)\nnet(x)\nset_train(net)\nnet(y)"
    assert modes(with_net(text)) == {"net(x)": {"eval"}, "net(y)": {"hidden"}}


# --- gradient modes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("net(x)", True),
        ("with torch.no_grad():\n  net(x)", False),
        ("with torch.inference_mode():\n  net(x)", False),
        ("with torch.inference_mode(False):\n  net(x)", True),
        ("with torch.inference_mode(mode=flag):\n  net(x)", None),
        ("with torch.autograd.no_grad():\n  net(x)", False),
        ("with torch.set_grad_enabled(False):\n  net(x)", False),
        ("with torch.set_grad_enabled(flag):\n  net(x)", None),
        ("with torch.no_grad(), open('x') as f:\n  net(x)", False),
        ("with torch.no_grad():\n  with torch.enable_grad():\n    net(x)", True),
        ("with torch.no_grad():\n  pass\nnet(x)", True),
        ("with torch.set_grad_enabled(False):\n  pass\nnet(x)", True),
        ("torch.set_grad_enabled(False)\nnet(x)", False),
        ("def off():\n  torch.set_grad_enabled(False)\noff()\nnet(x)", False),
        ("torch.set_grad_enabled(False)\ntorch.set_grad_enabled(True)\nnet(x)", True),
        ("off = torch.no_grad\nwith off():\n  net(x)", False),
        ("from torch import no_grad as off\nwith off():\n  net(x)", False),
        ("context = torch.no_grad()\nwith context:\n  net(x)", False),
        ("context = torch.no_grad() if flag else torch.enable_grad()\nwith context:\n  net(x)", None),
        ("import contextlib\nwith contextlib.ExitStack() as s:\n  s.enter_context(torch.no_grad())\n  net(x)", False),
        (
            "import contextlib\nwith contextlib.ExitStack() as s:\n  s.enter_context(torch.no_grad())\nnet(x)",
            True,
        ),
        ("from unread import my_no_grad\nwith my_no_grad():\n  net(x)", None),
        ("from unread import timer\nwith timer():\n  net(x)", True),
    ],
)
def test_the_gradient_mode_at_a_call(body: str, expected: bool | None):
    assert grad(body) == {expected}


@pytest.mark.parametrize("leave", ["return 1", "break", "continue", "raise E"])
def test_leaving_a_with_block_takes_its_gradient_mode_back(leave: str):
    text = f"""
        net = Net()
        def test():
            for i in range(3):
                with torch.no_grad():
                    if done:
                        {leave}
                    pass
            return 2
        test()
        net(x)
    """
    assert grads(with_net(text))["net(x)"] == {True}


@pytest.mark.parametrize(
    ("decorators", "expected"),
    [
        ("@torch.no_grad()", False),
        ("@torch.inference_mode()", False),
        ("@torch.inference_mode", False),
        ("@torch.enable_grad()", True),
        ("@torch.no_grad()\n@other", False),
        ("@other\n@torch.no_grad()", False),
        ("@off", False),
        ("@own", False),
        ("@unread_no_grad", False),
        ("@unread_grad_switch", None),
        ("@other", True),
    ],
)
def test_decorators(decorators: str, expected: bool | None):
    text = f"""
net = Net()
off = torch.no_grad()
from unread import unread_no_grad, unread_grad_switch, other

def own(function):
    def inner(*args):
        with torch.no_grad():
            return function(*args)
    return inner

{decorators}
def test(x):
    return net(x).item()

test(x)
net(y)
"""
    assert grads(with_net(text)) == {"net(x)": {expected}, "net(y)": {True}}


@pytest.mark.parametrize(
    "context",
    [
        "@contextlib.contextmanager\ndef frozen():\n    with torch.no_grad():\n        yield\n",
        "def frozen():\n    return torch.no_grad()\n",
        "frozen = torch.inference_mode\n",
    ],
)
def test_contexts_of_ones_own(context: str):
    assert grad(f"import contextlib\n{context}\nwith frozen():\n    net(x)") == {False}


def test_a_class_that_speaks_of_gradients_leaves_them_unknown():
    context = "class frozen:\n  def __enter__(self): self.old = torch.is_grad_enabled()\n  def __exit__(self): pass\n"
    assert grad(f"{context}\nwith frozen():\n    net(x)") == {None}


def test_the_callers_context_holds_in_the_callee():
    text = "def test(x):\n    return net(x).item()\n\nwith torch.no_grad():\n    test(x)\n"
    assert grad(text) == {False}
    assert grad(text + "test(x)\n") == {False, True}


def test_a_generator_does_not_leave_its_context_to_the_caller():
    text = """
        net = Net()
        @torch.no_grad()
        def outputs(data):
            for x in data:
                yield net(x)
        for output in outputs(data):
            net(y)
    """
    assert grads(with_net(text)) == {"net(x)": {False}, "net(y)": {True}}


def test_a_method_of_a_model_that_switches_gradients_off_builds_no_graph():
    text = """
        class Sampler(Net):
            def sample(self, x):
                with torch.no_grad():
                    return self(x)

            def score(self, x):
                return self(x)

        model = Sampler()
        model.sample(x)
        model.score(x)
    """
    seen = grads(with_net(text))
    assert seen["model.sample(x)"] == {False} and seen["model.score(x)"] == {True}


# --- objects -----------------------------------------------------------------------------------------------------


def called(body: str) -> set[str]:
    """The model calls that were recognised."""
    return {seen.text for seen in calls(with_net(body))}


@pytest.mark.parametrize(
    "body",
    [
        "class T:\n  def __init__(self): self.net = Net()\n  def go(self, x): return self.net(x)\nT().go(x)",
        "class T:\n  net = Net()\n  def go(self, x): return self.net(x)\nT().go(x)",
        "class T:\n  def build(self): self.net = Net()\n  def go(self, x): return self.net(x)\nT().go(x)",
        "class T:\n  def __init__(self, net): self.net = net\n  def go(self, x): return self.net(x)\nT(Net()).go(x)",
        "class T:\n  def __init__(self, *, net=None): self.net = net or Net()\n"
        "  def go(self, x): return self.net(x)\nT(net=Net()).go(x)",
        "class T:\n  def __init__(self): self._n = Net()\n  @property\n  def net(self): return self._n\n"
        "  def go(self, x): return self.net(x)\nT().go(x)",
        "class B:\n  def __init__(self, n): self.net = n\nclass T(B):\n  def __init__(self): super().__init__(Net())\n"
        "  def go(self, x): return self.net(x)\nT().go(x)",
        "class B:\n  def go(self, x): return self.net(x)\nclass T(B):\n  net = Net()\nT().go(x)",
        "class T:\n  @classmethod\n  def make(cls): t = cls(); t.net = Net(); return t\n"
        "  def go(self, x): return self.net(x)\nT.make().go(x)",
        "class T:\n  def __init__(self): setattr(self, 'net', Net())\n  def go(self, x): return self.net(x)\nT().go(x)",
    ],
)
def test_attributes_of_objects(body: str):
    assert modes(NET + body.replace("return self.net(x)", "self.net.eval(); return self.net(x)")) == {
        "self.net(x)": {"eval"}
    }


@pytest.mark.parametrize(
    "body",
    [
        "def run(model: Net): model.eval(); model(x).item()",
        "def run(model, *, other=1): model.eval(); model(x)",
        "def run(model=Net()): model.eval(); model(x)",
        "run = lambda model: model(x)\nrun(Net())",
        "import functools\ndef go(model, x): model(x)\nrun = functools.partial(go, Net())\nrun(x)",
        "def outer():\n  model = Net()\n  def inner(): return model(x)\n  return inner\nouter()()",
        "def make(): return Net(), 1\nmodel, _ = make()\nmodel(x)",
        "def make(): return {'m': Net()}\nmodel = make()['m']\nmodel(x)",
        "def make():\n  yield Net()\nfor model in make(): model(x)",
        "model = {'a': Net, 'b': None}['a']()\nmodel(x)",
        "cls = Net if flag else nn.Linear\nmodel = cls()\nmodel(x)",
        "for i, (model, _) in enumerate(zip([Net()], xs)): model(x)",
        "args = (Net(),)\ndef run(model): model(x)\nrun(*args)",
        "args = {'model': Net()}\ndef run(model): model(x)\nrun(**args)",
        "models = nn.ModuleList([Net()])\nfor model in models: model(x)",
        "from tqdm import tqdm\nfor model in tqdm([Net()]): model(x)",
        "model, *rest = [Net(), 1, 2]\nmodel(x)",
    ],
)
def test_ways_of_a_model_to_its_call(body: str):
    assert "model(x)" in called(body)


@pytest.mark.parametrize(
    "body",
    [
        "def tokenizer(x): return x\nmodel = tokenizer\nmodel(x)",
        "class Plain:\n  def __call__(self, x): return x\nmodel = Plain()\nmodel(x)",
        "model = len\nmodel(x)",
        "def run(model): model(x)\n",
        "model = nn.ReLU()\nmodel(x)",
    ],
)
def test_what_is_no_model(body: str):
    assert "model(x)" not in called(body)


def test_a_forward_runs_silently_and_only_for_its_values():
    assert called("net = Net()\nnet(x)") == {"net(x)"}


def test_a_constructor_of_another_file_is_run_with_its_arguments():
    files = {
        "nets.py": "import torch.nn as nn\nclass Wrap(nn.Module):\n  def __init__(self, net):\n    super().__init__()\n"
        "    self.net = net\n  def forward(self, x): return self.net(x)\n",
        "main.py": "import torch.nn as nn\nfrom nets import Wrap\nlinear = nn.Linear(3, 2)\nwrap = Wrap(linear)\n"
        "wrap.eval()\nlinear(x)\nwrap.net(x)\n",
    }
    assert modes(files) == {"linear(x)": {"eval"}, "wrap.net(x)": {"eval"}}


def test_a_module_stored_in_another_from_outside_follows_its_mode():
    text = "class Shell(nn.Module): pass\nshell, net = Shell(), Net()\nshell.net = net\nshell.eval()\n"
    text += "shell.net(x)\nnet(x)"
    assert modes(with_net(text)) == {"shell.net(x)": {"eval"}, "net(x)": {"eval"}}


def test_a_default_of_another_module_is_evaluated_there():
    files = {
        "losses.py": "import torch.nn as nn\nDEFAULT = nn.Linear(3, 2)\ndef run(x, model=DEFAULT): return model(x)\n",
        "main.py": "DEFAULT = None\nfrom losses import run\nrun(x)\n",
    }
    (call,) = events(program_of(files), ModelCall)
    assert isinstance(call.model, Instance) and call.model.site is not None
    assert call.model.site.path == "losses.py"


def test_constructions_are_told_apart_by_their_place():
    program = program_of(NET + "a = Net()\nb = Net()\nnets = [Net() for _ in range(2)]\n")
    made = [e.value for e in events(program, Construction) if isinstance(e.value, Instance)]
    nets = {v for v in made if isinstance(v.cls, ClassRef)}
    assert len(nets) == 3


def test_a_mode_change_knows_its_model_and_whether_the_class_has_its_own():
    text = """
        class Own(Net):
            def train(self, mode=True):
                return super().train(mode)

        own, net = Own(), Net()
        own.eval()
        net.train(flag)
    """
    program = program_of(with_net(text))
    found = {
        text_at(program.project, e.place): (e.mode, e.overridden)
        for e in events(program, ModeSet)
        if text_at(program.project, e.place)[:5] != "super"
    }
    assert found == {"own.eval()": ("eval", True), "net.train(flag)": ("unknown", False)}


def test_the_chain_of_contexts_crosses_calls():
    text = "def test(net):\n    for x in data:\n        with torch.no_grad():\n            net(x)\n\ntest(Net())\n"
    program = program_of(with_net(text))
    (event,) = events(program, ModelCall)
    assert [c.kind for c in event.context.chain()] == ["with", "loop", "function", "module"]
    frame = event.context.frame()
    assert frame.function is not None and frame.function.name == "test" and not frame.of_module
    assert frame.call is not None and text_at(program.project, frame.call) == "test(Net())"
    assert event.context.inside(frame) and not frame.inside(event.context)


# --- bounds ------------------------------------------------------------------------------------------------------


def test_recursion_ends():
    text = """
        def walk(node, depth):
            walk(node.left, depth + 1)
            return ping(node)
        def ping(x): return pong(x)
        def pong(x): return ping(x)
        class Loop(nn.Module):
            def forward(self, x): return self(x)
        a = lambda: a()
        a()
        walk(tree, 0)
        net = Loop()
        net(x).item()
        class Self:
            def __init__(self): self.other = Self()
        Self().other.other.other
    """
    program = program_of(text)
    assert all(trace.complete for trace in program.traces)


def test_a_spent_budget_is_said(monkeypatch: pytest.MonkeyPatch):
    text = NET + "net = Net()\n" + "net(x)\n" * 50
    assert all(trace.complete for trace in program_of(text).traces)
    monkeypatch.setattr(core, "MAX_STEPS", 20)
    program = program_of(text)
    assert not all(trace.complete for trace in program.traces)
    assert 0 < len(events(program, ModelCall)) < 50


def test_what_is_given_to_a_backward_pass_crosses_functions():
    text = """
        def loss_of(net, x, y):
            output = net(x)
            return {"loss": F.cross_entropy(output, y), "output": output.detach()}

        net = Net()
        result = loss_of(net, x, y)
        result["loss"].backward()
        loss_of(net, x, z)["output"].sum().item()
    """
    assert fates(with_net(text))["net(x)"] == {"trained", "evaluation"}
