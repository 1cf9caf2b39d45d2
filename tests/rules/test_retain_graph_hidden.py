"""TFC203: second passes that are hard to see, and graphs that are there before the round. No graph is let go here."""

from __future__ import annotations

import pytest

from torchfix_codemods.findings import Level
from torchfix_codemods.rules.retain_graph import RULE

HEAD = """import torch
import torch.nn.functional as F
from torch import nn

net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()
loader = [(torch.randn(3, 4), torch.tensor([0, 1, 0])) for _ in range(6)]
"""
PROGRAMS = {
    "bound_method": """for x, y in loader:
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    again = loss.backward
    again()
    optimizer.step()
""",
    "getattr": """for x, y in loader:
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    getattr(loss, "backward")()
    optimizer.step()
""",
    "tensor_backward": """for x, y in loader:
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    torch.Tensor.backward(loss)
    optimizer.step()
""",
    "map": """for x, y in loader:
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    list(map(torch.Tensor.backward, [loss]))
    optimizer.step()
""",
    "three_rounds": """prev = prev2 = None
for x, y in loader:
    loss = criterion(net(x), y)
    net.zero_grad()
    loss.backward(retain_graph=True)
    if prev2 is not None:
        prev2.backward()
    prev2, prev = prev, loss
optimizer.step()
""",
    "three_rounds_nostep": """prev = prev2 = prev3 = None
opt2 = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
for x, y in loader:
    loss = criterion(net(x), y)
    loss.backward(retain_graph=True)
    if prev3 is not None:
        prev3.backward()
    prev3 = prev2
    prev2 = prev
    prev = loss
optimizer.step()
""",
    "deque": """from collections import deque
q = deque(maxlen=3)
for x, y in loader:
    loss = criterion(net(x), y)
    q.append(loss)
    loss.backward(retain_graph=True)
for l in q:
    l.backward()
optimizer.step()
""",
    "setattr": """class S: pass
s = S()
for x, y in loader:
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    setattr(s, "kept", loss)
    loss.backward(retain_graph=True)
    getattr(s, "kept").backward()
    optimizer.step()
""",
    "dict_attr": """class S: pass
s = S()
for x, y in loader:
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    s.__dict__["kept"] = loss
    loss.backward(retain_graph=True)
    s.kept.backward()
    optimizer.step()
""",
    "globals": """for x, y in loader:
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    globals()["kept"] = loss
    loss.backward(retain_graph=True)
    kept.backward()
    optimizer.step()
""",
    "vars": """for x, y in loader:
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    vars()["loss"].backward()
    optimizer.step()
""",
    "exec": """for x, y in loader:
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    exec("loss.backward()")
    optimizer.step()
""",
    "namedtuple": """from collections import namedtuple
R = namedtuple("R", "loss out")
for x, y in loader:
    out = net(x)
    r = R(criterion(out, y), out)
    optimizer.zero_grad()
    r.loss.backward(retain_graph=True)
    r.out.sum().backward()
    optimizer.step()
""",
    "namedtuple2": """from typing import NamedTuple
class R(NamedTuple):
    loss: torch.Tensor
    out: torch.Tensor
for x, y in loader:
    out = net(x)
    r = R(criterion(out, y), out)
    optimizer.zero_grad()
    r.loss.backward(retain_graph=True)
    r.out.sum().backward()
    optimizer.step()
""",
    "dataclass": """from dataclasses import dataclass
@dataclass
class R:
    loss: torch.Tensor
    out: torch.Tensor
for x, y in loader:
    out = net(x)
    r = R(criterion(out, y), out)
    optimizer.zero_grad()
    r.loss.backward(retain_graph=True)
    r.out.sum().backward()
    optimizer.step()
""",
    "property": """class T:
    def __init__(self):
        self.x = None
    @property
    def total(self):
        return self._l
    def go(self, x, y):
        self._l = criterion(net(x), y)
        optimizer.zero_grad()
        self._l.backward(retain_graph=True)
        self.total.backward()
        optimizer.step()
t = T()
for x, y in loader:
    t.go(x, y)
""",
    "lambda_default": """for x, y in loader:
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    f = lambda l=loss: l.backward()
    loss.backward(retain_graph=True)
    f()
    optimizer.step()
""",
    "def_default": """for x, y in loader:
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    def f(l=loss):
        l.backward()
    loss.backward(retain_graph=True)
    f()
    optimizer.step()
""",
    "partial": """from functools import partial
for x, y in loader:
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    f = partial(torch.autograd.backward, loss)
    loss.backward(retain_graph=True)
    f()
    optimizer.step()
""",
    "partial2": """from functools import partial
def again(l):
    l.backward()
for x, y in loader:
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    f = partial(again, loss)
    loss.backward(retain_graph=True)
    f()
    optimizer.step()
""",
    "genexp": """for x, y in loader:
    losses = [criterion(net(x), y)]
    optimizer.zero_grad()
    losses[0].backward(retain_graph=True)
    gen = (l.backward() for l in losses)
    list(gen)
    optimizer.step()
""",
    "match": """for i, (x, y) in enumerate(loader):
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    match loss:
        case torch.Tensor() as kept:
            kept.backward()
    optimizer.step()
""",
    "match2": """for i, (x, y) in enumerate(loader):
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    match [loss]:
        case [kept]:
            kept.backward()
    optimizer.step()
""",
    "trystar": """for i, (x, y) in enumerate(loader):
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    try:
        loss.backward(retain_graph=True)
        raise ValueError
    except* ValueError:
        loss.backward()
    optimizer.step()
""",
    "class_body": """for i, (x, y) in enumerate(loader):
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    class Z:
        loss.backward()
    optimizer.step()
""",
    "with_as": """from contextlib import nullcontext
for i, (x, y) in enumerate(loader):
    optimizer.zero_grad()
    with nullcontext(criterion(net(x), y)) as loss:
        loss.backward(retain_graph=True)
        with nullcontext(loss) as l2:
            l2.backward()
    optimizer.step()
""",
    "ctxmgr": """from contextlib import contextmanager
@contextmanager
def stepping():
    optimizer.zero_grad()
    yield
    loss.backward()
    optimizer.step()
for i, (x, y) in enumerate(loader):
    with stepping():
        loss = criterion(net(x), y)
        loss.backward(retain_graph=True)
""",
    "decorator": """def twice(f):
    def inner(*a):
        f(*a)
        return f(*a)
    return inner
@twice
def back(l):
    l.backward(retain_graph=True)
for i, (x, y) in enumerate(loader):
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    back(loss)
    optimizer.step()
""",
    "thread": """import threading
for i, (x, y) in enumerate(loader):
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    t = threading.Thread(target=loss.backward); t.start(); t.join()
    optimizer.step()
""",
    "while_recursion": """def descend(loss, n):
    if n == 0:
        return
    loss.backward(retain_graph=True)
    descend(loss, n - 1)
for i, (x, y) in enumerate(loader):
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    descend(loss, 3)
    optimizer.step()
""",
    "del": """for i, (x, y) in enumerate(loader):
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    kept = loss
    loss.backward(retain_graph=True)
    del loss
    kept.backward()
    optimizer.step()
""",
    "finally": """for i, (x, y) in enumerate(loader):
    optimizer.zero_grad()
    loss = criterion(net(x), y)
    try:
        loss.backward(retain_graph=True)
    finally:
        loss.backward()
        optimizer.step()
""",
    "forelse": """optimizer.zero_grad()
for i, (x, y) in enumerate(loader):
    loss = criterion(net(x), y)
    loss.backward(retain_graph=True)
else:
    loss.backward()
optimizer.step()
""",
    "global_out": """seen = {}
def hook(n, v):
    seen[n] = v
for i, (x, y) in enumerate(loader):
    out = net(x)
    hook("o", out)
    loss = criterion(out, y)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    seen["o"].sum().backward()
    optimizer.step()
""",
    "nonlocal": """def outer():
    kept = None
    def one(x, y):
        nonlocal kept
        loss = criterion(net(x), y)
        optimizer.zero_grad()
        loss.backward(retain_graph=True)
        kept = loss
    def two():
        kept.backward()
        optimizer.step()
    for x, y in loader:
        one(x, y); two()
outer()
""",
    "walrus": """for x, y in loader:
    optimizer.zero_grad()
    (loss := criterion(net(x), y)).backward(retain_graph=True)
    loss.backward()
    optimizer.step()
""",
    "func_attr": """def track(l):
    track.last = l
for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(net(x), y)
    track(loss)
    loss.backward(retain_graph=True)
    track.last.backward()
    optimizer.step()
""",
    "tensor_attr": """for x, y in loader:
    optimizer.zero_grad()
    loss = criterion(net(x), y)
    y.kept = loss
    loss.backward(retain_graph=True)
    y.kept.backward()
    optimizer.step()
""",
    "input_grad": """for x, y in loader:
    x.requires_grad_(True)
    optimizer.zero_grad()
    loss = criterion(net(x), y)
    loss.backward(retain_graph=True)
    g = torch.autograd.grad(loss, x)[0]
    optimizer.step()
""",
    "jac": """from torch.autograd import grad
for x, y in loader:
    x = x.clone().requires_grad_()
    out = net(x)
    optimizer.zero_grad()
    out[:, 0].sum().backward(retain_graph=True)
    j = [grad(o, x, retain_graph=True) for o in out.view(-1)]
    optimizer.step()
""",
    "frompart": """bn = net[0]
shared = bn(torch.randn(2, 4))
for i in range(4):
    optimizer.zero_grad()
    loss = net[2](torch.relu(shared)).sum()
    loss.backward(retain_graph=True)
opt2 = torch.optim.SGD(net[2].parameters(), lr=0.1)
opt2.step()
""",
    "outside_head": """feat = net(torch.randn(5, 4))
head = nn.Linear(2, 1)
opt = torch.optim.SGD(head.parameters(), lr=0.1)
for i in range(4):
    opt.zero_grad()
    loss = head(feat).mean()
    loss.backward(retain_graph=True)
    opt.step()
""",
    "reg_outside": """W = nn.Parameter(torch.randn(3, 3))
reg = (W * 2).pow(2).sum()
for x, y in loader:
    loss = criterion(net(x), y) + reg
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
""",
    "reg_outside2": """W = torch.randn(3, 3, requires_grad=True)
reg = (W * 2).pow(2).sum()
def total(x, y):
    return criterion(net(x), y) + reg
def main():
    for x, y in loader:
        loss = total(x, y)
        optimizer.zero_grad()
        loss.backward(retain_graph=True)
        optimizer.step()
main()
""",
    "leaf_set": """W = torch.randn(3, 3)
W.requires_grad = True
reg = (W * 2).pow(2).sum()
for x, y in loader:
    loss = criterion(net(x), y) + reg
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
""",
    "leaf_set2": """W = torch.randn(3, 3)
W.requires_grad_()
reg = (W * 2).pow(2).sum()
for x, y in loader:
    loss = criterion(net(x), y) + reg
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
""",
    "leaf_set3": """W = torch.randn(3, 3).requires_grad_()
reg = (W * 2).pow(2).sum()
for x, y in loader:
    loss = criterion(net(x), y) + reg
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
""",
    "leaf_kw": """kw = dict(requires_grad=True)
W = torch.randn(3, 3, **kw)
reg = (W * 2).pow(2).sum()
for x, y in loader:
    loss = criterion(net(x), y) + reg
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
""",
    "leaf_fn": """def var(t):
    t.requires_grad = True
    return t
W = var(torch.randn(3, 3))
reg = (W * 2).pow(2).sum()
for x, y in loader:
    loss = criterion(net(x), y) + reg
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
""",
    "params_list": """ps = list(net.parameters())
frozen = nn.Linear(4, 2)
fp = [p for p in frozen.parameters()]
reg = sum((p * p).sum() for p in fp)
for x, y in loader:
    loss = criterion(net(x), y) + reg
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
""",
    "weight_attr": """frozen = nn.Linear(4, 2)
reg = frozen.weight.pow(2).sum()
for x, y in loader:
    loss = criterion(net(x), y) + reg
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
""",
    "class_buf": """class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Parameter(torch.randn(4))
        self.l = nn.Linear(4, 2)
        self.scale = torch.exp(self.emb)
    def forward(self, x):
        return self.l(x * self.scale)
m = M()
opt = torch.optim.SGD(m.l.parameters(), lr=0.1)
for x, y in loader:
    loss = criterion(m(x), y)
    opt.zero_grad()
    loss.backward(retain_graph=True)
    opt.step()
""",
    "class_cached": """class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.l = nn.Linear(4, 2)
        self.emb = nn.Parameter(torch.randn(4))
        self.prepare()
    def prepare(self):
        self.scale = torch.exp(self.emb)
    def forward(self, x):
        return self.l(x * self.scale)
m = M()
opt = torch.optim.SGD(m.l.parameters(), lr=0.1)
for x, y in loader:
    loss = criterion(m(x), y)
    opt.zero_grad()
    loss.backward(retain_graph=True)
    opt.step()
""",
    "lru": """from functools import lru_cache
e = nn.Linear(4, 2)
@lru_cache
def feats():
    return e(torch.ones(3, 4)) ** 2
for x, y in loader:
    loss = criterion(net(x), y) + feats().sum()
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
""",
    "cached_property": """from functools import cached_property
class Z(nn.Module):
    def __init__(self):
        super().__init__()
        self.e = nn.Linear(4, 2)
    @cached_property
    def feats(self):
        return self.e(torch.ones(3, 4)) ** 2
    def forward(self, x):
        return self.feats.sum() + x.sum()
z = Z()
for x, y in loader:
    loss = criterion(net(x), y) + z(x)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
""",
    "cache_dict": """e = nn.Linear(4, 2)
CACHE = {}
def feats(k):
    if k not in CACHE:
        CACHE[k] = e(torch.ones(3, 4)) ** 2
    return CACHE[k]
for x, y in loader:
    loss = criterion(net(x), y) + feats(1).sum()
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
""",
    "cached_hasattr": """class Z(nn.Module):
    def __init__(self):
        super().__init__()
        self.e = nn.Linear(4, 2)
    def forward(self, x):
        if not hasattr(self, "f"):
            self.f = self.e(torch.ones(3, 4)) ** 2
        return self.f.sum() + x.sum()
z = Z()
for x, y in loader:
    loss = criterion(net(x), y) + z(x)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
""",
    "mutable_default": """e = nn.Linear(4, 2)
def feats(cache={}):
    if "k" not in cache:
        cache["k"] = e(torch.ones(3, 4)) ** 2
    return cache["k"]
for x, y in loader:
    loss = criterion(net(x), y) + feats().sum()
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
""",
    "mutable_default_list": """def running(l, hist=[]):
    hist.append(l)
    return sum(hist)
for x, y in loader:
    loss = criterion(net(x), y)
    tot = running(loss)
    tot.backward(retain_graph=True)
optimizer.step()
""",
    "param_list": """def remember(store, l):
    store.append(l)
q = []
for x, y in loader:
    loss = criterion(net(x), y)
    remember(q, loss)
    loss.backward(retain_graph=True)
for l in q:
    l.backward()
optimizer.step()
""",
    "alias": """q = []
w = q
for x, y in loader:
    loss = criterion(net(x), y)
    w.append(loss)
    loss.backward(retain_graph=True)
for l in q:
    l.backward()
optimizer.step()
""",
    "holder": """class H:
    def __init__(self, q): self.q = q
    def all(self):
        for l in self.q: l.backward()
q = []
h = H(q)
for x, y in loader:
    loss = criterion(net(x), y)
    q.append(loss)
    loss.backward(retain_graph=True)
h.all()
optimizer.step()
""",
    "selfq": """class T:
    def __init__(self): self.q = []
    def one(self, x, y):
        q = self.q
        loss = criterion(net(x), y)
        q.append(loss)
        loss.backward(retain_graph=True)
    def end(self):
        for l in self.q: l.backward()
        optimizer.step()
t = T()
for x, y in loader: t.one(x, y)
t.end()
""",
    "selfd": """class T:
    def __init__(self): self.d = {"q": []}
    def one(self, x, y):
        loss = criterion(net(x), y)
        self.d["q"].append(loss)
        loss.backward(retain_graph=True)
    def end(self):
        for l in self.d["q"]: l.backward()
        optimizer.step()
t = T()
for x, y in loader: t.one(x, y)
t.end()
""",
    "two_objects": """class T:
    def __init__(self): self.last = None
    def one(self, x, y):
        self.last = criterion(net(x), y)
        self.last.backward(retain_graph=True)
ts = [T() for _ in range(2)]
for t in ts:
    t.one(*loader[0])
for t in ts:
    t.last.backward()
optimizer.step()
""",
    "while_skip": """kept = None
i = 0
while True:
    x, y = loader[i % 6]
    i += 1
    if i > 5:
        break
    if i % 2:
        kept = criterion(net(x), y)
        kept.backward(retain_graph=True)
        continue
    kept.backward()
optimizer.step()
""",
    "try_kill": """for x, y in loader:
    loss = criterion(net(x), y)
    kept = loss
    loss.backward(retain_graph=True)
    try:
        kept = None
        raise ValueError
    except ValueError:
        loss.backward()
optimizer.step()
""",
    "try_kill2": """for x, y in loader:
    loss = criterion(net(x), y)
    loss.backward(retain_graph=True)
    try:
        int("a")
        loss = None
    except ValueError:
        loss.backward()
optimizer.step()
""",
    "continue_kill": """prev = None
for i, (x, y) in enumerate(loader):
    if prev is not None:
        prev.backward()
    loss = criterion(net(x), y)
    loss.backward(retain_graph=True)
    prev = loss
    if i % 2:
        continue
    prev = None
optimizer.step()
""",
    "return_kill": """class T:
    prev = None
    def one(self, x, y, i):
        if self.prev is not None:
            self.prev.backward()
        loss = criterion(net(x), y)
        loss.backward(retain_graph=True)
        self.prev = loss
        if i % 2:
            return
        self.prev = None
t = T()
for i, (x, y) in enumerate(loader):
    t.one(x, y, i)
optimizer.step()
""",
    "class_attr": """class T:
    prev = None
    @classmethod
    def keep(cls, l): cls.prev = l
for i, (x, y) in enumerate(loader):
    loss = criterion(net(x), y)
    T.keep(loss)
    loss.backward(retain_graph=True)
    T.prev.backward()
optimizer.step()
""",
    "class_attr2": """class T:
    prev = None
for i, (x, y) in enumerate(loader):
    loss = criterion(net(x), y)
    T.prev = loss
    loss.backward(retain_graph=True)
    T.prev.backward()
optimizer.step()
""",
    "property2": """class T:
    def __init__(self):
        self.x, self.y = loader[0]
        self._loss = None
    @property
    def loss(self):
        if self._loss is None:
            self._loss = criterion(net(self.x), self.y)
        return self._loss
t = T()
t.loss.backward(retain_graph=True)
t.loss.backward()
optimizer.step()
""",
    "getitem": """class D:
    def __init__(self): self.m = {}
    def __setitem__(self, k, v): self.m[k] = v
    def __getitem__(self, k): return self.m[k]
d = D()
for x, y in loader:
    loss = criterion(net(x), y)
    d["a"] = loss
    loss.backward(retain_graph=True)
    d["a"].backward()
optimizer.step()
""",
    "setattr_magic": """class D(dict):
    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__
d = D()
for x, y in loader:
    loss = criterion(net(x), y)
    d["a"] = loss
    loss.backward(retain_graph=True)
    d.a.backward()
optimizer.step()
""",
    "simplens": """from types import SimpleNamespace
for x, y in loader:
    r = SimpleNamespace(loss=criterion(net(x), y))
    r.loss.backward(retain_graph=True)
    r.loss.backward()
optimizer.step()
""",
    "generator": """def losses():
    for x, y in loader:
        yield criterion(net(x), y)
for l in losses():
    l.backward(retain_graph=True)
    optimizer.zero_grad()
    l.backward()
    optimizer.step()
""",
    "gen_send": """def step_gen():
    while True:
        l = yield
        if l is not None:
            l.backward()
g = step_gen(); next(g)
for x, y in loader:
    l = criterion(net(x), y)
    l.backward(retain_graph=True)
    g.send(l)
optimizer.step()
""",
    "sort": """for x, y in loader:
    losses = sorted([criterion(net(x), y), criterion(net(x * 2), y)], key=lambda l: l.item())
    losses[0].backward(retain_graph=True)
    max(losses, key=lambda l: -l.item()).backward()
optimizer.step()
""",
    "gradfn": """for x, y in loader:
    out = net(x)
    loss = criterion(out, y)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    print(out.grad_fn._saved_mat1.sum().item())
    optimizer.step()
""",
    "vjp": """for x, y in loader:
    out = net(x)
    loss = criterion(out, y)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    out.backward(torch.ones_like(out))
    optimizer.step()
""",
    "global_in_a_branch": """b = torch.ones(2, 4)


def work(i):
    global b
    if i % 3 == 0:
        b = net(torch.randn(2, 4))
    b.pow(2).sum().backward(retain_graph=True)
    if i > 10:
        b = torch.ones(2, 4)
    b.pow(2).sum().backward(retain_graph=True)


for i in range(3):
    work(i)
optimizer.step()
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_graph_that_is_used_again_is_kept(name, findings):
    found = findings({"main.py": HEAD + PROGRAMS[name]}, RULE)
    assert [f for f in found if f.fix is not None and f.level is not Level.SUGGESTION] == []


def test_a_list_that_nobody_goes_through_again_is_no_reason(findings):
    text = """seen = []
for x, y in loader:
    loss = criterion(net(x), y)
    optimizer.zero_grad()
    seen.append(loss)
    loss.backward(retain_graph=True)
    optimizer.step()
print(len(seen))
"""
    (found,) = findings({"main.py": HEAD + text}, RULE)
    assert found.level is Level.EQUIVALENT
