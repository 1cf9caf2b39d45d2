"""The real rules on notebooks: one program over the cells, which is run cell by cell before and after."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from notebooks import besides_sources, notebook, sources

from torchfix_codemods.findings import Level
from torchfix_codemods.pipeline import Analysis, Request, analyse, file_changes, make_plan, report_of, verification
from torchfix_codemods.report.outcome import outcomes
from torchfix_codemods.rules import RULES
from torchfix_codemods.verify.checking import NO_SCRIPT
from torchfix_codemods.verify.model import VerdictName

IMPORTS = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F"
NET = """class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        x = self.drop(self.fc(x))
        return F.softmax(x, dim=1)  # probabilities
"""
DATA = "torch.manual_seed(0)\nx, y = torch.randn(8, 4), torch.randint(0, 3, (8,))\nloader = [(x, y), (x, y)]"
TRAIN = """%%time
net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for images, labels in loader:
    optimizer.zero_grad()
    loss = criterion(net(images), labels)
    loss.backward()
    optimizer.step()"""
TEST = """correct = 0
for images, labels in loader:
    correct += (net(images).argmax(1) == labels).sum().item()
print(correct)"""


def look(folder: Path, **files: bytes) -> Analysis:
    for name, raw in files.items():
        path = folder / name.replace("_", ".")
        path.write_bytes(raw)
    return analyse(Request((".",), folder, RULES))


def fixed(analysis: Analysis) -> dict[str, bytes]:
    return {change.path: change.after for change in file_changes(analysis, make_plan(analysis))}


def run(raw: bytes) -> str:
    """What the cells print, run one after another in one namespace, magics left out."""
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        for source in sources(raw):
            plain = "\n".join(line for line in source.splitlines() if not line.startswith(("%", "!")))
            exec(compile(plain, "cell", "exec"), names)
    return printed.getvalue()


def test_three_rules_over_the_cells_of_one_notebook(tmp_path: Path):
    raw = notebook("!pip install torch\n%matplotlib inline\n" + IMPORTS, NET, DATA, TRAIN, TEST)
    analysis = look(tmp_path, n_ipynb=raw)
    assert {(f.code, f.level) for f in analysis.findings} == {
        ("TFC101", Level.BEHAVIOR),
        ("TFC202", Level.EQUIVALENT),
        ("TFC301", Level.BEHAVIOR),
    }
    after = fixed(analysis)["n.ipynb"]
    first, net, data, train, test = sources(after)
    assert (first, data, train) == tuple(sources(raw)[i] for i in (0, 2, 3))
    assert net == NET.replace("F.softmax(x, dim=1)", "x")
    assert test.startswith("correct = 0\nnet.eval()\nwith torch.no_grad():\n    for images, labels in loader:\n")
    assert besides_sources(after) == besides_sources(raw)
    run(raw)
    run(after)
    (tmp_path / "n.ipynb").write_bytes(after)
    assert fixed(analyse(Request((".",), tmp_path, RULES))) == {}


def test_what_a_cell_displays_keeps_its_numbers(tmp_path: Path):
    """The value of the expression that ends a cell is shown below it: it is read, as by print()."""
    raw = notebook(
        IMPORTS,
        NET,
        DATA,
        TRAIN,
        "net(x)\nnet(x)",
        "probabilities = net(x)\nprobabilities[0]  # shown\n",
        "%time net(x)",
    )
    after = sources(fixed(look(tmp_path, n_ipynb=raw))["n.ipynb"])
    assert "return x  # probabilities" in after[1]
    assert after[4].endswith("net(x)\ntorch.softmax(net(x), dim=1)")
    assert after[5].endswith("torch.softmax(probabilities, dim=1)[0]  # shown\n")
    assert after[6] == "%time torch.softmax(net(x), dim=1)"


def test_what_a_cell_displays_stays_displayed(tmp_path: Path):
    """Below `with torch.no_grad():` the expression would not be the last statement of its cell."""
    net = NET.replace("F.softmax(x, dim=1)", "x")
    analysis = look(tmp_path, n_ipynb=notebook(IMPORTS, net, DATA, TRAIN, "net.eval()\nnet(x)", "net.eval()\nnet(x);"))
    shown, quiet = (finding for finding in analysis.findings if finding.code == "TFC202")
    assert shown.no_fix_reason == "the value that ends the cell would not be shown below it any more"
    assert quiet.fix is not None
    after = sources(fixed(analysis)["n.ipynb"])
    assert after[4:] == ["net.eval()\nnet(x)", "net.eval()\nwith torch.no_grad():\n    net(x);"]


def test_a_statement_behind_a_magic_stays_there(tmp_path: Path):
    net = NET.replace("F.softmax(x, dim=1)", "x")
    analysis = look(tmp_path, n_ipynb=notebook(IMPORTS, net, DATA, TRAIN, "net.eval()\n%time out = net(x)"))
    (finding,) = (finding for finding in analysis.findings if finding.code == "TFC202")
    assert finding.fix is None and "a line of IPython" in (finding.no_fix_reason or "")
    assert fixed(analysis) == {}


def test_evaluations_in_adjoining_cells_are_wrapped_each_in_its_own(tmp_path: Path):
    net = NET.replace("F.softmax(x, dim=1)", "x")
    raw = notebook(IMPORTS, net, DATA, TRAIN, "net.eval()\nprint(net(x))", "out = net(x)", "print(net(x))\nout")
    after = sources(fixed(look(tmp_path, n_ipynb=raw))["n.ipynb"])
    assert after[4:] == [
        "net.eval()\nwith torch.no_grad():\n    print(net(x))",
        "with torch.no_grad():\n    out = net(x)",
        "with torch.no_grad():\n    print(net(x))\nout",
    ]


def test_a_notebook_is_no_script_that_reaches_a_module(tmp_path: Path):
    module = (IMPORTS + "\n\n" + NET).encode()
    raw = notebook("import torch\nimport torch.nn as nn\nfrom model import Net", DATA, TRAIN)
    analysis = look(tmp_path, n_ipynb=raw, model_py=module)
    (shown,) = verification(analysis, make_plan(analysis)).verdicts.values()
    assert shown.name is VerdictName.NOT_RUN and "no script reaches it" in shown.reason


def test_a_notebook_uses_the_modules_beside_it(tmp_path: Path):
    module = (IMPORTS + "\n\n" + NET).encode()
    raw = notebook("import torch\nimport torch.nn as nn\nfrom model import Net", DATA, TRAIN)
    analysis = look(tmp_path, n_ipynb=raw, model_py=module)
    (finding,) = [f for f in analysis.findings if f.code == "TFC101"]
    assert finding.location.path == "model.py" and finding.level is Level.BEHAVIOR
    (outcome,) = [o for o in outcomes(report_of(analysis)) if o.finding == finding]
    assert [place for place, _ in outcome.steps] == ["model.py:13", "n.ipynb, cell 3:3", "n.ipynb, cell 3:7"]
    assert fixed(analysis)["model.py"] == module.replace(b"F.softmax(x, dim=1)", b"x")


@pytest.mark.parametrize("hidden", ["%run other.py", "print net(x)"])
def test_what_a_cell_hides_may_be_a_use(tmp_path: Path, hidden: str):
    analysis = look(tmp_path, n_ipynb=notebook(IMPORTS, NET, DATA, TRAIN, hidden))
    assert [f.level for f in analysis.findings if f.code == "TFC101"] == [Level.SUGGESTION]
    assert fixed(analysis) == {}


def test_nobody_imports_a_notebook(tmp_path: Path):
    script = (IMPORTS + "\nfrom n import Net\n" + DATA + "\n" + TRAIN.removeprefix("%%time\n")).encode()
    analysis = look(tmp_path, n_ipynb=notebook(IMPORTS, NET), main_py=script)
    assert [f for f in analysis.findings if f.code == "TFC101"] == []


def test_nothing_is_wrapped_over_a_border(tmp_path: Path):
    net = NET.replace("F.softmax(x, dim=1)", "x")
    raw = notebook(IMPORTS, net, DATA, TRAIN, "net.eval()\nout = net(x)", "print(out)")
    after = sources(fixed(look(tmp_path, n_ipynb=raw))["n.ipynb"])
    assert after[4:] == ["net.eval()\nwith torch.no_grad():\n    out = net(x)", "print(out)"]


def test_notebooks_are_not_run(tmp_path: Path):
    raw = notebook(IMPORTS, NET, DATA, TRAIN)
    analysis = look(tmp_path, n_ipynb=raw)
    shown = verification(analysis, make_plan(analysis), ("n.ipynb",)).verdicts.values()
    assert [(verdict.name, verdict.reason) for verdict in shown] == [(VerdictName.NOT_RUN, NO_SCRIPT)]


SMALL = """import torch
from torch import nn
net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)"""
LOSS = "loss = net(torch.randn(3, 4)).sum()"
PASS = "optimizer.zero_grad()\nloss.backward(retain_graph=True)\noptimizer.step()"


def test_a_cell_that_may_be_run_twice_keeps_the_graph_of_another(tmp_path: Path):
    found = look(tmp_path, a_ipynb=notebook(SMALL, LOSS, PASS)).findings
    assert [f.level for f in found if f.rule == "retain-graph"] == [Level.SUGGESTION]
    found = look(tmp_path, a_ipynb=notebook(SMALL, f"{LOSS}\n{PASS}")).findings
    assert [f.level for f in found if f.rule == "retain-graph"] == [Level.EQUIVALENT]
