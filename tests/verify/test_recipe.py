"""How a program is run: settings, the command line over them, and the layout; tried by really starting programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.settings import Settings, load_settings
from torchfix_codemods.source.verify_settings import VerifySettings
from torchfix_codemods.verify.interpreter import interpreter
from torchfix_codemods.verify.model import Limits
from torchfix_codemods.verify.recipe import Recipe, configured_scripts, project_root, recipe_for


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An empty repository."""
    (tmp_path / "repo" / ".git").mkdir(parents=True)
    return tmp_path / "repo"


def put(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def plain(script: str, root: Path, **more: object) -> Recipe:
    return recipe_for(script, None, Settings(), cwd=root, **more)  # type: ignore[arg-type]


def started(recipe: Recipe) -> str:
    """Starts a program as its recipe says and gives back what it prints."""
    paths = os.pathsep.join(str(recipe.project / path) for path in recipe.paths)
    target = ["-m", recipe.module_name] if recipe.module else [str(recipe.project / recipe.script)]
    done = subprocess.run(
        [sys.executable, *target, *recipe.args],
        cwd=recipe.project / recipe.folder,
        env={**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", **dict(recipe.env)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- settings and the command line -----------------------------------------------------------------------------

TABLES = """
[tool.torchfix.verify]
script = "train.py"
args = ["--epochs", "1"]
env = { A = "1", B = "1" }
files = ["data", "gone", "/"]
prepare = ["python make.py", "make data"]
seconds = 9
inner = 1

[[tool.torchfix.verify.scripts]]
script = "gan/main.py"
args = "--z 8"
env = { B = "2" }
batch = 0
standins = ["datasets"]
text = true
device = "cuda"
sandbox = "audit-hook"
"""


@pytest.fixture
def configured(tree: Path) -> Path:
    files = dict.fromkeys(("train.py", "gan/main.py", "other.py", "data/x.txt"), "")
    put(tree, {"pyproject.toml": TABLES, **files})
    return tree


def test_the_table_of_all(configured: Path) -> None:
    recipe = recipe_for("train.py", None, load_settings(configured), cwd=configured)
    assert recipe == Recipe(
        project=configured,
        script="train.py",
        args=("--epochs", "1"),
        env=(("A", "1"), ("B", "1")),
        files=("data", "/"),
        missing=("gone",),
        prepare=((recipe.python, "make.py"), ("make", "data")),
        python=recipe.python,
        limits=Limits(inner=1, seconds=9.0),
        standins=("torchvision", "datasets", "inert", "folders", "terminal"),
    )


def test_the_table_of_a_script_over_it(configured: Path) -> None:
    recipe = recipe_for("gan/main.py", None, load_settings(configured), cwd=configured)
    assert recipe.args == ("--z", "8") and recipe.env == (("A", "1"), ("B", "2"))
    assert recipe.limits == Limits(inner=1, seconds=9.0, batch=0)
    assert recipe.standins == ("datasets", "text")
    assert (recipe.device, recipe.layer) == ("cuda", "audit-hook")


def test_the_command_line_over_all(configured: Path) -> None:
    settings = load_settings(configured)
    said = VerifySettings(seconds=2.0, env=(("A", "3"),), files=("x.txt",), standins=())
    recipe = recipe_for("../gan/main.py", ("-q",), settings, said, cwd=configured / "data")
    assert recipe.args == ("-q",) and recipe.limits.seconds == 2.0 and recipe.files == ("data/x.txt",)
    assert dict(recipe.env) == {"A": "3", "B": "2"} and recipe.standins == ("text",)
    assert recipe_for("train.py", (), settings, cwd=configured).args == ()


def test_arguments_belong_to_the_script_that_they_stand_with(configured: Path) -> None:
    assert recipe_for("other.py", None, load_settings(configured), cwd=configured).args == ()
    put(configured, {"pyproject.toml": '[tool.torchfix.verify]\nargs = ["--all"]\n'})
    assert recipe_for("other.py", None, load_settings(configured), cwd=configured).args == ("--all",)


def test_the_scripts_that_the_settings_name(configured: Path) -> None:
    settings = load_settings(configured)
    assert configured_scripts(settings) == (configured / "train.py", configured / "gan/main.py")
    (configured / "train.py").unlink()
    with pytest.raises(UsageError, match=r"^train\.py: no such script$"):
        configured_scripts(settings)
    assert configured_scripts(Settings()) == ()


@pytest.mark.parametrize(
    ("script", "said", "expected"),
    [
        ("gone.py", VerifySettings(), "gone.py: no such script"),
        ("data", VerifySettings(), "data: a folder, not a script"),
        ("pyproject.toml", VerifySettings(), "pyproject.toml: not a Python program"),
        ("train.py", VerifySettings(python="nowhere/python"), "/nowhere/python: no such file or command"),
        ("train.py", VerifySettings(python="no-such-python"), "python: no-such-python: no such file or command"),
        ("train.py", VerifySettings(python="train.py"), "python: train.py: nothing there that can be executed"),
        ("train.py", VerifySettings(python="./train.py"), "/train.py: nothing there that can be executed"),
        ("train.py", VerifySettings(python="./data"), "/data: nothing there that can be executed"),
        ("train.py", VerifySettings(folder="gone"), "/gone: no such folder"),
        ("train.py", VerifySettings(folder=".."), ": not in the project "),
    ],
)
def test_mistakes_are_one_clear_line(configured: Path, script: str, said: VerifySettings, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        recipe_for(script, None, Settings(), said, cwd=configured)
    assert expected in str(caught.value) and str(caught.value).isprintable()


# --- which project ---------------------------------------------------------------------------------------------


def test_the_repository_is_the_project(tree: Path) -> None:
    put(tree, {"a/b/train.py": "", "a/pyproject.toml": ""})
    recipe = plain("a/b/train.py", tree)
    assert recipe.project == tree and recipe.script == "a/b/train.py"


def test_without_one_the_nearest_pyproject_else_what_is_above_the_package(tmp_path: Path) -> None:
    put(tmp_path, {"p/pyproject.toml": "", "p/q/train.py": "", "r/pkg/__init__.py": "", "r/pkg/s/__init__.py": ""})
    put(tmp_path, {"r/pkg/s/train.py": "", "r/beside.py": ""})
    assert project_root(tmp_path / "p/q/train.py") == tmp_path / "p"
    assert project_root(tmp_path / "r/pkg/s/train.py") == tmp_path / "r"
    assert project_root(tmp_path / "r/beside.py") == tmp_path / "r"


def test_the_changed_files_are_in_it(tmp_path: Path) -> None:
    put(tmp_path, {"x/examples/train.py": "", "x/pkg/net.py": "", "x/pkg/deep/a.py": ""})
    script, edited = tmp_path / "x/examples/train.py", tmp_path / "x/pkg/net.py"
    assert project_root(script) == tmp_path / "x/examples"
    assert project_root(script, [edited, tmp_path / "x/pkg/deep/a.py"]) == tmp_path / "x"


def test_the_home_folder_is_never_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    put(tmp_path, {".git/HEAD": "", "pyproject.toml": "", "train.py": "", "work/train.py": "", "other/net.py": ""})
    assert project_root(tmp_path / "work/train.py") == tmp_path / "work"  # the repository holds dot files
    for script, holding in (("train.py", ()), ("work/train.py", (tmp_path / "other/net.py",))):
        with pytest.raises(UsageError, match="which is too much to copy for a run"):
            project_root(tmp_path / script, holding)
    with pytest.raises(UsageError, match="all of /, which"):
        project_root(Path("/train.py"))


def test_a_link_to_a_script_and_links_to_data(tree: Path, tmp_path: Path) -> None:
    put(tree, {"code/train.py": ""})
    put(tmp_path, {"big/x": ""})
    (tree / "start.py").symlink_to(tree / "code/train.py")
    (tree / "data").symlink_to(tmp_path / "big")
    recipe = plain("start.py", tree, overrides=VerifySettings(files=("data", str(tmp_path / "big"))))
    assert recipe.script == "code/train.py"
    assert recipe.files == ("data", (tmp_path / "big").as_posix())


# --- how it is started -----------------------------------------------------------------------------------------


def test_a_script_in_a_folder_imports_from_the_top(tree: Path) -> None:
    put(tree, {"lib/__init__.py": "", "lib/net.py": "name = 'net'", "tools/train.py": "from lib.net import name"})
    put(tree, {"tools/train.py": "from lib.net import name\nimport helper\nprint(name)", "tools/helper.py": ""})
    recipe = plain("tools/train.py", tree)
    assert recipe.paths == ("tools", ".") and not recipe.module and recipe.module_name == ""
    assert started(recipe) == "net\n"


def test_src_layout_beats_an_installed_copy(tree: Path, tmp_path: Path) -> None:
    put(tree, {"src/pkg/__init__.py": "", "src/pkg/net.py": "name = 'copy'"})
    put(tree, {"examples/a/train.py": "from pkg.net import name\nprint(name)"})
    recipe = plain("examples/a/train.py", tree)
    assert recipe.paths == ("examples/a", "src")
    assert started(recipe) == "copy\n"


def test_a_script_with_relative_imports_is_run_as_a_module(tree: Path) -> None:
    put(tree, {"src/pkg/__init__.py": "", "src/pkg/net.py": "name = 'net'", "src/pkg/sub/__init__.py": ""})
    put(tree, {"src/pkg/sub/train.py": "from ..net import name\nimport sys\nprint(name, sys.argv[1:])"})
    recipe = recipe_for("src/pkg/sub/train.py", ("-x",), Settings(), cwd=tree)
    assert recipe.module and recipe.module_name == "pkg.sub.train" and recipe.paths == ("src",)
    assert recipe.folder == "src"
    assert started(recipe) == "net ['-x']\n"


def test_relative_imports_without_init_files(tree: Path) -> None:
    put(tree, {"a/b/net.py": "name = 'net'", "a/b/c/run.py": "from ..net import name\nprint(name)"})
    recipe = plain("a/b/c/run.py", tree)
    assert recipe.module_name == "b.c.run" and recipe.paths == ("a",)
    assert started(recipe) == "net\n"


@pytest.mark.parametrize("script", ["pkg", "pkg/__main__.py"])
def test_a_package_is_run_by_its_main(tree: Path, script: str) -> None:
    put(tree, {"pkg/__init__.py": "", "pkg/__main__.py": "from pkg.net import name\nprint(name)"})
    put(tree, {"pkg/net.py": "name = 'net'"})
    recipe = plain(script, tree)
    assert recipe.module_name == "pkg" and recipe.paths == (".",) and started(recipe) == "net\n"


def test_a_package_without_relative_imports_is_run_as_a_file(tree: Path) -> None:
    put(tree, {"pkg/__init__.py": "", "pkg/net.py": "name = 'net'", "pkg/train.py": "import net\nprint(net.name)"})
    recipe = plain("pkg/train.py", tree)
    assert not recipe.module and recipe.paths == ("pkg",) and started(recipe) == "net\n"


def test_a_package_never_shadows_the_standard_library(tree: Path) -> None:
    """`pkg/logging.py` and `pkg/utils.py` are no top-level modules, though an import below finds files of the name."""
    put(tree, {"pkg/__init__.py": "", "pkg/logging.py": "raise SystemExit(1)", "pkg/net.py": "import logging"})
    put(
        tree,
        {"pkg/utils.py": "", "pkg/old.py": "try:\n    import utils\nexcept ImportError:\n    from pkg import utils"},
    )
    put(tree, {"train.py": "import pkg.net, pkg.old\nprint('ran')"})
    recipe = plain("train.py", tree)
    assert recipe.paths == (".",) and started(recipe) == "ran\n"


def test_a_repository_that_is_a_package_itself(tree: Path) -> None:
    put(
        tree,
        {"__init__.py": "", "common/__init__.py": "", "common/net.py": "import common.helper", "nce/__init__.py": ""},
    )
    put(tree, {"common/helper.py": "", "nce/main.py": "from common import net\nprint('ran')"})
    recipe = plain("nce/main.py", tree)
    assert recipe.paths == ("nce", ".") and started(recipe) == "ran\n"


def test_a_package_above_with_names_of_the_standard_library_is_no_root(tree: Path) -> None:
    put(
        tree,
        {"pkg/__init__.py": "", "pkg/types.py": "raise SystemExit(1)", "pkg/utils.py": "", "pkg/sub/__init__.py": ""},
    )
    put(tree, {"pkg/sub/net.py": "try:\n    import utils\nexcept ImportError:\n    import pkg.utils"})
    put(tree, {"train.py": "import pkg.sub.net\nprint('ran')"})
    recipe = plain("train.py", tree)
    assert recipe.paths == (".",) and started(recipe) == "ran\n"


def test_a_script_of_python_2_still_has_a_recipe(tree: Path) -> None:
    put(tree, {"train.py": "import net\nprint 'old'\n", "net.py": ""})
    assert plain("train.py", tree).paths == (".",)


def test_the_working_folder_is_where_the_named_paths_are(tree: Path) -> None:
    put(tree, {"tools/train.py": "open('configs/a.yaml')", "configs/a.yaml": "", "ex/main.py": "d = './data/x.txt'"})
    put(tree, {"ex/data/x.txt": "", "plain/run.py": "print('a.b', '..', 'http://x.org/y')"})
    assert plain("tools/train.py", tree).folder == "."
    assert plain("train.py", tree / "tools").folder == "."
    assert plain("ex/main.py", tree).folder == "ex"
    assert plain("plain/run.py", tree).folder == "."
    assert plain("run.py", tree / "plain").folder == "plain"
    assert plain("ex/main.py", tree, overrides=VerifySettings(folder="tools")).folder == "tools"
    assert recipe_for(tree / "plain/run.py", None, Settings(), cwd=tree.parent).folder == "plain"


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(max_size=20) | st.text("é/.", min_size=150, max_size=220), max_size=5))
def test_any_string_of_a_program_may_be_asked_for(tree: Path, texts: list[str]) -> None:
    (tree / "train.py").write_text(f"names = {texts!a}\n")
    assert plain("train.py", tree).folder == "."


# --- the interpreter -------------------------------------------------------------------------------------------


def environment(folder: Path) -> str:
    """A folder that looks like an environment, with a Python."""
    put(folder, {"pyvenv.cfg": "", "bin/x": ""})
    (folder / "bin" / "python").symlink_to(sys.executable)
    (folder / "lib" / "python3.11" / "site-packages" / "torch").mkdir(parents=True)
    return str(folder / "bin" / "python")


def test_environments_without_torch_are_passed_over(tmp_path: Path) -> None:
    bare, whole = tmp_path / "bare", tmp_path / "whole"
    own = environment(bare / ".venv")
    other = environment(whole)
    (bare / ".venv/lib/python3.11/site-packages/torch").rmdir()
    assert interpreter(None, bare, {"VIRTUAL_ENV": str(whole)}) == other
    assert interpreter(None, bare, {}) == sys.executable, "the one that runs the tests has torch"
    (bare / ".venv" / "pyvenv.cfg").write_text("include-system-site-packages = true\n")
    assert interpreter(None, bare, {}) == own, "what lies below it may have torch"


def test_the_order_of_interpreters(tmp_path: Path) -> None:
    project = tmp_path / "p"
    own, active, conda = environment(project / ".venv"), environment(tmp_path / "v"), environment(tmp_path / "c")
    virtual, prefix = {"VIRTUAL_ENV": str(tmp_path / "v")}, {"CONDA_PREFIX": str(tmp_path / "c")}
    base = {**prefix, "CONDA_DEFAULT_ENV": "base"}
    assert interpreter(None, project, {**virtual, **prefix}) == active
    assert interpreter(None, project, prefix) == conda
    assert interpreter(None, project, base) == own
    assert interpreter(None, tmp_path, base) == conda
    assert interpreter(None, project, {"VIRTUAL_ENV": str(tmp_path / "deleted")}) == own
    assert interpreter(None, tmp_path, {}) == sys.executable
    assert interpreter(".venv", project, virtual) == own == interpreter(".venv/bin/python", project)
    assert interpreter("sh", project).endswith("/sh")


def test_a_folder_called_venv_need_not_be_one(tmp_path: Path) -> None:
    environment(tmp_path / "venv")
    (tmp_path / "venv" / "pyvenv.cfg").unlink()
    assert interpreter(None, tmp_path, {}) == sys.executable
