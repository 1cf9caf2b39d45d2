"""Random programs that parse: models, loops, contexts and losses put together without sense."""

from __future__ import annotations

import ast
from textwrap import indent

from hypothesis import strategies as st

METHODS = [
    "eval",
    "train",
    "backward",
    "append",
    "pop",
    "view",
    "softmax",
    "max",
    "to",
    "items",
    "step",
    "size",
    "cuda",
]
METHODS += ["extend", "values", "detach", "sum", "permute", "squeeze", "parameters", "forward", "children", "insert"]
ATTRIBUTES = ["data", "shape", "module", "training", "fc", "T", "loss", "volatile", "__class__"]
FUNCTIONS = [
    "torch.cat",
    "F.softmax",
    "F.cross_entropy",
    "nn.Sequential",
    "nn.DataParallel",
    "zip",
    "map",
    "list",
    "super",
]
FUNCTIONS += [
    "Variable",
    "F.interpolate",
    "nn.CrossEntropyLoss()",
    "torch.rand",
    "getattr",
    "setattr",
    "partial",
    "torch.max",
]
FUNCTIONS += [
    "nn.Softmax",
    "torch.optim.SGD",
    "copy.deepcopy",
    "torch.no_grad",
    "torch.set_grad_enabled",
    "reversed",
    "dict",
]
NAMES = st.sampled_from(["a", "b", "net", "net", "x", "y", "loss", "self", "f", "Net"])
ATOMS = st.one_of(
    NAMES,
    st.sampled_from(
        ["1", "-1", "None", "True", "'train'", "[]", "{}", "()", "...", "nn.Linear(3, 2)", "nn.Softmax(1)"]
    ),
)
EXPRESSIONS = st.recursive(
    ATOMS,
    lambda e: st.one_of(
        st.builds("{0}({1})".format, NAMES, e),
        st.builds("{0}({1}, k={2})".format, e, e, e),
        st.builds("{0}(*{1}, **{2})".format, NAMES, e, e),
        st.builds("({0}).{1}({2})".format, e, st.sampled_from(METHODS), e),
        st.builds("({0}).{1}()".format, e, st.sampled_from(METHODS)),
        st.builds("({0}).{1}".format, e, st.sampled_from(ATTRIBUTES)),
        st.builds("{0}({1})".format, st.sampled_from(FUNCTIONS), e),
        st.builds("{0}({1}, {2})".format, st.sampled_from(FUNCTIONS), e, e),
        st.builds("({0})[{1}]".format, e, e),
        st.builds("({0})[{1}:, None, ...]".format, e, e),
        st.builds("({0} {1} {2})".format, e, st.sampled_from(["+", "@", "%", "<", "is", "in", "and", "or", "=="]), e),
        st.builds("({0} if {1} else {2})".format, e, e, e),
        st.builds("[{0}, *{1}]".format, e, e),
        st.builds("({0}, {1})".format, e, e),
        st.builds("{{'a': {0}, **{1}}}".format, e, e),
        st.builds("[{0} for {1} in {2} if {0}]".format, e, NAMES, e),
        st.builds("{{{1}: {0} for {1} in {2}}}".format, e, NAMES, e),
        st.builds("(lambda {1}, *z: {0})".format, e, NAMES),
        st.builds("(w := {0})".format, e),
        st.builds("(not {0})".format, e),
        st.builds("f'{{{0}}}'".format, NAMES),
    ),
    max_leaves=6,
)
TARGETS = st.one_of(
    NAMES,
    st.sampled_from(["a.b", "self.net", "a[0]", "a['k']", "a, b", "[a, *b]", "(a, (b, net))", "net[-1]", "x.volatile"]),
)


def block(statements: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """One to three statements, indented."""
    return st.lists(statements, min_size=1, max_size=3).map(lambda lines: indent("\n".join(lines), "    "))


SIMPLE = st.one_of(
    EXPRESSIONS,
    st.builds("{0} = {1}".format, TARGETS, EXPRESSIONS),
    st.builds("{0} += {1}".format, NAMES, EXPRESSIONS),
    st.builds("del {0}[{1}]".format, NAMES, EXPRESSIONS),
    st.builds("assert {0}".format, EXPRESSIONS),
    st.builds("raise {0}".format, EXPRESSIONS),
    st.sampled_from(["pass", "import torch as a", "from torch.nn import functional as b", "x: int", "a: Net = net"]),
)
INNER = st.one_of(
    SIMPLE, SIMPLE, st.sampled_from(["return net(x)", "return", "yield net(x)", "global net", "yield from a"])
)
LOOPED = st.one_of(SIMPLE, SIMPLE, st.sampled_from(["break", "continue"]))
STATEMENTS = st.recursive(
    SIMPLE,
    lambda s: st.one_of(
        st.builds("if {0}:\n{1}\nelse:\n{2}".format, EXPRESSIONS, block(s), block(s)),
        st.builds("for {0} in {1}:\n{2}\nelse:\n{3}".format, TARGETS, EXPRESSIONS, block(LOOPED), block(s)),
        st.builds("for {0} in ['train', 'val']:\n{1}".format, NAMES, block(s)),
        st.builds("while {0}:\n{1}".format, EXPRESSIONS, block(LOOPED)),
        st.builds("with {0} as {1}, torch.no_grad():\n{2}".format, EXPRESSIONS, TARGETS, block(s)),
        st.builds("try:\n{0}\nexcept {1} as a:\n{2}\nfinally:\n{3}".format, block(s), EXPRESSIONS, block(s), block(s)),
        st.builds("match {0}:\n    case [a, *b]:\n{1}".format, EXPRESSIONS, block(s).map(lambda t: indent(t, "    "))),
        st.builds(
            "@{3}\ndef f(x, y={0}, *a, k=net, **b):\n{1}\n{2}".format, EXPRESSIONS, block(INNER), block(s), NAMES
        ),
        st.builds(
            "class Net(nn.Module):\n    def __init__(self, x={0}):\n{1}\n    def forward(self, x):\n{2}".format,
            EXPRESSIONS,
            block(s).map(lambda t: indent(t, "    ")),
            block(INNER).map(lambda t: indent(t, "    ")),
        ),
    ),
    max_leaves=8,
)
HEAD = """\
import copy, torch
import torch.nn as nn
import torch.nn.functional as F
from functools import partial
from torch.autograd import Variable
class Net(nn.Module):
    def __init__(self, k=1):
        super().__init__()
        self.fc = nn.Linear(3, 2)
    def forward(self, x):
        return F.softmax(self.fc(x), 1)
net = Net()
x = torch.rand(2, 3)
"""


def parses(text: str) -> bool:
    """Whether Python takes the text for a program."""
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


PROGRAMS = st.lists(STATEMENTS, min_size=1, max_size=6).map(lambda parts: HEAD + "\n".join(parts) + "\n").filter(parses)
