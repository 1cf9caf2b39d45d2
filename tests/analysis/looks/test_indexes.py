# ruff: noqa: E501
"""The look at indices keeps every program in which the rule has a finding, whichever way the index takes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from torchfix_codemods.analysis import closer
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.rules.index_select_index import RULE

HEAD = "import numpy as np\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\nx = torch.rand(4, 4)\nunused = torch.int32\n"
#: Ways from an index of a wrong type (`INDEX`) to a call that takes it.
WAYS = {
    "in place": "y = F.one_hot(INDEX)\n",
    "a name": "def f():\n    i = INDEX\n    return F.one_hot(i)\n",
    "a name of the top level": "i = INDEX\n\n\ndef f():\n    return F.one_hot(i)\n\n\nf()\n",
    "a view": "def f():\n    i = INDEX\n    i = i.view(-1).contiguous()\n    return F.one_hot(i.cuda())\n",
    "a helper": "def make():\n    return INDEX\n\n\ndef f():\n    return F.one_hot(make())\n",
    "a helper of a helper": "def make():\n    i = INDEX\n    return i\n\n\ndef more():\n    return make()\n\n\ny = F.one_hot(more())\n",
    "a parameter": "def f(i):\n    return F.one_hot(i)\n\n\nf(INDEX)\n",
    "a keyword": "def f(i=None):\n    return F.one_hot(i)\n\n\nf(i=INDEX)\n",
    "a default": "def f(i=INDEX):\n    return F.one_hot(i)\n\n\nf()\n",
    "a parameter handed on": "def f(i):\n    return F.one_hot(i)\n\n\ndef g(k):\n    return f(k)\n\n\ng(INDEX)\n",
    "a function handed on": "def f(i):\n    return F.one_hot(i)\n\n\ndef run(do, i):\n    return do(i)\n\n\nrun(f, INDEX)\n",
    "an attribute": "class A:\n    def __init__(self):\n        self.i = INDEX\n\n    def f(self):\n        return F.one_hot(self.i)\n\n\nA().f()\n",
    "an attribute that is given": "class A:\n    def __init__(self, i):\n        self.i = i\n\n    def f(self):\n        return F.one_hot(self.i)\n\n\nA(INDEX).f()\n",
    "an attribute of the class": "class A:\n    i = INDEX\n\n    def f(self):\n        return F.one_hot(self.i)\n\n\nA().f()\n",
    "a property": "class A:\n    @property\n    def i(self):\n        return INDEX\n\n    def f(self):\n        return F.one_hot(self.i)\n\n\nA().f()\n",
    "a dataclass": "from dataclasses import dataclass\n\n\n@dataclass\nclass A:\n    i: object\n\n\na = A(INDEX)\ny = F.one_hot(a.i)\n",
    "a tuple": "def f():\n    pair = (x, INDEX)\n    return F.one_hot(pair[1])\n",
    "a tuple that is returned": "def make():\n    return x, INDEX\n\n\ndef f():\n    a, i = make()\n    return F.one_hot(i)\n",
    "a list": "def f():\n    many = [INDEX]\n    for i in many:\n        F.one_hot(i)\n",
    "a list that grows": "def f():\n    many = []\n    many.append(INDEX)\n    return F.one_hot(many[0])\n",
    "enumerate and zip": "def f():\n    for n, (a, i) in enumerate(zip([x], [INDEX])):\n        F.one_hot(i)\n",
    "a comprehension": "def f():\n    return [F.one_hot(i) for i in [INDEX]]\n",
    "a dictionary": "def f():\n    d = {'i': INDEX}\n    return F.one_hot(d['i'])\n",
    "a key that is set": "def f():\n    d = {}\n    d['i'] = INDEX\n    return F.one_hot(d['i'])\n",
    "get of a dictionary": "def f():\n    d = {'i': INDEX}\n    return F.one_hot(d.get('i'))\n",
    "keywords of a dictionary": "def f(i):\n    return F.one_hot(i)\n\n\nf(**{'i': INDEX})\n",
    "stars": "def f(i):\n    return F.one_hot(i)\n\n\nf(*[INDEX])\n",
    "a rest": "def f(*many):\n    return F.one_hot(many[0])\n\n\nf(INDEX)\n",
    "named rest": "def f(**many):\n    return F.one_hot(many['i'])\n\n\nf(i=INDEX)\n",
    "a closure": "def f():\n    i = INDEX\n\n    def g():\n        return F.one_hot(i)\n\n    return g()\n",
    "a lambda": "make = lambda: INDEX\ny = F.one_hot(make())\n",
    "a parameter of a lambda": "f = lambda i: F.one_hot(i)\nf(INDEX)\n",
    "map": "def f(i):\n    return F.one_hot(i)\n\n\nfor y in map(f, [INDEX]):\n    print(y)\n",
    "partial": "from functools import partial\n\n\ndef f(a, i):\n    return F.one_hot(i)\n\n\npartial(f, x)(INDEX)\n",
    "partial of torch": "from functools import partial\n\npartial(F.one_hot, num_classes=4)(INDEX)\n",
    "another name": "from torch.nn.functional import one_hot as hot\n\nhot(INDEX)\n",
    "a name for the function": "hot = F.one_hot\nhot(INDEX)\n",
    "a condition": "def f(c):\n    i = INDEX if c else INDEX\n    return F.one_hot(i)\n",
    "branches": "def f(c):\n    if c:\n        i = INDEX\n    else:\n        i = INDEX\n    return F.one_hot(i)\n",
    "several lines": "def f():\n    i = (\n        INDEX\n    )\n    return F.one_hot(\n        i,\n        num_classes=9,\n    )\n",
    "a walrus": "def f():\n    if (i := INDEX) is not None:\n        return F.one_hot(i)\n",
    "a generator": "def make():\n    yield INDEX\n\n\ndef f():\n    for i in make():\n        F.one_hot(i)\n",
    "a list of a comprehension": "def f():\n    many = [INDEX for _ in range(3)]\n    return F.one_hot(many[0])\n",
    "cat": "def f():\n    return F.one_hot(torch.cat([INDEX, INDEX]))\n",
    "a module": "class N(nn.Module):\n    def forward(self, i):\n        return F.one_hot(i)\n\n\nn = N()\nprint(n(INDEX).sum())\n",
    "a module in a module": "class N(nn.Module):\n    def forward(self, i):\n        return F.one_hot(i)\n\n\nclass M(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.parts = nn.ModuleList([N() for _ in range(2)])\n\n    def forward(self, a):\n        for part in self.parts:\n            a = part(a)\n        return a\n\n\nprint(M()(INDEX).sum())\n",
    "what a module returns": "class N(nn.Module):\n    def forward(self, a):\n        return INDEX\n\n\nclass M(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.n = N()\n\n    def forward(self, a):\n        return F.one_hot(self.n(a))\n",
    "an embedding": "class M(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.e = nn.Embedding(4, 2)\n\n    def forward(self, a):\n        return self.e(INDEX8)\n\n\nprint(M()(x).sum())\n",
    "an embedding in a list": "class M(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.es = nn.ModuleList([nn.Embedding(4, 2)])\n\n    def forward(self, a):\n        return self.es[0](INDEX8)\n\n\nprint(M()(x).sum())\n",
    "an embedding by a parameter": "def f(e, i):\n    return e(i)\n\n\nf(nn.Embedding(4, 2), INDEX8)\n",
    "a loss": "def f(loss, a, b):\n    return loss(a, b)\n\n\nf(nn.CrossEntropyLoss(), x, INDEX)\n",
    "a loss with a name": "criterion = nn.CrossEntropyLoss()\n\n\ndef step(a, b):\n    return criterion(a, b)\n\n\nstep(x, INDEX)\n",
    "a data set": "from torch.utils.data import DataLoader, Dataset\n\n\nclass D(Dataset):\n    def __getitem__(self, n):\n        return x[n], INDEX\n\n\nfor a, b in DataLoader(D()):\n    F.one_hot(b)\n",
    "a tensor data set": "from torch.utils.data import DataLoader, TensorDataset\n\nfor a, b in DataLoader(TensorDataset(x, INDEX)):\n    F.one_hot(b)\n",
    "a compare": "def f(a):\n    m = x > 0\n    return x.gather(1, m)\n",
    "a method": "def f(i):\n    return x.gather(1, i)\n\n\nf(INDEX8)\n",
    "a type with a name": "kind = torch.int16\n\n\ndef f(a: torch.Tensor):\n    return F.one_hot(torch.zeros(3).to(kind))\n",
    "getattr": "class A:\n    def __init__(self):\n        self.i = INDEX\n\n\na = A()\ny = F.one_hot(getattr(a, 'i'))\n",
    "setattr": "class A:\n    pass\n\n\na = A()\nsetattr(a, 'i', INDEX)\ny = F.one_hot(a.i)\n",
    "a swap": "a, i = x, INDEX\ny = F.one_hot(i)\n",
    "with": "def f():\n    with torch.no_grad():\n        i = INDEX\n    return F.one_hot(i)\n",
    "try": "def f():\n    try:\n        i = INDEX\n    except ValueError:\n        return None\n    return F.one_hot(i)\n",
    "a base": "class B:\n    def make(self):\n        return INDEX\n\n\nclass A(B):\n    def f(self):\n        return F.one_hot(self.make())\n\n\nA().f()\n",
    "super": "class B:\n    def f(self, i):\n        return F.one_hot(i)\n\n\nclass A(B):\n    def f(self, i):\n        return super().f(i)\n\n\nA().f(INDEX)\n",
    "call": "class A:\n    def __call__(self, i):\n        return F.one_hot(i)\n\n\na = A()\na(INDEX)\n",
    "an operator": "class A:\n    def __getitem__(self, n):\n        return INDEX\n\n\na = A()\ny = F.one_hot(a[0])\n",
    "static": "class A:\n    @staticmethod\n    def f(i):\n        return F.one_hot(i)\n\n\nA.f(INDEX)\n",
    "class method": "class A:\n    @classmethod\n    def f(cls, i):\n        return F.one_hot(i)\n\n\nA.f(INDEX)\n",
    "global": "i = None\n\n\ndef set_it():\n    global i\n    i = INDEX\n\n\nset_it()\ny = F.one_hot(i)\n",
    "a slice": "def f():\n    i = INDEX\n    return F.one_hot(i[1:])\n",
    "a loop that carries": "def f():\n    i = INDEX\n    for _ in range(3):\n        i = i.clone()\n    return F.one_hot(i)\n",
    "semicolons": "def f():\n    i = INDEX; return F.one_hot(i)\n",
    "one line": "def f(): return F.one_hot(INDEX)\n",
    "annotated": "def f():\n    i: torch.Tensor = INDEX\n    return F.one_hot(i)\n",
    "typed header": "def f(\n    a: dict[str, int],\n    i: torch.Tensor,\n) -> torch.Tensor:\n    return F.one_hot(i)\n\n\nf({}, INDEX)\n",
    "several targets": "def f():\n    a = i = INDEX\n    return F.one_hot(i)\n",
    "targets over lines": "def make():\n    return x, INDEX\n\n\ndef f():\n    (\n        a,\n        i,\n    ) = make()\n    return F.one_hot(i)\n",
    "nested": "def f():\n    def make():\n        return INDEX\n\n    return F.one_hot(make())\n",
    "nested with a parameter": "def f():\n    def g(i):\n        return F.one_hot(i)\n\n    return g(INDEX)\n",
    "next": "def f():\n    i = next(iter([INDEX]))\n    return F.one_hot(i)\n",
    "a space before the bracket": "y = F.one_hot (INDEX)\n",
    "data": "def f():\n    i = INDEX\n    return F.one_hot(i.data)\n",
    "variable": "from torch.autograd import Variable\n\n\ndef f():\n    return F.one_hot(Variable(INDEX))\n",
}
FILES = {
    "a helper": (
        {"make.py": "import torch\n\n\ndef make():\n    return INDEX\n"},
        "from make import make\n\ny = F.one_hot(make())\n",
    ),
    "a constant": ({"make.py": "import torch\n\nI = INDEX\n"}, "from make import I\n\ny = F.one_hot(I)\n"),
    "a constant of a module": ({"make.py": "import torch\n\nI = INDEX\n"}, "import make\n\ny = F.one_hot(make.I)\n"),
    "a star": (
        {"make.py": "import torch\n\n\ndef make():\n    return INDEX\n\n\nI = INDEX\n"},
        "from make import *\n\ny = F.one_hot(make())\nz = F.one_hot(I)\n",
    ),
    "a method": (
        {"make.py": "import torch\n\n\nclass A:\n    def make(self):\n        return INDEX\n"},
        "from make import A\n\na = A()\ny = F.one_hot(a.make())\n",
    ),
    "an attribute": (
        {"make.py": "import torch\n\n\nclass A:\n    def __init__(self):\n        self.i = INDEX\n"},
        "from make import A\n\na = A()\ny = F.one_hot(a.i)\n",
    ),
    "a base": (
        {"make.py": "import torch\n\n\nclass A:\n    def make(self):\n        return INDEX\n"},
        "from make import A\n\n\nclass B(A):\n    def f(self):\n        return F.one_hot(self.make())\n\n\nB().f()\n",
    ),
    "an attribute of a base": (
        {"make.py": "import torch\n\n\nclass A:\n    def __init__(self):\n        self.i = INDEX\n"},
        "from make import A\n\n\nclass B(A):\n    def f(self):\n        return F.one_hot(self.i)\n\n\nB().f()\n",
    ),
    "a caller": ({"main.py": "import torch\nfrom p import f\n\nf(INDEX)\n"}, "def f(i):\n    return F.one_hot(i)\n"),
    "a keyword of a caller": (
        {"main.py": "import torch\nimport p\n\np.f(i=INDEX)\n"},
        "def f(i):\n    return F.one_hot(i)\n",
    ),
    "a caller of a method": (
        {"main.py": "import torch\nfrom p import A\n\na = A()\na.f(INDEX)\n"},
        "class A:\n    def f(self, i):\n        return F.one_hot(i)\n",
    ),
    "an object of a caller": (
        {"main.py": "import torch\nfrom p import A\n\na = A(INDEX)\na.f()\n"},
        "class A:\n    def __init__(self, i):\n        self.i = i\n\n    def f(self):\n        return F.one_hot(self.i)\n",
    ),
    "a helper that calls": (
        {"run.py": "def run(do, i):\n    return do(i)\n"},
        "from run import run\n\n\ndef f(i):\n    return F.one_hot(i)\n\n\nrun(f, INDEX)\n",
    ),
    "a helper that runs a model": (
        {"run.py": "def run(model, i):\n    return model(i.int())\n"},
        "from run import run\n\n\nclass N(nn.Module):\n    def forward(self, i):\n        return F.one_hot(i)\n\n\nprint(run(N(), torch.zeros(3)).sum())\n",
    ),
    "a base that calls": (
        {"run.py": "import torch\n\n\nclass A:\n    def run(self):\n        return self.f(INDEX)\n"},
        "from run import A\n\n\nclass B(A):\n    def f(self, i):\n        return F.one_hot(i)\n\n\nB().run()\n",
    ),
    "a helper in between": (
        {
            "make.py": "import torch\n\n\ndef make():\n    return INDEX\n",
            "via.py": "from make import make\n\n\ndef more():\n    return make()\n",
        },
        "from via import more\n\ny = F.one_hot(more())\n",
    ),
    "a name handed on": (
        {"make.py": "import torch\n\n\ndef make():\n    return INDEX\n", "via.py": "from make import make\n"},
        "from via import make\n\ny = F.one_hot(make())\n",
    ),
    "a module of the package": (
        {"pkg/__init__.py": "", "pkg/make.py": "import torch\n\n\ndef make():\n    return INDEX\n"},
        "from pkg import make\n\ny = F.one_hot(make.make())\n",
    ),
    "a model": (
        {
            "net.py": "import torch\nfrom torch import nn\n\n\nclass N(nn.Module):\n    def forward(self, a):\n        return INDEX\n"
        },
        "from net import N\n\nn = N()\ny = F.one_hot(n(x))\n",
    ),
    "a data set": (
        {
            "data.py": "import torch\n\n\nclass D(torch.utils.data.Dataset):\n    def __getitem__(self, n):\n        return torch.rand(4), INDEX\n"
        },
        "from data import D\n\nfor a, b in torch.utils.data.DataLoader(D()):\n    F.one_hot(b)\n",
    ),
    "an embedding": (
        {"net.py": "import torch\nfrom torch import nn\n\n\ndef make():\n    return nn.Embedding(4, 2)\n"},
        "from net import make\n\nembedding = make()\nembedding(torch.zeros(3).char())\n",
    ),
    "what is done with": (
        {"net.py": "import torch\n\n\ndef same(i):\n    return i.view(-1)\n"},
        "from net import same\n\ny = F.one_hot(same(INDEX))\n",
    ),
}
INDEX, INDEX8 = "torch.zeros(3).int()", "torch.zeros(3).char()"


def _written(text: str) -> str:
    return text.replace("INDEX8", INDEX8).replace("INDEX", INDEX)


PROGRAMS: dict[str, dict[str, str]] = {name: {"p.py": _written(HEAD + text)} for name, text in WAYS.items()} | {
    f"{name}, in another file": {"p.py": _written(HEAD + text), **{path: _written(t) for path, t in others.items()}}
    for name, (others, text) in FILES.items()
}


def places(files: Mapping[str, str]) -> list[tuple[str, int]]:
    """Where the rule has findings."""
    project = Project(sorted(files), files.get)
    parsed = [file for path in sorted(files) if (file := project.parse(path)) is not None]
    return [(found.location.path, found.location.start) for file in parsed for found in RULE.check(file, project)]


@pytest.mark.parametrize("files", PROGRAMS.values(), ids=PROGRAMS)
def test_what_is_found_is_kept(files: Mapping[str, str], monkeypatch: pytest.MonkeyPatch):
    looked = places(files)
    monkeypatch.setattr(closer, "LOOKS", tuple(look for look in closer.LOOKS if look[0] is not Topic.INDEX))
    assert looked == places(files)
