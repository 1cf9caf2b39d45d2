"""TFC402 beyond its page: what it says is held against torch, and indices that only look as if they were known."""

from __future__ import annotations

import warnings
from textwrap import indent

import pytest
import torch
import torch.nn.functional as F

from torchfix_codemods.findings import Level
from torchfix_codemods.rules._index_calls import ACCEPTED
from torchfix_codemods.rules.index_select_index import RULE

HEAD = "import numpy as np\nimport torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\nx = torch.eye(4)\n"
TYPES = ("int64", "int32", "int16", "int8", "uint8", "bool", "float32", "float64", "float16")
CALLS = {
    "index_select": lambda x, i: x.index_select(0, i),
    "embedding": lambda x, i: F.embedding(i, x),
    "gather": lambda x, i: x.gather(0, i.view(4, 1)),
    "scatter": lambda x, i: x.scatter(1, i.view(4, 1), 1.0),
    "scatter_add": lambda x, i: x.scatter_add(1, i.view(4, 1), x),
    "one_hot": lambda x, i: F.one_hot(i, 2),
    "cross_entropy": lambda x, i: F.cross_entropy(x, i),
    "nll_loss": lambda x, i: F.nll_loss(x, i),
}


def raises(text: str) -> bool:
    """Whether the program raises on this torch."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(text, {})
        except (RuntimeError, TypeError, IndexError, ValueError):
            return True
    return False


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("function", CALLS)
def test_the_types_are_those_that_torch_takes(function, dtype):
    index = torch.tensor([0, 1, 1, 0]).to(getattr(torch, dtype))
    name = "float" if dtype.startswith("float") else dtype
    try:
        CALLS[function](torch.rand(4, 4), index)
    except (RuntimeError, IndexError):
        # Floating point targets of a loss may be probabilities, so nothing is said of them.
        assert name not in ACCEPTED[function] or (name == "float" and function in ("cross_entropy", "nll_loss"))
    else:
        assert name in ACCEPTED[function]


WRONG = {
    "I1": "x.index_select(0, torch.tensor([0, 2], dtype=torch.int16))",
    "I1-alias": "x.index_select(0, torch.ShortTensor([0, 2]))",
    "I1-numpy": "x.index_select(0, torch.from_numpy(np.array([0, 2], dtype=np.int8)))",
    "I1-string": "x.index_select(0, torch.from_numpy(np.array([0, 2], dtype='int16')))",
    "I1-to": "x.index_select(0, torch.arange(2).to(torch.int8))",
    "I1-type": "torch.index_select(x, 1, torch.arange(2).type(torch.CharTensor))",
    "I1-keyword": "torch.index_select(input=x, index=torch.randperm(3).short(), dim=0)",
    "I1-float": "x.index_select(0, torch.Tensor([1, 2]))",
    "I1-byte": "x.index_select(0, torch.tensor([0, 3], dtype=torch.uint8))",
    "I2-tuple": "x.index_select(0, (0, 1))",
    "I2-range": "x.index_select(0, range(2))",
    "I2-list-range": "x.index_select(0, list(range(1, 3)))",
    "I2-permutation": "x.index_select(0, np.random.permutation(4))",
    "I2-where": "x.index_select(0, np.where(np.array([1, 0, 0, 1]))[0])",
    "I2-numpy": "x.index_select(0, torch.arange(3).numpy())",
    "I5": "x.index_select(0, x[:, 0] > 0)",
    "I5-dim": "x.index_select(1, torch.tensor([True, False, False, True]))",
    "I5-literal": "torch.index_select(x, 0, torch.tensor([True, False, False, True]))",
    "I7-gather": "x.gather(1, torch.zeros(4, 1, dtype=torch.uint8))",
    "I7-scatter": "x.scatter_(1, torch.zeros(4, 1).byte(), 1.0)",
    "I7-one-hot": "F.one_hot(torch.arange(3).int())",
    "I7-embedding": "nn.Embedding(4, 2)(torch.zeros(3).char())",
    "I8-cross-entropy": "F.cross_entropy(x, torch.arange(4).int())",
    "I8-nll": "nn.NLLLoss()(x, torch.arange(4, dtype=torch.int16))",
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_what_is_rewritten_raises_before_and_runs_afterwards(call, findings, applied):
    before = f"{HEAD}{call}  # why\n"
    (finding,) = findings({"p.py": before}, RULE)
    assert finding.level is Level.CRASH_FIX
    after = applied({"p.py": before}, RULE)["p.py"]
    assert raises(before) and not raises(after), after
    assert after.endswith("  # why\n")
    assert findings({"p.py": after}, RULE) == []


REPORTED = {
    "I1-fractions": "x.index_select(0, torch.tensor([0.5, 1.0]))",
    "I1-random": "x.index_select(0, torch.rand(2))",
    "I2-bools": "x.index_select(0, [True, False, True, False])",
    "I2-floats": "x.index_select(0, np.array([0.0, 1.5]))",
    "I2-mask": "x.index_select(0, np.array([True, False, True, False]))",
    "I3": "x.index_select(0, torch.tensor([0, -1]))",
    "I3-embedding": "nn.Embedding(4, 2)(torch.tensor([-1]))",
    "I3-gather": "x.gather(0, torch.tensor([[-1, 0, 0, 0]]))",
    "I3-scatter": "x.scatter(0, torch.tensor([[4, 0, 0, 0]]), 1.0)",
    "I3-one-hot": "F.one_hot(torch.tensor([3]), 3)",
    "I4": "x.index_select(0, torch.tensor([[0, 1]]))",
    "I4-nonzero": "x.index_select(0, torch.nonzero(torch.ones(3)))",
    "I5-bytes": "x.index_select(0, torch.tensor([1, 0, 1, 1], dtype=torch.uint8))",
    "I5-embedding": "nn.Embedding(4, 2)(torch.zeros(3, dtype=torch.bool))",
    "I6": "x.index_select(0, torch.tensor([0, 4]))",
    "I6-name": "rows = torch.LongTensor([3, 4])\nx.index_select(1, rows)",
    "I6-negative-dim": "torch.zeros(9, 2).index_select(-1, torch.tensor([2]))",
}


@pytest.mark.parametrize("call", REPORTED.values(), ids=REPORTED)
def test_what_is_only_reported_raises_too(call, findings, applied):
    text = f"{HEAD}{call}\n"
    (finding,) = findings({"p.py": text}, RULE)
    assert finding.level is Level.SUGGESTION
    assert raises(text)
    assert applied({"p.py": text}, RULE)["p.py"] == text


def test_a_mask_is_never_turned_into_numbers(applied):
    text = f"{HEAD}mask = x.sum(1) > 0\ny = x.index_select(0, mask)\nz = x.index_select(1, index=mask)\n"
    after = applied({"p.py": text}, RULE, Level.SUGGESTION)["p.py"]
    assert "y = x[mask]\n" in after and "index=mask.nonzero().squeeze(1))\n" in after and ".long()" not in after


def test_the_report_names_the_range_and_the_size(findings):
    (finding,) = findings({"p.py": f"{HEAD}x.index_select(0, torch.tensor([2, 7, 1]))\n"}, RULE)
    assert "from 1 to 7, of 4" in (finding.no_fix_reason or "")


RIGHT = {
    "int32": "x.index_select(0, torch.tensor([0, 2], dtype=torch.int32))",
    "no-dimension": "x.index_select(0, torch.tensor(3))",
    "empty": "x.index_select(0, torch.tensor([], dtype=torch.long))",
    "brackets": "x[torch.tensor([0, -1])], x[[0, 1]], x[x[:, 0] > 0], x[np.array([1])]",
    "uint8-classes": "F.cross_entropy(x, torch.tensor([0, 1, 2, 3], dtype=torch.uint8))",
    "probabilities": "F.cross_entropy(x, x.softmax(1))",
    "ignored-classes": "F.cross_entropy(x, torch.tensor([0, 1, -100, 2]))",
    "argmax": "F.one_hot(x.argmax(1))",
    "last": "x.index_select(0, torch.tensor([3]))",
    "squeezed": "x.index_select(0, (x[:, 0] > 0).nonzero().squeeze(1))",
    "converted": "x.index_select(0, torch.tensor([0, 2]).short().long())",
    "viewed": "x.index_select(0, torch.zeros(2).view(torch.int32))",
    "caught": "try:\n    x.index_select(0, [0])\nexcept TypeError:\n    pass",
    "sampler": "data = torch.utils.data.TensorDataset(torch.zeros(4, dtype=torch.int32))\nfor (i,) in"
    " torch.utils.data.DataLoader(data):\n    x.index_select(0, i)",
    "pandas": "class Frame:\n    def gather(self, dim, index):\n        return index\n\nFrame().gather(0, [1])",
    "changed": "i = torch.tensor([0, 9])\ni.clamp_(max=3)\nx.index_select(0, i)",
    "stored": "i = torch.tensor([0, 9])\ni[1] = 2\nx.index_select(0, i)",
    "twice": "i = torch.tensor([0, 9])\ni = i % 4\nx.index_select(0, i)",
}


@pytest.mark.parametrize("call", RIGHT.values(), ids=RIGHT)
def test_what_torch_takes_is_left_alone(call, findings):
    text = f"{HEAD}{call}\n"
    assert not raises(text)
    assert findings({"p.py": text}, RULE) == []


@pytest.mark.parametrize(
    "making",
    [
        "index = given",
        "index = torch.load('i.pt')",
        "index = torch.from_numpy(given)",
        "index = torch.tensor(given)",
        "index = torch.zeros(2, dtype=kind)",
        "index = torch.zeros(2).to(kind)",
        "index = torch.zeros(2).type(kind)",
        "index = torch.zeros(2).view(kind)",
        "index = torch.arange(given)",
        "index = given.to(other)",
        "index = torch.zeros(2).long() if given else torch.zeros(2, dtype=torch.int32)",
        "index = torch.tensor([1]).short()\nif given:\n    index = index.long()",
        "index = np.random.choice(given)",
        "index = np.random.randint(given)",
        "index = list(given)",
        "index = torch.cat([torch.zeros(1).long(), given])",
    ],
)
def test_types_that_are_not_proved(making, findings):
    body = indent(f"{making}\nreturn x.index_select(0, index), F.one_hot(index)", "    ")
    assert findings({"p.py": f"{HEAD}def f(given, kind, other):\n{body}\n"}, RULE) == []


def test_callers_that_were_not_followed_make_it_a_suggestion(findings):
    pick = "def pick(index):\n    return x.index_select(0, index)\n\n\n"
    for text, level in (
        ("pick(torch.zeros(2).char())\n", Level.CRASH_FIX),
        ("pick(torch.zeros(2).char())\nfs = [pick]\n", Level.SUGGESTION),
    ):
        (finding,) = findings({"p.py": HEAD + pick + text}, RULE)
        assert finding.level is level, text
    assert findings({"p.py": HEAD + pick + "pick(torch.zeros(2).char())\npick(torch.zeros(2).long())\n"}, RULE) == []


def test_a_receiver_that_is_not_known_makes_other_rewrites_suggestions(findings):
    text = f"{HEAD}def f(table):\n    return table.index_select(0, [0, 1])\n"
    (finding,) = findings({"p.py": text}, RULE)
    assert finding.level is Level.SUGGESTION and finding.fix is not None


def test_a_tensor_without_a_name_keeps_its_list(findings):
    (finding,) = findings({"p.py": f"{HEAD}(x + 1).index_select(0, [0, 1])\n"}, RULE)
    assert finding.fix is None and "has no name" in (finding.no_fix_reason or "")


def test_the_layout_stays(applied):
    text = HEAD + "y = torch.index_select(\n    x,  # the table\n    0,\n    torch.arange(2).short(),  # first two\n)\n"
    after = applied({"p.py": text}, RULE)["p.py"]
    assert after == text.replace("short(),", "short().long(),")


def test_types_from_a_data_set_in_another_file(findings, applied):
    files = {
        "data.py": "import torch\nfrom torch.utils.data import Dataset\n\n\nclass Words(Dataset):\n"
        "    def __len__(self):\n        return 4\n\n    def __getitem__(self, i):\n"
        "        return torch.rand(3), torch.tensor(i, dtype=torch.int32)\n",
        "train.py": "import torch\nfrom torch import nn\nfrom torch.utils.data import DataLoader\n"
        "from data import Words\n"
        "\nnet = nn.Linear(3, 5)\nfor x, y in DataLoader(Words(), batch_size=2):\n"
        "    nn.functional.cross_entropy(net(x), y.short()).backward()\n",
    }
    (finding,) = findings(files, RULE)
    assert finding.location.path == "train.py"
    assert "y.short().long())" in applied(files, RULE)["train.py"]


@pytest.mark.parametrize("index", ["rows.tolist()", "np.array([0, 2]).tolist()", "torch.tensor([0, 2]).tolist()"])
def test_tolist_makes_no_tensor(index, findings):
    """Whatever it holds, torch refuses it."""
    text = HEAD + "def pick(rows):\n    return x.index_select(0, " + index + ")\n\npick(torch.tensor([1]))\n"
    (finding,) = findings({"main.py": text}, RULE)
    assert "a list" in finding.message and finding.fix is None and raises(text)


@pytest.mark.parametrize("index", ["torch.tensor(rows.tolist())", "rows.tolist", "rows.tolist(axis=0)"])
def test_what_only_looks_like_a_list_of_numbers(index, findings):
    """A tensor of the list, the method itself, the method of something else."""
    assert findings({"main.py": HEAD + f"def pick(rows):\n    return x.index_select(0, {index})\n"}, RULE) == []


BEAM = """import torch


class Beam:
    def __init__(self, size):
        self.size, self.scores, self.ways = size, None, []

    def advance(self, found, attention):
        if self.ways:
            total = found + self.scores.unsqueeze(1).expand_as(found)
        else:
            total = found[0]
        self.scores, ids = total.view(-1).topk(k=self.size, dim=0)
        way = {way}
        self.ways.append(way)
        return attention.index_select(dim=0, index=way)


beam = Beam(2)
for step in range(2):
    beam.advance(torch.rand(2, 5), torch.rand(2, 3))
"""


@pytest.mark.parametrize(
    ("way", "wrong"),
    [
        ("ids / found.size(1)", True),
        ("torch.div(ids, found.size(1))", True),
        ("ids.true_divide(5)", True),
        ("ids // found.size(1)", False),
        ("torch.div(ids, found.size(1), rounding_mode='floor')", False),
        ("torch.div(ids, found.size(1), **eval('dict(rounding_mode=\"floor\")'))", False),
        ("(ids / found.size(1)).long()", False),
        ("(ids / 5).floor().to(torch.int64)", False),
    ],
)
def test_a_division_gives_floating_point(way, wrong, findings):
    text = BEAM.format(way=way)
    assert raises(text) == wrong
    found = findings({"main.py": text}, RULE)
    assert [f.level for f in found] == [Level.SUGGESTION] * wrong
    assert all("floating point" in f.message and f.fix is None for f in found)
