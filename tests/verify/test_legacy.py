"""The shims: old calls answered as they were, new mistakes raised as they are."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standin_runner import Outcome, Program, run_all

legacy = pytest.importorskip("torchfix_codemods.verify.observer.legacy", reason="needs torch")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"x = x.cuda(async=True)\n", b"x = x.cuda(non_blocking=True)\n"),
        (b"y.cuda(0, async = flag), z\n", b"y.cuda(0, non_blocking = flag), z\n"),
        (b"def to(x, async=False):\n    if async:\n        pass\n", None),
        (b"x.cuda(\n    async=True,  # async=True\n)\n", b"x.cuda(\n    non_blocking=True,  # async=True\n)\n"),
        (b"# -*- coding: latin-1 -*-\ns = '\xe9'; x.cuda(async=True)\n", None),
        (b"\xef\xbb\xbfx.cuda(async=True)\r\ny = 1\r\n", b"\xef\xbb\xbfx.cuda(non_blocking=True)\r\ny = 1\r\n"),
        (b"f(async=1) ; g(async=2, b=async)\n", b"f(non_blocking=1) ; g(non_blocking=2, b=non_blocking)\n"),
    ],
)
def test_async_as_a_name_is_renamed(old: bytes, new: bytes | None):
    changed = legacy.source(old)
    compile(changed, "x", "exec", dont_inherit=True)
    assert new is None or changed == new
    assert changed.count(b"\n") == old.count(b"\n")
    with pytest.raises(SyntaxError):
        compile(old, "x", "exec", dont_inherit=True)


@pytest.mark.parametrize(
    "text",
    [
        b"async def f():\n    async with a:\n        async for b in c:\n            [x async for x in y]\n",
        b"s = 'x.cuda(async=True)'  # async=True\n",
        b'"""async = True"""\n',
        b"apply_async(x)\nasync_ = 1\n",
        b"from lib.async import thing\n",
        b"x.async = 3\n",
        b"def broken(:\n  async=\n'",
        b"\xff\xfe async = 1",
        b"",
    ],
)
def test_what_is_no_old_name_stays(text: bytes):
    assert legacy.source(text) == text


#: Python text with the word in every position: as a name, a keyword, in strings and in comments.
PIECES = (
    "x = 1\n",
    "s = 'async = 1'\n",
    "# async\n",
    "f(async=True)\n",
    "async def g():\n    pass\n",
    "t = '''\nasync'''\n",
)


@given(st.lists(st.sampled_from(PIECES)))
def test_the_rest_of_the_text_and_its_lines_stay(pieces: list[str]):
    text = "".join(pieces)
    changed = legacy.source(text.encode()).decode()
    assert changed == "".join(piece.replace("f(async", "f(non_blocking") for piece in pieces)
    ast.parse(changed)


@given(st.binary(max_size=60))
def test_any_bytes_are_taken(raw: bytes):
    legacy.source(raw + b"\nasync = 1\n")


ANSWERED = """
import collections, fractions, inspect, io, os, time
import numpy as np
import torch
import torch.nn as nn
from torch._six import inf, string_classes
import torch.nn.functional as F

loss = torch.tensor(2.5, requires_grad=True)
print(loss.data[0], loss[0] is loss, (loss * 1)[0].requires_grad)
print(torch.arange(6).view(2, 3).t().view(-1).tolist())
print(np.int, np.float, np.object, np.asscalar(np.array([3])), np.Inf, np.float_ is np.float64)
print(issubclass(list, collections.Iterable), collections.Mapping.__name__, fractions.gcd(4, 6), time.clock() > 0)
print(os.errno.ENOENT, inspect.getargspec(lambda a, *b, c=1: 0).args if False else '', inf, string_classes)
mask = torch.tensor([1, 0], dtype=torch.uint8)
print(torch.ones(2).masked_fill_(mask, 7.).tolist(), torch.ones(2).masked_select(mask).tolist())
print(torch.masked_select(torch.ones(2), mask=mask).tolist(), (1 - (torch.arange(2) > 0)).tolist())
file = io.BytesIO()
model = nn.Linear(2, 2)
torch.save(model, file)
file.seek(0)
print(type(torch.load(file)).__name__)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


class Warm(torch.optim.lr_scheduler._LRScheduler):
    def __init__(self, optimizer, last_epoch=-1, verbose=False):
        super().__init__(optimizer, last_epoch, verbose)

    def get_lr(self):
        return [0.5]


Warm(optimizer)
torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1., -1, True)
torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=3, verbose=False)
print(next(iter(torch.utils.data.DataLoader([1]))), iter(torch.utils.data.DataLoader([1])).next())
torch.nn.utils.clip_grad_norm(model.parameters(), 1.)
print(nn.BCELoss()(torch.full((2, 1), 0.5), torch.tensor([0., 1.])).item() > 0.69)
targets = torch.tensor([2, 0])
print([nn.CrossEntropyLoss()(torch.eye(3)[:1], target).item() > 1 for target in targets])
print(F.nll_loss(torch.eye(3)[:1], target=targets[1]).item(), nn.NLLLoss()(torch.eye(3)[0], targets[1]).item())
"""

REFUSED = """
import collections, os, warnings
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Variable


def refused(error, call):
    try:
        call()
    except error as raised:
        print(type(raised).__name__)
    else:
        print('NOT REFUSED')


x = torch.ones(2, 3, requires_grad=True)
refused(ValueError, lambda: F.interpolate(torch.ones(3, 4, 4), size=(8, 8)))
refused(IndexError, lambda: torch.index_select(torch.ones(3), 0, torch.tensor([5])))
refused(ValueError, lambda: Variable(torch.ones(2), True, True))
refused(IndexError, lambda: torch.ones(3)[5])
refused(IndexError, lambda: torch.tensor(1.)[1])
refused(RuntimeError, lambda: torch.ones(3).view(2, 2))
refused(RuntimeError, lambda: torch.ones(2).masked_fill(torch.tensor([1, 0, 1], dtype=torch.bool), 0.))
refused(ValueError, lambda: nn.BCELoss()(torch.full((2, 1), 0.5), torch.zeros(3)))
refused(ValueError, lambda: nn.CrossEntropyLoss()(torch.zeros(2, 3), torch.tensor(1)))
refused(IndexError, lambda: nn.CrossEntropyLoss()(torch.zeros(1, 3), torch.tensor([7])))
refused(AttributeError, lambda: np.no_such_name)
refused(AttributeError, lambda: collections.NoSuchName)
refused(AttributeError, lambda: torch.no_such_name)
refused(TypeError, lambda: torch.optim.lr_scheduler.StepLR(None, 1, verbos=True))
refused(FileNotFoundError, lambda: torch.load('missing.pt'))
y = (x * 2).exp()
y.sum().backward(retain_graph=False)
refused(RuntimeError, lambda: y.sum().backward())
z = (x * 2).exp()
z.add_(1)
refused(RuntimeError, lambda: z.sum().backward())
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    v = Variable(torch.ones(2), volatile=True)
    print([str(w.message)[:8] for w in caught], nn.Linear(2, 1)(v).requires_grad)
    print(np.bool_, torch.arange(3)[torch.tensor([True, False, True])].tolist())
"""

BARE = "import torch\nprint(torch.tensor(1.).data[0])\n"


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    programs = {"answered": ANSWERED, "refused": REFUSED}
    jobs = {name: Program(source, kinds=()) for name, source in programs.items()}
    return run_all({**jobs, "bare": Program(BARE, kinds=(), legacy=False)}, tmp_path_factory.mktemp("legacy"))


@pytest.mark.slow
def test_old_calls_are_answered(outcomes: dict[str, Outcome]):
    assert outcomes["answered"].error == ""
    values = outcomes["answered"].values
    assert values[0] == "2.5 True True"
    assert values[1] == "[0, 3, 1, 4, 2, 5]"
    assert values[2] == "<class 'int'> <class 'float'> <class 'object'> 3 inf True"
    assert values[3] == "True Mapping 2 True"
    assert values[4] == "2  inf (<class 'str'>, <class 'bytes'>)"
    assert values[5:7] == ["[7.0, 1.0] [1.0]", "[1.0] [1, 0]"]
    assert values[7:10] == ["Linear", "tensor([1]) tensor([1])", "True"]
    assert values[10:] == ["[True, False]", "-1.0 -1.0"]


@pytest.mark.slow
def test_each_is_counted(outcomes: dict[str, Outcome]):
    notes = {what: count for (kind, what), count in outcomes["answered"].notes.items() if kind == "legacy"}
    assert notes["0-dim [0]"] == 3
    assert notes["byte mask"] == 3
    assert notes["BCE target of another shape"] == 1
    assert notes["target without dimensions"] == 3
    assert notes["scheduler verbose="] == 3
    assert notes["torch.load weights_only=False"] == 1
    assert {"numpy.int", "numpy.asscalar", "collections.Iterable", "os.errno", "torch._six.inf"} <= set(notes)


@pytest.mark.slow
def test_what_rules_are_about_and_new_mistakes_are_refused_as_ever(outcomes: dict[str, Outcome]):
    outcome = outcomes["refused"]
    assert outcome.error == ""
    assert "NOT REFUSED" not in outcome.output
    assert outcome.values[-2:] == ["['volatile'] True", "<class 'numpy.bool'> [0, 2]"]
    assert outcome.notes == {}


@pytest.mark.slow
def test_without_the_shims_the_call_fails(outcomes: dict[str, Outcome]):
    assert "IndexError" in outcomes["bare"].error
