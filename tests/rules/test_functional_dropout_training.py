"""TFC303 beyond its page: names, places and wishes that the page's examples do not show."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules.functional_dropout_training import RULE

HEAD = """\
import torch
import torch.nn as nn
import torch.nn.functional as F


"""


def module(body: str, *, bases: str = "nn.Module", name: str = "Net") -> dict[str, str]:
    """A file with one class that has this body."""
    return {"net.py": f"{HEAD}class {name}({bases}):\n{indent(dedent(body).strip(), '    ')}\n"}


def changed_line(files, applied, level=Level.BEHAVIOR):
    """The lines of `net.py` that the fixes change, without their indentation."""
    before, after = files["net.py"].splitlines(), applied(files, RULE, level)["net.py"].splitlines()
    return [line.strip() for line in after if line not in before]


@pytest.mark.parametrize(
    ("call", "rewritten"),
    [
        ("F.dropout(x)", "F.dropout(x, training=self.training)"),
        ("F.dropout3d(x, .2, inplace=True)", "F.dropout3d(x, .2, inplace=True, training=self.training)"),
        (
            "nn.functional.dropout(input=x, p=self.p)",
            "nn.functional.dropout(input=x, p=self.p, training=self.training)",
        ),
        ("torch.nn.functional.dropout1d(x,)", "torch.nn.functional.dropout1d(x, training=self.training,)"),
        ("F.relu(F.dropout(x, 0.1) + 1)", "F.relu(F.dropout(x, 0.1, training=self.training) + 1)"),
        ("nn.AlphaDropout(0.2)(x)", "F.alpha_dropout(x, p=0.2, training=self.training)"),
        ("nn.FeatureAlphaDropout()(x)", "F.feature_alpha_dropout(x, training=self.training)"),
        ("nn.Dropout(0.2, True)(x + 1)", "F.dropout(x + 1, p=0.2, inplace=True, training=self.training)"),
        ("torch.alpha_dropout(x, 0.5, train=True)", "torch.alpha_dropout(x, 0.5, train=self.training)"),
        (
            "F.scaled_dot_product_attention(x, x, x, None, 0.1)",
            "F.scaled_dot_product_attention(x, x, x, None, 0.1 if self.training else 0.0)",
        ),
        (
            "F.scaled_dot_product_attention(x, x, x, dropout_p=self.p or 0.1)",
            "F.scaled_dot_product_attention(x, x, x, dropout_p=self.p or 0.1 if self.training else 0.0)",
        ),
        (
            "F.scaled_dot_product_attention(x, x, x, dropout_p=a if self.wide else b)",
            "F.scaled_dot_product_attention(x, x, x, dropout_p=(a if self.wide else b) if self.training else 0.0)",
        ),
    ],
)
def test_the_call_follows_the_mode(call, rewritten, applied):
    files = module(f"def forward(self, x):\n    return {call}")
    assert changed_line(files, applied) == [f"return {rewritten}"]
    again = applied(files, RULE)
    assert applied(again, RULE) == again


@pytest.mark.parametrize(
    "body",
    [
        "def forward(self, x):\n    return F.dropout(x, 0.5, not self.eval_mode)",
        "def forward(self, x):\n    return F.dropout(x, p=0.0)",
        "def forward(self, x):\n    return F.dropout(x, p=self.p if self.training else 0)",
        "def forward(self, x):\n    p = 0.5 * self.training\n    return F.dropout(x, p)",
        "def forward(self, x):\n    p = 0.0\n    if self.training:\n        p = 0.5\n    return F.dropout(x, p)",
        "def forward(self, x):\n    return F.dropout(x) if self.training else x",
        "def forward(self, x):\n    return self.training and F.dropout(x) or x",
        "def forward(self, x, is_train=True):\n    if is_train:\n        x = F.dropout(x)\n    return x",
        "def forward(self, x):\n    assert self.training\n    return F.dropout(x)",
        "def forward(self, x):\n    if not self.training or self.p == 0:\n        return x\n    return F.dropout(x)",
        "def forward(self, x):\n    return self.shake(x) if self.training else x\n\n"
        "def shake(self, x):\n    return F.dropout(x)",
        "def forward(self, x, n_samples=5):\n    return [F.dropout(x) for _ in range(n_samples)]",
        "def mc_forward(self, x):\n    return F.dropout(x)",
        "def forward(self, x):\n    # dropout stays on at test time\n    return F.dropout(x)",
        'def forward(self, x):\n    """Monte Carlo estimate."""\n    return F.dropout(x)',
        "def forward(self, x):\n    return F.scaled_dot_product_attention(x, x, x)",
        "def forward(self, x, dropout_p):\n    return F.scaled_dot_product_attention(x, x, x, dropout_p=dropout_p)",
        "def forward(self, x):\n    p = self.p if self.training else 0.\n"
        "    return F.scaled_dot_product_attention(x, x, x, dropout_p=p)",
        "def forward(self, x):\n    return torch.dropout(x, 0.5, False)",
        "def __init__(self):\n    self.drop = F.dropout\n    self.drop = nn.Dropout(0.5)\n\n"
        "def forward(self, x):\n    return self.drop(x)",
        "def dropout(self, x):\n    return F.dropout(x, training=self.training)\n\n"
        "def forward(self, x):\n    return self.dropout(x)",
        "def forward(self, x):\n    drop = nn.Dropout(0.5)\n    return nn.Sequential(self.fc, drop)(x)",
        "@classmethod\ndef build(cls, x):\n    return F.dropout(x)",
        "def forward(self, x):\n    return F.dropout(x, **self.options)",
    ],
)
def test_left_alone(body, findings):
    assert findings(module(body), RULE) == []


@pytest.mark.parametrize(
    "name", ["MCDropout", "McNet", "BayesianLSTM", "UncertaintyHead", "AlwaysDropout", "StochasticClassifier"]
)
def test_names_that_want_dropout_in_evaluation(name, findings):
    assert findings(module("def forward(self, x):\n    return F.dropout(x)", name=name), RULE) == []


def test_a_comment_that_denies_dropout_in_evaluation_is_no_wish(findings):
    body = "def forward(self, x):\n    # dropout, not applied during evaluation\n    return F.dropout(x)"
    assert [f.level for f in findings(module(body), RULE)] == [Level.BEHAVIOR]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("def forward(self, x, p):\n    return F.dropout(x, p)", "callers of forward() choose p"),
        (
            "def forward(self, x):\n    return F.dropout(x, self.p)\n\ndef anneal(self):\n    self.p *= 0.9",
            "self.p is changed after the construction",
        ),
        (
            "def forward(self, x):\n    if self.drops:\n        x = F.dropout(x)\n    return x\n\n"
            "def quiet(self):\n    self.drops = False",
            "drops switches it too",
        ),
        ("def mask_inputs(self, x):\n    return F.dropout(x)", "distort"),
        (
            "def forward(self, x):\n    return F.dropout(x)\n\ndef train(self, on=True):\n    self.live = on",
            "train() is overridden",
        ),
    ],
)
def test_what_keeps_the_fix_a_suggestion(body, reason, findings):
    (finding,) = findings(module(body), RULE)
    assert finding.level is Level.SUGGESTION and finding.fix is not None
    assert any(reason in step.text for step in finding.steps)


SWITCHED = """
def __init__(self, drops):
    super().__init__()
    self.drops = drops

def forward(self, x):
    if self.drops is True:
        x = F.dropout(x)
    return x
"""


@pytest.mark.parametrize(
    ("other", "level"),
    [
        ("def act(agent, x):\n    agent.model.drops = agent.noisy\n    return agent.model(x)\n", Level.SUGGESTION),
        ("class Other:\n    def __init__(self):\n        self.drops = 1\n", Level.BEHAVIOR),
        ("def ask(net):\n    return net.drops == 1\n", Level.BEHAVIOR),
    ],
)
def test_a_switch_that_another_file_sets_keeps_the_fix_a_suggestion(other, level, findings):
    assert [f.level for f in findings(module(SWITCHED) | {"agent.py": other}, RULE)] == [level]


def test_an_override_of_train_that_calls_on_is_no_doubt(findings):
    body = """
    def train(self, mode=True):
        super().train(mode)
        self.bn.eval()

    def forward(self, x):
        return F.dropout(x)
    """
    assert [f.level for f in findings(module(body), RULE)] == [Level.BEHAVIOR]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("def __init__(self, x):\n    self.x = F.dropout(x)", "__init__() runs once"),
        ("def forward(self, x):\n    self = self.inner\n    return F.dropout(x)", "self is rebound"),
        ("def forward(self, x):\n    f = lambda self: F.dropout(self)\n    return f(x)", "lambda has a parameter self"),
        (
            "def forward(self, x):\n    def inner(self):\n        return F.dropout(x)\n    return inner(x)",
            "inner() has a self of its own",
        ),
        ("def forward(self, x):\n    return F.dropout(x, 0.5, True)", "training=True is written out"),
        ("def forward(self, x):\n    return f'{F.dropout(x)}'", "f-string"),
    ],
)
def test_no_fix_and_why(body, reason, findings):
    (finding,) = findings(module(body), RULE)
    assert finding.fix is None and reason in (finding.no_fix_reason or "")


def test_an_explicit_true_beside_a_call_that_passes_the_flag_is_a_decision(findings):
    body = """
    def forward(self, x):
        x = F.dropout(x, 0.5, self.training)
        return F.dropout(x, p=0.5, training=True)
    """
    assert findings(module(body), RULE) == []


@pytest.mark.parametrize("name", ["Generator", "UnetGenerator", "NoiseLayer", "VariationalDropout"])
def test_an_explicit_true_in_a_class_whose_name_explains_it(name, findings):
    assert findings(module("def forward(self, x):\n    return F.dropout(x, training=True)", name=name), RULE) == []


def test_a_lambda_stored_by_the_constructor_closes_over_the_module(applied):
    files = module("def __init__(self):\n    super().__init__()\n    self.act = lambda x: F.dropout(x, 0.2)")
    assert changed_line(files, applied) == ["self.act = lambda x: F.dropout(x, 0.2, training=self.training)"]


@pytest.mark.parametrize(("base", "level"), [("MessagePassing", Level.BEHAVIOR), ("Encoder", Level.SUGGESTION)])
def test_bases_from_other_libraries(base, level, findings):
    files = module("def forward(self, x):\n    return F.dropout(x)", bases=base)
    files["net.py"] = f"from torch_geometric.nn import MessagePassing\nfrom speech import Encoder\n{files['net.py']}"
    (finding,) = findings(files, RULE)
    assert finding.level is level and finding.fix is not None


def test_a_class_of_an_unseen_base_without_any_sign_of_a_module(findings):
    files = module("def run(self, x):\n    return F.dropout(x)", bases="Base")
    assert findings({"net.py": "from elsewhere import Base\n" + files["net.py"]}, RULE) == []


def test_alias_by_partial_and_by_local_name(applied):
    files = {
        "net.py": HEAD
        + "from functools import partial\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n"
        + "        light = partial(F.dropout, p=0.1)\n        heavy = F.dropout\n"
        + "        told = partial(F.dropout, training=self.training)\n        return light(heavy(told(x), 0.5))\n"
    }
    assert changed_line(files, applied) == [
        "return light(heavy(told(x), 0.5, training=self.training), training=self.training)"
    ]


def test_an_attribute_set_by_a_base_class_in_another_file(applied):
    files = {
        "base.py": HEAD + "class Base(nn.Module):\n    def __init__(self):\n        self.drop = F.dropout\n",
        "net.py": "from base import Base\n\n\nclass Net(Base):\n    def forward(self, x):\n"
        "        return self.drop(x)\n",
    }
    assert applied(files, RULE) == files, "nothing in net.py says that it drops: the file is never opened"
    files["net.py"] = files["net.py"].replace("return", "x = F.dropout(x)\n        return")
    files["net.py"] = "import torch.nn.functional as F\n" + files["net.py"]
    files["base.py"] = files["base.py"].replace("self.drop", "self.dropout")
    files["net.py"] = files["net.py"].replace("self.drop", "self.dropout")
    assert changed_line(files, applied) == [
        "x = F.dropout(x, training=self.training)",
        "return self.dropout(x, training=self.training)",
    ]


def test_code_from_before_torch_1_is_told_that_it_never_dropped(findings):
    files = module("def forward(self, x):\n    return F.dropout(x)")
    (new,) = findings(files, RULE)
    (old,) = findings({"net.py": files["net.py"] + "\n\nloss = Net()(Variable(x)).data[0]\n"}, RULE)
    assert "never trained with it" in old.message and "never trained" not in new.message


def test_plain_functions_whose_callers_decide_and_demonstrations_are_left_alone(findings):
    text = HEAD + "def wrapper(x, p):\n    return F.dropout(x, p)\n\n\nprint(F.dropout(torch.ones(3)))\n"
    assert findings({"functional.py": text}, RULE) == []
    test = "import pytest\n" + HEAD + "def test_dropout():\n    assert F.dropout(torch.ones(3)).sum() >= 0\n"
    assert findings({"test_it.py": test}, RULE) == []


def test_made_modules_without_the_functional_module_in_reach(applied):
    files = {
        "net.py": "from torch.nn import Dropout, Module\n\n\nclass Net(Module):\n    def forward(self, x):\n"
        "        return Dropout(0.5)(x)\n"
    }
    after = applied(files, RULE)["net.py"]
    assert after.startswith("import torch\nfrom torch.nn import Dropout, Module\n")
    assert "return torch.nn.functional.dropout(x, p=0.5, training=self.training)" in after


def test_comments_survive_or_the_fix_is_withheld(findings, applied):
    files = module(
        """
        def forward(self, x):
            x = F.dropout(
                x,  # the features
                p=0.5  # half
            )
            return nn.Dropout(
                p=0.5,  # gone with the call
            )(x)
        """
    )
    first, second = findings(files, RULE)
    assert first.fix is not None and second.fix is None and "comment" in (second.no_fix_reason or "")
    text = applied(files, RULE)["net.py"]
    assert "# the features" in text and "# half" in text and "training=self.training" in text
