"""Files in which every dropout follows the mode: dismissed only where the rule can have no finding."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import pytest

from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.looks.dropouts import may_drop_always
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Finding
from torchfix_codemods.rules import functional_dropout_training

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nfrom functools import partial\n"
BESIDE = {
    "common.py": "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"
    "from torch.nn.functional import *\n",
    "parts.py": "from torch.nn import functional as ops\n",
}


def net(forward: str, *, init: str = "pass", head: str = HEAD, parameters: str = "self, x") -> str:
    """A file with a module whose `forward` has this body."""
    body = textwrap.indent(textwrap.dedent(forward).strip(), "        ")
    return (
        f"{head}\n\nclass Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        {init}\n\n"
        f"    def forward({parameters}):\n{body}\n"
    )


KEPT = {
    "by default": net("return F.dropout(x, 0.5)"),
    "by the whole name": net("return torch.nn.functional.dropout2d(x)"),
    "with a rate that somebody else chooses": net("return F.dropout(x, p)", parameters="self, x, p"),
    "with a flag that is True": net("return F.dropout(x, 0.5, training=True)"),
    "with a flag that is True by position": net("return F.dropout(x, 0.5, True)"),
    "one of two": net("x = F.dropout(x, training=self.training)\nreturn F.dropout(x)"),
    "after a docstring that isn't indented": net('"""As in\nclass A:\n    x = 1\n"""\nreturn F.dropout(x)').replace(
        "        class A:\n            x", "class A:\n    x"
    ),
    "over lines": net("return F.dropout(\n    x,\n    p=(0.5),\n)"),
    "a space before the bracket": net("return F.dropout (x)"),
    "a space behind the dot": net("return F. dropout(x)"),
    "a dot on the next line": net("return (F\n        .dropout(x))"),
    "alpha, which never drops": net("return F.alpha_dropout(x)"),
    "feature alpha": net("return F.feature_alpha_dropout(x, 0.5)"),
    "in place": net("torch.dropout_(x, 0.5, True)\nreturn x"),
    "the native one": net("return torch.dropout(x, 0.5, True)"),
    "a name from an import": net("return dropout(x)", head=HEAD + "from torch.nn.functional import dropout\n"),
    "a name from a list": net(
        "return dropout(x)",
        head=HEAD + "from torch.nn.functional import (  # (what drops)\n    relu,\n    dropout,\n)\n",
    ),
    "renamed": net("return drop(x)", head=HEAD + "from torch.nn.functional import dropout as drop\n"),
    "renamed in a list": net(
        "return drop(x)", head=HEAD + "from torch.nn.functional import (\n    relu,\n    dropout as drop,\n)\n"
    ),
    "a name that is imported inside": net("from torch.nn.functional import dropout\nreturn dropout(x)"),
    "an import and its use in one line": net("import torch.nn.functional as G; drop = G.dropout; return drop(x)"),
    "by a star": net("return F.dropout(x)", head="from common import *\n"),
    "by a star, as a plain name": net("return dropout(x)", head="from common import *\n"),
    "by another file": net("return ops.dropout(x)", head=HEAD + "from parts import ops\n"),
    "an alias of the functions": net("return ops.dropout(x)", head=HEAD + "ops = nn.functional\n"),
    "an alias of an alias": net("return b.dropout(x)", head=HEAD + "a = torch.nn\nb = a.functional\n"),
    "two aliases at once": net("return a.dropout(x)", head=HEAD + "a = b = (nn .functional)  # torch's\n"),
    "an alias": net("drop = F.dropout\nreturn drop(x)"),
    "an alias at the top": net("return drop(x)", head=HEAD + "drop = F.dropout\n"),
    "an alias of a name": net(
        "return drop(x)", head=HEAD + "from torch.nn.functional import dropout\ndrop = dropout\n"
    ),
    "in an attribute": net("return self.drop(x)", init="self.drop = F.dropout"),
    "in an attribute of its name": net("return self.dropout(x)", init="self.dropout = F.dropout"),
    "by partial": net("return drop(x)", head=HEAD + "drop = partial(F.dropout, p=0.2)\n"),
    "by partial in an attribute": net("return self.drop(x)", init="self.drop = partial(F.dropout, p=0.2)"),
    "in a lambda": net("return (lambda y: F.dropout(y))(x)"),
    "in a function inside": net("def inner(y):\n    return F.dropout(y)\nreturn inner(x)"),
    "in a comprehension": net("return [F.dropout(y) for y in x]"),
    "in a loop": net("for fc in self.fcs:\n    x = F.dropout(fc(x))\nreturn x"),
    "as an argument": net("return F.relu(F.dropout(x))"),
    "of a rate that a function inside is given": net(
        "def inner(y):\n    return F.dropout(y, p=p)\np = 0.5\nreturn inner(x)"
    ),
    "made where it is called": net("return nn.Dropout(0.5)(x)"),
    "made where it is called, with brackets": net("return nn.Dropout(p=float(max(0.1, min(self.p, (0.5)))))(x)"),
    "made where it is called, with a text": net("return nn.Dropout(float('0.5'))(x)"),
    "made under another name": net("return Drop(0.5)(x)", head=HEAD + "from torch.nn import Dropout as Drop\n"),
    "made by an alias": net("return Drop(0.5)(x)", head=HEAD + "Drop = nn.Dropout\n"),
    "made in the function": net("drop = nn.Dropout(0.5)\nreturn drop(x)"),
    "made in the function, behind a colon": net(
        "if x is None: return x\nif x: drop = nn.Dropout2d(0.5)\nreturn drop(x)"
    ),
    "made in the function, beside another": net(
        "def other(y):\n    drop = y\n    return [drop]\n"
        "def inner(y):\n    drop = nn.Dropout()\n    return drop(y)\nreturn inner(x)"
    ),
    "attention": net("return F.scaled_dot_product_attention(x, x, x, dropout_p=0.1)"),
    "attention by position": net("return F.scaled_dot_product_attention(x, x, x, None, self.p)"),
    "attention with a rate from a name": net("p = self.p\nreturn F.scaled_dot_product_attention(x, x, x, dropout_p=p)"),
    "attention by a plain name": net(
        "return scaled_dot_product_attention(x, x, x, dropout_p=self.p)",
        head=HEAD + "from torch.nn.functional import scaled_dot_product_attention\n",
    ),
    "in a function": HEAD + "\n\ndef head(x):\n    return F.dropout(x, 0.5)\n",
    "in a coroutine": HEAD + "\n\nasync def head(x):\n    return F.dropout(x, 0.5)\n",
    "in a class in a function": HEAD
    + "\n\ndef build():\n    class Net(nn.Module):\n        def forward(self, x, p):\n"
    + "            return F.dropout(x, p)\n    return Net()\n",
    "with tabs": net("return F.dropout(x, 0.5)").replace("    ", "\t"),
    "with old line ends": net("return F.dropout(x, 0.5)").replace("\n", "\r\n"),
}


def files_of(code: str) -> dict[str, str]:
    return {**BESIDE, "net.py": code}


def may(files: Mapping[str, str]) -> bool:
    return may_drop_always(Project(files, files.get), "net.py")


def found(files: Mapping[str, str]) -> list[Finding]:
    project = Project(files, files.get)
    file = project.parse("net.py")
    assert file is not None
    return list(functional_dropout_training.check(file, project))


@pytest.mark.parametrize("name", KEPT)
def test_kept_is_what_has_a_finding(name, monkeypatch):
    monkeypatch.setattr(functional_dropout_training, "topics_of", lambda project, path: Topic.DROPOUT)
    files = files_of(KEPT[name])
    assert found(files)
    assert may(files)


GONE = {
    "the flag": net("return F.dropout(x, p=self.config.dropout, training=self.training)"),
    "the flag by position": net("return F.dropout(x, self.p, self.training)"),
    "another flag": net("return F.dropout(x, self.p, training=not self.frozen)"),
    "a rate of nothing": net("return F.dropout(x, p=0.0)"),
    "a rate of a configuration": net("return self.drop(x)", init="self.drop = nn.Dropout(config.dropout)"),
    "a rate in an attribute": net("return x", init="self.dropout = config.dropout", parameters="self, x, config"),
    "a rate in a call": net("return self.fc(x, args.dropout, dropout=args.dropout)"),
    "a module": net("return self.dropout(x)", init="self.dropout = nn.Dropout(0.5)"),
    "a module of a module": net("return self.embeddings.dropout(x)"),
    "the class of a module": net("return x", init="assert isinstance(self.drop, (nn.Dropout, nn.Dropout2d))"),
    "a class as an annotation": net("return x", head=HEAD + "def add(layer: nn.Dropout = None) -> nn.Dropout: pass\n"),
    "a module that is handed on": net("drop = nn.Dropout(0.5)\nreturn nn.Sequential(self.fc, drop)(x)"),
    "attention without a rate": net("return F.scaled_dot_product_attention(x, x, x, attn_mask=None)"),
    "attention in training": net(
        "return F.scaled_dot_product_attention(x, x, x, dropout_p=self.p if self.training else 0.0)"
    ),
    "attention with a name": net(
        "p = self.p if self.training else 0.0\nreturn F.scaled_dot_product_attention(x, x, x, dropout_p=p)"
    ),
    "attention with the caller's rate": net(
        "return F.scaled_dot_product_attention(x, x, x, dropout_p=dropout_p)", parameters="self, x, dropout_p"
    ),
    "the caller's rate": HEAD + "\n\ndef head(x, p):\n    return F.dropout(x, p)\n",
    "options": net("return F.dropout(x, **self.options)"),
    "a function of the file": net("return dropout(x)", head=HEAD + "def dropout(x): return x\n"),
    "names that mean one another": net("return a.dropout(x)", head=HEAD + "a = b\nb = a\n"),
    "a comment": net("return x  # unlike F.dropout\n"),
    "a text": net("'''As F.dropout(x) does.'''\nreturn x"),
    "a list of names": net("return x", init="for dim, dropout in config: self.add(dim, dropout)"),
}


@pytest.mark.parametrize("name", GONE)
def test_gone_is_what_follows_the_mode(name, monkeypatch):
    monkeypatch.setattr(functional_dropout_training, "topics_of", lambda project, path: Topic.DROPOUT)
    files = files_of(GONE[name])
    assert not may(files)
    assert not found(files)
