"""Who uses a file: importers that say a name that leads to it, through packages, aliases and helpers."""

from __future__ import annotations

from random import Random

from torchfix_codemods.analysis.importers import MAX_FILES, all_importers, users_of
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.reach import Reach

MODEL = "class Net: pass\n\ndef helper(): pass\n"


def users(files: dict[str, str], path: str = "model.py") -> set[str]:
    found, complete = users_of(Reach(Project(files, files.get)), path)
    assert complete and found[0] == path
    return {*found[1:]}


def test_an_importer_that_says_one_of_its_names():
    assert users({"model.py": MODEL, "train.py": "from model import Net\nNet()\n"}) == {"train.py"}
    assert users({"model.py": MODEL, "train.py": "import model as m\nm.Net()\n"}) == {"train.py"}
    assert users({"model.py": MODEL, "train.py": "from model import *\nNet()\n"}) == {"train.py"}
    assert users({"model.py": MODEL, "train.py": "def f():\n    from model import Net as N\n"}) == {"train.py"}


def test_an_importer_that_says_none_of_them_is_left_out():
    files = {
        "pkg/__init__.py": "from .model import Net\nfrom .other import thing\n",
        "pkg/model.py": MODEL,
        "pkg/other.py": "def thing(): pass\n",
        "train.py": "from pkg import Net\nNet()\n",
        "tools.py": "from pkg import thing\nthing()\nclass Net: pass\n",
    }
    assert users(files, "pkg/model.py") == {"pkg/__init__.py", "train.py"}


def test_through_a_helper_of_another_name():
    files = {
        "model.py": MODEL,
        "build.py": "from model import Net\ndef inner(): return Net()\ndef build(): return inner()\ndef no(): pass\n",
        "train.py": "from build import build\nbuild()\n",
        "other.py": "from build import no\nno()\n",
        "table.py": "import build\nMODELS = {'a': build.build}\n",
        "far.py": "from table import MODELS\nMODELS['a']()\n",
    }
    assert users(files) == {"build.py", "train.py", "table.py", "far.py"}


def test_through_packages_imported_as_such_and_star_imports():
    files = {
        "models/__init__.py": "from .net import *\nfrom . import net\n",
        "models/net.py": "__all__ = ['Net']\n" + MODEL,
        "a.py": "import models\nmodels.Net()\n",
        "b.py": "from models import net\nnet.helper()\n",
        "c.py": "import models\nmodels.other()\n",
        "d.py": "from models import *\nNet()\n",
    }
    assert users(files, "models/net.py") == {"models/__init__.py", "a.py", "b.py", "d.py"}


def test_no_more_than_so_many_and_it_is_said():
    files = {"model.py": MODEL} | {f"t{n}.py": "from model import Net\nNet()\n" for n in range(30)}
    found, complete = users_of(Reach(Project(files, files.get)), "model.py")
    assert len(found) == MAX_FILES and not complete


def test_all_importers_directly_or_not_in_a_cycle_too():
    files = {
        "model.py": MODEL,
        "between.py": "import model\nimport train\n",
        "train.py": "import between\n",
        "other.py": "import json\n",
    }
    project = Project(files, files.get)
    assert all_importers(project, ["model.py"]) == ["between.py", "train.py"]
    assert all_importers(project, ["between.py", "between.py"]) == ["train.py"]
    assert all_importers(project, ["other.py"]) == []


def test_what_was_asked_before_changes_no_answer():
    """What is remembered of files is what a project that is asked for the first time says of them."""
    for seed in range(40):
        files = random_files(Random(seed))
        project = Project(files, files.get)
        asked = Random(seed).sample(sorted(files), len(files)) * 2
        reach = Reach(project)
        for path in asked:
            assert users_of(reach, path) == users_of(Reach(Project(files, files.get)), path)


def random_files(random: Random) -> dict[str, str]:
    """Modules of a package that import earlier ones in every form, and say what these give them, or not."""
    files = {"pkg/__init__.py": "from .m0 import f0 as first\n"}
    for number in range(12):
        lines = [f"class C{number}: pass"]
        for other in random.sample(range(number), min(number, 2)):
            form = random.choice(["from .m{0} import f{0}", "from pkg.m{0} import C{0} as K{0}", "from .m{0} import *"])
            form = random.choice([form, "from . import m{0}", "import pkg.m{0} as m{0}", "from pkg import first"])
            said = random.choice(["f{0}()", "K{0}()", "m{0}.C{0}()", "first()", "C{0}", "pass"])
            lines = [form.format(other), *lines, f"def f{number}(): {said.format(other)}"]
        files[f"pkg/m{number}.py"] = "\n".join([*lines, f"def f{number}(): pass"]) + "\n"
    return files
