"""Which programs run changed files: layouts as they are met in public repositories, and their look-alikes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchfix_codemods.analysis.project import Project
from torchfix_codemods.verify.closure import closure, distances, links, project_at
from torchfix_codemods.verify.entry import aside, is_program, required_arguments
from torchfix_codemods.verify.scripts import Exercise, scripts_for

SOLVER = "from net import Net\nclass Solver:\n    net = Net()\n    def go(self):\n        self.loss.backward()\n"
NET = "import torch.nn as nn\nclass Net(nn.Module):\n    def forward(self, x):\n        return x\n"
TRAIN = "\ndef main():\n    for x in Loader():\n        net(x).backward()\n"
MAIN = "\nif __name__ == '__main__':\n    main()\n"


def project(files: dict[str, str]) -> Project:
    return Project(files, files.get)


def chosen(files: dict[str, str], *edited: str, named: tuple[str, ...] = ()) -> dict[str, tuple[str, ...]]:
    return dict(scripts_for(edited, project(files), named).scripts)


def reasons(files: dict[str, str], *edited: str, named: tuple[str, ...] = ()) -> dict[str, str]:
    return dict(scripts_for(edited, project(files), named).not_exercised)


# --- layouts ---------------------------------------------------------------------------------------------------


def test_a_single_script_is_run_itself() -> None:
    files = {"train.py": TRAIN + MAIN}
    assert scripts_for(["train.py"], project(files)) == Exercise((("train.py", ("train.py",)),))


def test_a_script_beside_its_models_and_helpers() -> None:
    files = {
        "train.py": "from models.net import Net\nfrom utils import loss\nnet = Net()" + TRAIN + MAIN,
        "models/net.py": NET,
        "utils.py": "def loss(x):\n    return x\n",
        "convert.py": "import sys\n" + MAIN,
    }
    assert chosen(files, "models/net.py", "utils.py") == {"train.py": ("models/net.py", "utils.py")}


def test_a_package_with_scripts_beside() -> None:
    files = {
        "pkg/__init__.py": "from .net import Net\n",
        "pkg/net.py": "from . import layers\n" + NET,
        "pkg/layers.py": "def block(x):\n    return x\n",
        "scripts/train.py": "from pkg import Net\nnet = Net()" + TRAIN + MAIN,
        "scripts/download.py": "import urllib.request\n" + MAIN,
    }
    assert chosen(files, "pkg/layers.py", "pkg/net.py") == {"scripts/train.py": ("pkg/layers.py", "pkg/net.py")}
    assert chosen(files, "pkg/__init__.py") == {"scripts/train.py": ("pkg/__init__.py",)}


def test_src_layout_with_examples() -> None:
    files = {
        "src/pkg/__init__.py": "",
        "src/pkg/models/__init__.py": "",
        "src/pkg/models/net.py": NET,
        "examples/mnist/main.py": "from pkg.models.net import Net\nnet = Net()" + TRAIN + MAIN,
        "tests/test_net.py": "from pkg.models.net import Net\ndef test_it():\n    Net()\n",
        "docs/conf.py": "import pkg.models.net\nfor x in pkg.all:\n    print(x)\n",
    }
    assert chosen(files, "src/pkg/models/net.py") == {"examples/mnist/main.py": ("src/pkg/models/net.py",)}


def test_a_neighbour_that_sys_path_leads_to() -> None:
    files = {
        "tools/train.py": "import _init_paths\nfrom model.net import Net\nnet = Net()" + TRAIN + MAIN,
        "tools/_init_paths.py": "import sys\nsys.path.insert(0, 'lib')\n",
        "lib/model/net.py": NET,
    }
    assert chosen(files, "lib/model/net.py") == {"tools/train.py": ("lib/model/net.py",)}


def test_several_mains_of_which_each_is_its_own_program() -> None:
    files = {f"gan{n}/main.py": "from net import Net\nnet = Net()" + TRAIN + MAIN for n in "ab"}
    files |= {f"gan{n}/net.py": NET for n in "ab"}
    assert chosen(files, "gana/net.py", "ganb/main.py", "ganb/net.py") == {
        "gana/main.py": ("gana/net.py",),
        "ganb/main.py": ("ganb/main.py", "ganb/net.py"),
    }


def test_few_scripts_cover_all_files() -> None:
    files = {
        "a.py": NET,
        "b.py": NET.replace("Net", "Other"),
        "one.py": "from a import Net\nnet = Net()" + TRAIN + MAIN,
        "two.py": "from b import Other\nnet = Other()" + TRAIN + MAIN,
        "zboth.py": "from a import Net\nfrom b import Other\nnet = Net(), Other()" + TRAIN + MAIN,
    }
    assert chosen(files, "a.py", "b.py") == {"zboth.py": ("a.py", "b.py")}
    assert chosen(files, "a.py") == {"one.py": ("a.py",)}


def test_the_nearest_and_the_usual_name_come_first() -> None:
    files = {
        "net.py": NET,
        "solver.py": SOLVER,
        "app.py": "from solver import Solver\n" + MAIN,
        "train.py": "from solver import Solver\n" + MAIN,
        "sub/train.py": "from solver import Solver\n" + MAIN,
    }
    assert chosen(files, "net.py") == {"train.py": ("net.py",)}


def test_who_needs_no_arguments_comes_first() -> None:
    asks = "import argparse\np = argparse.ArgumentParser()\np.add_argument('data')\n"
    files = {
        "net.py": NET,
        "train.py": "from net import Net\n" + asks + TRAIN + MAIN,
        "experiment.py": "from net import Net\n" + TRAIN + MAIN,
    }
    assert chosen(files, "net.py") == {"experiment.py": ("net.py",)}
    del files["experiment.py"]
    assert scripts_for(["net.py"], project(files)) == Exercise(
        (("train.py", ("net.py",)),), notes=(("train.py", "needs arguments, given by the key `args`: data"),)
    )


# --- what trains, and what only imports ------------------------------------------------------------------------


def test_a_module_that_tries_itself_out_is_also_run_by_who_trains_with_it() -> None:
    files = {
        "models/vgg.py": NET.replace("Net", "VGG") + "\nif __name__ == '__main__':\n    VGG()(1)\n",
        "models/other.py": NET.replace("Net", "Other") + "\nif __name__ == '__main__':\n    Other()(1)\n",
        "models/__init__.py": "from .vgg import VGG\nfrom .other import Other\n",
        "main.py": "from models import VGG\nnet = VGG()  # or Other()" + TRAIN + MAIN,
    }
    assert chosen(files, "models/vgg.py") == {"models/vgg.py": ("models/vgg.py",), "main.py": ("models/vgg.py",)}
    assert chosen(files, "models/other.py") == {"models/other.py": ("models/other.py",)}  # imported, but not used


def test_an_imported_file_that_trains_itself_is_enough() -> None:
    files = {
        "train.py": "def train():\n    loss.backward()\n\ntrain()\n",
        "search.py": "from train import train\nfor lr in (1, 2):\n    train()\n" + MAIN,
    }
    assert chosen(files, "train.py") == {"train.py": ("train.py",)}


def test_the_chain_may_be_long() -> None:
    files = {f"m{n}.py": f"from m{n + 1} import f{n + 1}\ndef f{n}():\n    f{n + 1}()\n" for n in range(9)}
    files |= {"m9.py": "def f9():\n    pass\n", "run.py": "from m0 import f0\n" + TRAIN + MAIN}
    assert chosen(files, "m9.py") == {"run.py": ("m9.py",)}


# --- what is not exercised -------------------------------------------------------------------------------------


def test_why_a_file_is_not_exercised() -> None:
    files = {
        "only_tested.py": NET,
        "tests/test_it.py": "import only_tested\n" + MAIN,
        "test_beside.py": "import unittest\nimport only_tested\n" + MAIN,
        "alone.py": NET,
        "library.py": "from other import x\n",
        "other.py": "x = 1\n",
        "setup.py": "import library\nsetup()\n" + MAIN,
        "docs/gallery.py": "import alone_too\n",
    }
    assert reasons(files, *files, "gone.ipynb") == {
        "only_tested.py": "only tests import it",
        "tests/test_it.py": "it is a test",
        "test_beside.py": "it is a test",
        "alone.py": "no script reaches it by imports: no file imports it",
        "library.py": "no script reaches it by imports",
        "other.py": "no script reaches it by imports",
        "setup.py": "it sets the project up",
        "docs/gallery.py": "it is documentation",
        "gone.ipynb": "it is no Python file of the project",
    }


def test_only_the_named_programs_are_run() -> None:
    files = {
        "net.py": NET,
        "helper.py": "def f():\n    pass\n",
        "train.py": "from net import Net\n" + TRAIN + MAIN,
        "odd_name.py": "from net import Net\nx = 1\n",
    }
    assert chosen(files, "net.py", "train.py", named=("odd_name.py",)) == {"odd_name.py": ("net.py",)}
    said = "odd_name.py: imports from there do not reach it"
    assert reasons(files, "helper.py", "train.py", named=("odd_name.py",)) == {"helper.py": said, "train.py": said}


# --- programs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("if __name__ == '__main__':\n    pass\n", True),
        ('if "__main__" == __name__ and True:\n    pass\n', True),
        ("if __name__ == 'worker':\n    pass\n", False),
        ("class A:\n    if __name__ == '__main__':\n        pass\n", False),
        ("for x in data:\n    loss.backward()\n", True),
        ("def train():\n    loss.backward()\n\ndef main():\n    train()\n\nmain()\n", True),
        ("def train(m):\n    m.l.backward()\n    return m\n\nmodel = train(model)\n", True),
        ("import library\ndef train():\n    loss.backward()\n", False),
        ("def seed():\n    pass\n\nseed()\nstep = 1\n", False),
        ("'''model.eval() is explained here'''\n", False),
        ("from library import fit\nfit()\n", True),
        ("from library import say\nsay()\n", False),
        ("import torch\ntorch.manual_seed(0)\nparser.add_argument('x')\n", False),
        ("print 'Python 2'\nif __name__ == '__main__':\n    main()\n", True),
        ("print 'Python 2'\n", False),
    ],
)
def test_what_a_program_is(text: str, expected: bool) -> None:
    library = "def fit():\n    opt.step()\n\ndef helper():\n    pass\n\nclass say:\n    pass\n"
    imported = "import it\n"  # so that the file does not stand alone
    assert is_program(project({"it.py": text, "library.py": library, "user.py": imported}), "it.py") is expected


def test_a_file_that_nobody_imports_is_a_program_if_it_acts() -> None:
    show = "from net import Net\nout = Net()(1)\nfor m in out:\n    plt.imshow(m)\n"
    assert chosen({"show.py": show, "net.py": NET}, "show.py") == {"show.py": ("show.py",)}
    config = {"config.py": "import logging\nlogging.basicConfig()\nlr = 1\n", "a.py": "import config\n"}
    assert not is_program(project(config), "config.py")
    assert not is_program(project({"names.py": "lr = 1\n"}), "names.py")


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("test.py", "from net import Net\n" + MAIN, None),
        ("test_net.py", "def test(x):\n    pass\n" + MAIN, None),
        ("test_net.py", "def test_forward():\n    pass\n", "test"),
        ("sub/conftest.py", "", "test"),
        ("tests/helper.py", "", "test"),
        ("test/eval.py", MAIN, None),
        ("lib/thing.py", "import pytest\n", "test"),
        ("doc/tutorial.py", MAIN, "documentation"),
        ("setup.py", "setup()\n", "set-up"),
        ("set_up.py", "", None),
        ("contests/main.py", MAIN, None),
    ],
)
def test_tests_documentation_and_set_up(path: str, text: str, expected: str | None) -> None:
    assert aside(project({path: text}), path) == expected


# --- arguments -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p.add_argument('data', metavar='DIR')", ("data",)),
        ("p.add_argument('data', default='x')", ("data",)),
        ("p.add_argument('data', nargs='?')\np.add_argument('more', nargs='*')", ()),
        ("p.add_argument('rest', nargs=argparse.REMAINDER)", ()),
        ("p.add_argument('files', nargs='+')", ("files",)),
        ("p.add_argument('-d', '--data', required=True)", ("--data",)),
        ("p.add_argument('-d', '--data', required=False)\np.add_argument('--lr', default=1)", ()),
        ("p.add_argument('mode', choices=['train', 'test'])", ("mode (one of train, test)",)),
        ("p.add_argument(name)\np.add_argument(*names, **more)", ()),
        ("p.add_subparsers(dest='c', required=True)", ("a subcommand",)),
        ("import click\n@click.option('-c', '--config', required=True)\ndef main(config): pass", ("--config",)),
        ("import click\n@click.argument('a')\n@click.argument('b', required=False)\ndef main(a, b): pass", ("a",)),
        ("import sys\nroot = sys.argv[1]\nname = sys.argv[0]", ("argument 1",)),
        ("import sys\nroot = sys.argv[1] if len(sys.argv) > 1 else '.'", ()),
        ("print 'Python 2'\np.add_argument('data')", ()),
    ],
)
def test_required_arguments(text: str, expected: tuple[str, ...]) -> None:
    assert required_arguments(project({"a.py": text}), "a.py") == expected


def test_arguments_are_found_where_they_are_added_but_not_in_the_main_block_of_others() -> None:
    files = {
        "main.py": "from options import get\nfrom other import f\n" + MAIN,
        "options.py": "def get(p):\n    p.add_argument('--root', required=True)\n",
        "other.py": "def f():\n    pass\nif __name__ == '__main__':\n    p.add_argument('name')\n",
    }
    assert required_arguments(project(files), "main.py") == ("--root",)


# --- imports ---------------------------------------------------------------------------------------------------


def test_importing_runs_the_packages_above_and_the_submodules_named() -> None:
    files = {
        "a/__init__.py": "",
        "a/b/__init__.py": "",
        "a/b/c.py": "from .. import d\n",
        "a/b/e.py": "",
        "a/d.py": "",
        "main.py": "import a.b.c as x\n",
    }
    assert {link.path for link in links(project(files), "main.py")} == {"a/__init__.py", "a/b/__init__.py", "a/b/c.py"}
    assert set(closure(project(files), "main.py")) == set(files) - {"a/b/e.py"}
    assert distances(project(files), "a/__init__.py") == {"a/__init__.py": 0, "a/b/c.py": 1, "main.py": 1}
    files["main.py"] = "from a import b\n"
    assert {link.path for link in links(project(files), "main.py")} == {"a/__init__.py", "a/b/__init__.py"}


def test_where_an_absolute_import_was_found() -> None:
    files = {
        "src/pkg/__init__.py": "",
        "src/pkg/net.py": "from . import layers\n",
        "src/pkg/layers.py": "",
        "examples/train.py": "import pkg.net\nimport torch.nn\nimport os.path\nimport helper\n",
        "examples/helper.py": "",
    }
    found = {(link.path, link.module, link.root) for link in links(project(files), "examples/train.py")}
    assert found == {
        ("src/pkg/__init__.py", "pkg", "src"),
        ("src/pkg/net.py", "pkg", "src"),
        ("examples/helper.py", "helper", "examples"),
    }
    assert {link.root for link in links(project(files), "src/pkg/net.py")} == {None}


def test_what_git_ignores_is_no_program_but_its_packages_count(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("_*\nold/\n")
    for path in ("pkg/__init__.py", "pkg/net.py", "old/train.py", "train.py", ".venv/lib/x.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    assert project_at(tmp_path).paths == {"pkg/__init__.py", "pkg/net.py", "train.py"}
    assert project_at(tmp_path, ("old/train.py",)).paths == {
        "pkg/__init__.py",
        "pkg/net.py",
        "train.py",
        "old/train.py",
    }


MODULES = [f"m{n}" for n in range(6)]
graphs = st.fixed_dictionaries({m: st.lists(st.sampled_from(MODULES), max_size=3) for m in MODULES})


@settings(max_examples=60, deadline=None)
@given(graphs, st.sets(st.sampled_from(MODULES)), st.sets(st.sampled_from(MODULES), min_size=1))
def test_every_file_is_covered_or_has_a_reason(
    graph: dict[str, list[str]], programs: set[str], edited: set[str]
) -> None:
    """For any imports, cyclic ones too: what is covered is really reached, and what is not has no program at all."""
    files = {
        f"{m}.py": "".join(f"import {other}\n" for other in graph[m]) + (MAIN if m in programs else "") for m in MODULES
    }
    exercise = scripts_for([f"{m}.py" for m in edited], project(files))
    covered = {path for _, paths in exercise.scripts for path in paths}
    assert covered.isdisjoint(dict(exercise.not_exercised))
    assert covered | set(dict(exercise.not_exercised)) == {f"{m}.py" for m in edited}
    for script, paths in exercise.scripts:
        assert set(paths) <= set(closure(project(files), script))
    for path in dict(exercise.not_exercised):
        assert all(path not in closure(project(files), f"{m}.py") for m in programs)
