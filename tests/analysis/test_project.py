"""What a name means: across imports, packages, loose scripts and re-exports."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest
from observed import project_of

from torchfix_codemods.analysis import project as project_module
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project, local_names
from torchfix_codemods.analysis.reach import reach_of
from torchfix_codemods.analysis.values import ClassRef, External, FileModule, FunctionRef

PACKAGE = {
    "pkg/__init__.py": "from .nets.cnn import Net as Network\nfrom . import tools\n",
    "pkg/nets/__init__.py": "from .cnn import *\n",
    "pkg/nets/cnn.py": "import torch.nn as nn\nclass Net(nn.Module): pass\ndef make(): pass\n_private = 1\n",
    "pkg/tools.py": "from pkg.nets import Net\nfrom ..outside import nothing\ndef helper(): pass\n",
    "main.py": "import pkg\n",
}


def parsed(project: Project, path: str = "main.py") -> ParsedFile:
    file = project.parse(path)
    assert file is not None, project.skipped
    return file


def names(text: str, *wanted: str, files: dict[str, str] | None = None) -> list[str | None]:
    """The qualified names of the last occurrence of each expression in `main.py`."""
    project = project_of({**(files or {}), "main.py": text})
    file = parsed(project)
    found = []
    for source in wanted:
        nodes = [n for n in ast.walk(file.tree) if isinstance(n, ast.expr) and file.source(n) == source]
        found.append(project.qualified_name(file, max(nodes, key=lambda n: (n.lineno, n.col_offset))))
    return found


# --- modules ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("importer", "module", "level", "path"),
    [
        ("main.py", "pkg", 0, "pkg/__init__.py"),
        ("main.py", "pkg.nets.cnn", 0, "pkg/nets/cnn.py"),
        ("main.py", "pkg.absent", 0, None),
        ("main.py", "torch.nn", 0, None),
        ("pkg/tools.py", "nets.cnn", 1, "pkg/nets/cnn.py"),
        ("pkg/nets/cnn.py", "tools", 2, "pkg/tools.py"),
        ("pkg/nets/cnn.py", "", 2, "pkg/__init__.py"),
        ("pkg/nets/cnn.py", "", 1, "pkg/nets/__init__.py"),
        ("pkg/nets/cnn.py", "main", 3, "main.py"),
        ("pkg/nets/cnn.py", "tools", 1, None),
        ("pkg/nets/cnn.py", "tools", 0, "pkg/tools.py"),  # a script beside `pkg/` would see it so
        ("pkg/nets/cnn.py", "main", 0, "main.py"),
    ],
)
def test_the_file_of_a_module(importer: str, module: str, level: int, path: str | None):
    assert project_of(PACKAGE).module_path(module, importer, level) == path


def test_a_module_beside_the_importer_wins_over_one_above():
    project = project_of({"a/util.py": "", "util.py": "", "a/main.py": ""})
    assert project.module_path("util", "a/main.py") == "a/util.py"
    assert project.module_path("util", "main.py") == "util.py"


def test_src_folders_and_folders_without_init():
    project = project_of({"src/lib/x.py": "", "tests/t.py": "", "models/unet.py": "class UNet: pass"})
    assert project.module_path("lib.x", "tests/t.py") == "src/lib/x.py"
    assert project.module_path("models", "tests/t.py") == "models/"
    assert project.definition("models/", "unet") == FileModule("models/unet.py")
    assert project.definition("models/", "absent") is None


def test_the_end_of_a_path_finds_what_a_script_puts_on_sys_path():
    files = {"lib/model/faster/resnet.py": "", "tools/train.py": ""}
    assert project_of(files).module_path("model.faster.resnet", "tools/train.py") == "lib/model/faster/resnet.py"
    assert project_of(files).module_path("resnet", "tools/train.py") is None  # one word is no evidence
    twice = {**files, "old/model/faster/resnet.py": ""}
    assert project_of(twice).module_path("model.faster.resnet", "tools/train.py") is None


def test_paths_outside_the_working_folder():
    project = project_of({"../lib/a.py": "", "../lib/sub/b.py": "", "/abs/c.py": "", "/abs/d.py": ""})
    assert project.module_path("a", "../lib/sub/b.py") == "../lib/a.py"
    assert project.module_path("a", "../lib/sub/b.py", 2) == "../lib/a.py"
    assert project.module_path("d", "/abs/c.py") == "/abs/d.py"
    assert project.module_path("absent", "/abs/c.py") is None


def test_a_package_without_init_that_is_the_working_folder():
    project = project_of({"a.py": "from . import b\nfrom .b import f\n", "b.py": "def f(): pass\n"})
    assert project.definition("a.py", "b") == FileModule("b.py")
    assert project.definition("a.py", "f") == FunctionRef("b.py", "f", 1, 0)


# --- definitions ---------------------------------------------------------------------------

NET = ClassRef("pkg/nets/cnn.py", "Net", 2)


@pytest.mark.parametrize(
    ("path", "name", "found"),
    [
        ("pkg/__init__.py", "Network", NET),
        ("pkg/__init__.py", "tools", FileModule("pkg/tools.py")),
        ("pkg/__init__.py", "nets", FileModule("pkg/nets/__init__.py")),
        ("pkg/nets/__init__.py", "Net", NET),
        ("pkg/nets/__init__.py", "make", FunctionRef("pkg/nets/cnn.py", "make", 3, 0)),
        ("pkg/nets/__init__.py", "_private", None),
        ("pkg/nets/__init__.py", "nn", External("torch.nn")),
        ("pkg/nets/cnn.py", "_private", None),  # assigned: the interpreter knows more
        ("pkg/tools.py", "Net", NET),
        ("pkg/tools.py", "nothing", External("..outside.nothing")),
        ("main.py", "pkg", FileModule("pkg/__init__.py")),
        ("main.py", "absent", None),
    ],
)
def test_a_definition_is_followed_through_packages(path: str, name: str, found: object):
    assert project_of(PACKAGE).definition(path, name) == found


def test_cycles_of_imports_end():
    project = project_of({"a.py": "from b import x\nfrom b import *\n", "b.py": "from a import x\nfrom a import *\n"})
    assert project.definition("a.py", "x") is None
    assert project.definition("a.py", "y") is None
    assert project.definition("b.py", "x") is None


def test_a_star_import_that_finds_itself_still_finds_the_rest():
    files = {"a.py": "from a import *\nfrom b import *\n", "b.py": "from a import *\nclass C: pass\n"}
    assert project_of(files).definition("a.py", "C") == ClassRef("b.py", "C", 2)


def test_the_last_import_of_a_name_counts():
    assert names("import a as f\nimport b as f\nf.g()\n", "f.g") == ["b.g"]


def test_a_definition_wins_over_an_import_and_a_star():
    text = "from torch.nn.functional import *\ndef dropout(x): pass\ndropout(x)\nrelu(x)\n"
    assert names(text, "dropout", "relu") == [None, "torch.nn.functional.relu"]


# --- qualified names ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "source", "name"),
    [
        ("import torch\ntorch.nn.functional.dropout(x)", "torch.nn.functional.dropout", "torch.nn.functional.dropout"),
        ("import torch.nn\ntorch.nn.Linear", "torch.nn.Linear", "torch.nn.Linear"),
        ("import torch.nn.functional as F\nF.dropout", "F.dropout", "torch.nn.functional.dropout"),
        ("from torch.nn import functional as G\nG.dropout", "G.dropout", "torch.nn.functional.dropout"),
        ("from torch.nn.functional import dropout as d\nd(x)", "d", "torch.nn.functional.dropout"),
        ("from torch import nn\nclass A:\n  def f(self): nn.Linear", "nn.Linear", "torch.nn.Linear"),
        ("def f():\n  import torch as t\n  t.nn", "t.nn", "torch.nn"),
        ("import torch.nn.functional as F\ndrop = F.dropout\ndrop(x)", "drop", "torch.nn.functional.dropout"),
        ("import torch as t\ndef f():\n  d = t.dropout\n  return d(x)", "d", "torch.dropout"),
        ("import torch as t\ndef f():\n  def g(): return t.x\n", "t.x", "torch.x"),
        ("try:\n  import torch as t\nexcept ImportError:\n  t = None\nt.x", "t.x", None),
        ("import torch as t\nt = 1\nt.x", "t.x", None),
        ("import torch as t\ndef f(t): return t.x", "t.x", None),
        ("import torch as t\ndef f(*t): return t.x", "t.x", None),
        ("import torch as t\ndef f():\n  for t in x: t.y", "t.y", None),
        ("import torch as t\ndef f():\n  with x as t: t.y", "t.y", None),
        ("import torch as t\ndef f():\n  def t(): pass\n  t.y", "t.y", None),
        ("import torch as t\ndef f():\n  try: pass\n  except E as t: t.y", "t.y", None),
        ("import torch as t\ndef f():\n  global t\n  t = t.y", "t.y", "torch.y"),
        ("import torch as t\ndef f(t):\n  def g(): return t.y", "t.y", None),
        ("import torch as t\ng = lambda t: t.y", "t.y", None),
        ("import torch as t\ng = [t.y for t in ts]", "t.y", None),
        ("import torch as t\ng = {k: t.y for k, t in ts}", "t.y", None),
        ("import torch as t\ng = lambda a: t.y", "t.y", "torch.y"),
        ("import torch as t\ng = [t.y for a in ts]", "t.y", "torch.y"),
        ("import torch as t\ng = [a for a in t.y]", "t.y", "torch.y"),
        ("x.y", "x.y", None),
        ("import torch\ntorch.f().g", "torch.f().g", None),
    ],
)
def test_qualified_names(text: str, source: str, name: str | None):
    assert names(text, source) == [name]


def test_a_name_that_is_made_of_itself_has_an_end():
    assert names("def f(x):\n    x = x.data\n    return x.shape\n", "x.shape") == [None]
    assert names("def f():\n    a = b.data\n    b = a.data\n    return b.shape\n", "b.shape") == [None]
    assert names("import torch\nF = torch.nn.functional\nG = F\nG.relu\n", "G.relu") == ["torch.nn.functional.relu"]


def test_a_name_of_the_project_is_not_external():
    files = {"lib.py": "import torch.nn.functional as F\ndef dropout(x): pass\n"}
    text = "import lib\nfrom lib import dropout, F\nlib.dropout\nlib.F.relu\ndropout\nF.relu\n"
    wanted = ["lib.dropout", "dropout", "lib.F.relu", "F.relu"]
    assert names(text, *wanted, files=files) == [None, None, *["torch.nn.functional.relu"] * 2]


def test_local_names_are_those_that_the_function_binds():
    tree = ast.parse(
        dedent(
            """
            def f(a, /, b, *c, d=1, **e):
                global g
                g = h = 1
                import i.j, k as l
                def m(): inner = 1
                class N: attribute = 1
                (o := 1)
                lambda p: 1
                q.r = s[0] = 1
                del t
            """
        )
    )
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    assert local_names(function) == set("abcdehilmNot")


# --- classes ---------------------------------------------------------------------------

CLASSES = {
    "base.py": "import torch.nn as nn\nclass Base(nn.Module):\n  def forward(self): pass\n  def shared(self): pass\n",
    "main.py": (
        "import base\nfrom unread import Mixin\n"
        "class Net(Mixin, base.Base):\n  def forward(self): pass\n"
        "class Plain(Generic[T]): pass\n"
        "class Deep(Net): pass\n"
        "class Loop(Loop): pass\n"
        "class Odd(make()): pass\n"
    ),
}


def test_lineage_goes_through_files():
    project = project_of(CLASSES)
    net, base = ClassRef("main.py", "Net", 3), ClassRef("base.py", "Base", 2)
    wanted = [net, External("unread.Mixin"), base, External("torch.nn.Module")]
    assert list(project.lineage(net)) == wanted
    deep = ClassRef("main.py", "Deep", 6)
    assert list(project.lineage(deep)) == [deep, *wanted]
    assert project.is_module(net) and project.is_module(deep) and project.is_module(base)
    plain = ClassRef("main.py", "Plain", 5)
    assert list(project.lineage(plain)) == [plain, None] and not project.is_module(plain)
    assert None in project.lineage(ClassRef("main.py", "Odd", 8))


def test_a_class_that_derives_from_itself_has_an_end():
    project = project_of(CLASSES)
    assert len(list(project.lineage(ClassRef("main.py", "Loop", 7)))) < 100


def test_methods_are_found_as_python_finds_them():
    project = project_of(CLASSES)
    net, base, deep = (
        ClassRef(p, n, k) for p, n, k in [("main.py", "Net", 3), ("base.py", "Base", 2), ("main.py", "Deep", 6)]
    )
    assert project.method(net, "forward") == FunctionRef("main.py", "forward", 4, 2, net)
    assert project.method(deep, "forward", after=net) == FunctionRef("base.py", "forward", 3, 2, base)
    assert project.method(deep, "shared") == FunctionRef("base.py", "shared", 4, 2, base)
    assert project.method(net, "absent") is None
    assert set(project.methods(base)) == {"forward", "shared"}
    assert [c.name for c in project.facts("main.py").classes] == ["Net", "Plain", "Deep", "Loop", "Odd"]


# --- importers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("importer", "text", "imports"),
    [
        ("main.py", "import pkg.nets.cnn", True),
        ("main.py", "from pkg.nets import cnn", True),
        ("main.py", "from pkg.nets.cnn import (\n  Net)", True),
        ("main.py", "from pkg import Network", True),
        ("main.py", "from pkg.nets import *", True),
        ("main.py", "def f():\n  from pkg.nets.cnn import Net", True),
        ("main.py", "import pkg.tools", True),  # `pkg.nets` comes with the package
        ("main.py", "from pkg import tools", False),
        ("main.py", "import cnn", False),
        ("pkg/nets/other.py", "from . import cnn", True),
        ("pkg/nets/other.py", "from .cnn import Net", True),
        ("pkg/other.py", "from .nets import Net", True),
        ("pkg/nets/deep/other.py", "from .. import cnn", True),
        ("pkg/nets/deep/other.py", "from ..cnn import Net", True),
    ],
)
def test_who_imports_a_file(importer: str, text: str, imports: bool):
    project = project_of({**PACKAGE, importer: text})
    path = "pkg/nets/cnn.py"
    assert reach_of(project).imports(importer, path) == imports
    if imports and text.partition("import")[0].strip() not in ("", "from pkg"):
        assert importer in project.importers(path)


def test_a_package_is_imported_from_beside_its_folder():
    near = {"pkg/__init__.py": "from . import nets\n", "pkg/deep/far.py": "from .. import nets\n"}
    project = project_of({**PACKAGE, **near, "elsewhere/other.py": "from . import nets\n"})
    found = {*project.importers("pkg/nets/__init__.py")}
    assert {"pkg/__init__.py", "pkg/deep/far.py"} <= found and "elsewhere/other.py" not in found


# --- reading ---------------------------------------------------------------------------


def test_what_cannot_be_parsed_is_kept_with_its_reason():
    files = {"a.py": "def f(:\n", "b.py": "(" * 300 + ")" * 300, "c.py": "\0", "d.py": "a" + ".b" * 100_000}
    project = Project(files, files.get)
    assert [project.parse(path) for path in sorted(files)] == [None] * 4
    assert [project.parse(path) for path in sorted(files)] == [None] * 4  # and it stays so
    reasons = {path: project.skipped[path].reason for path in files}
    assert reasons == {"a.py": "syntax-error", "b.py": "too-deep", "c.py": "syntax-error", "d.py": "too-deep"}
    assert project.skipped["a.py"].detail.startswith("line 1: ")
    assert project.facts("a.py") is None and project.definition("a.py", "f") is None


def test_what_cannot_be_read_is_none_and_not_skipped_here():
    project = Project(["a.py"], lambda path: None)
    assert project.parse("a.py") is None and not project.skipped
    assert project.parse("not/of/the/run.py") is None


def test_trees_are_dropped_and_read_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(project_module, "KEPT_TEXT", 20)
    monkeypatch.setattr(project_module, "RECENT_TEXT", 1)
    text = "x = 1\n"
    reads = []
    files = {f"{name}.py": text for name in "abcd"}
    project = Project(files, lambda path: (reads.append(path), files[path])[1])
    first = project.parse("a.py")
    assert project.parse("a.py") is first
    for path in files:
        project.parse(path)
    assert project.parse("d.py") is project.parse("d.py")
    assert len(reads) == 4
    assert project.parse("a.py") is not first
    assert project.definition("a.py", "y") is None and reads.count("a.py") == 2


def test_a_word_that_has_become_a_keyword_is_explained():
    files = {"old.py": "x = x.cuda(async=True)\n", "other.py": "x = = 1\n"}
    project = Project(files, files.get)
    assert [project.parse(path) for path in files] == [None, None]
    assert "non_blocking" in project.skipped["old.py"].detail
    assert "non_blocking" not in project.skipped["other.py"].detail
