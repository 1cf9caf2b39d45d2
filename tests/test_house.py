"""The rules of the house that a machine can check."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import torchfix_codemods
from torchfix_codemods.rules import RULES

PACKAGE = Path(torchfix_codemods.__file__).parent
#: Runs in the user's interpreter, under rules of its own.
OBSERVER = PACKAGE / "verify" / "observer"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if OBSERVER not in path.parents)

#: A house imports from itself and from those before it.
ORDER = (
    "findings",
    "source",
    "analysis",
    "rewrite",
    "rules",
    "checking",
    "verify",
    "report",
    "pipeline",
    "delivery",
    "cli",
)
#: The adapter for another tool's command line stands beside the cli.
RANK = {house: rank for rank, house in enumerate(ORDER)} | {"codemods": len(ORDER) - 1, "__main__": len(ORDER)}


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file; `from a import b` gives `a` and `a.b`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def house_of(module: str) -> str | None:
    """The first part below our package, if the module is ours and below it."""
    parts = module.split(".")
    return parts[1] if parts[0] == "torchfix_codemods" and len(parts) > 1 else None


def ids(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_imports_go_one_way(path: Path):
    own = path.relative_to(PACKAGE).with_suffix("").parts[0]
    if own == "__init__":
        return
    for module in imports_of(path):
        house = house_of(module)
        if house is not None and house not in ("__version__", own):
            assert RANK[house] < RANK[own], f"{own} imports {module}"


@pytest.mark.parametrize("path", sorted(OBSERVER.rglob("*.py")), ids=ids)
def test_the_observer_needs_the_standard_library_and_torch_alone(path: Path):
    """Old Python too: its syntax is that of 3.8, and our own package is not there where it runs."""
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            tops = [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            tops = [(node.module or "").split(".")[0]]
        else:
            continue
        for top in tops:
            assert top == "torch" or top in sys.stdlib_module_names or _is_guarded(tree, node), f"imports {top}"


def _is_guarded(tree: ast.Module, node: ast.stmt) -> bool:
    """Whether an import stands in a `try`: something that is used where it is there."""
    return any(node in ast.walk(part) for part in ast.walk(tree) if isinstance(part, ast.Try))


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_heavy_and_forbidden_imports(path: Path):
    own = path.relative_to(PACKAGE).parts[0]
    for module in imports_of(path):
        top = module.split(".")[0]
        assert top != "difflib", "diffs come from the edits"
        assert top != "torch", "torch is the user's, never ours"
        assert not module.startswith(("libcst.matchers", "importlib.metadata", "importlib_metadata"))
        assert top not in ("click", "rich") or own == "cli", "click and rich stay in cli/"


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_libcst_click_and_rich_are_never_imported_by_importing_the_pipeline(path: Path):
    """Outside cli/ and the adapter, libcst is imported inside functions or under TYPE_CHECKING only."""
    own = path.relative_to(PACKAGE).parts[0]
    if own in ("cli", "codemods"):
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            names = [a.name for a in statement.names] if isinstance(statement, ast.Import) else [statement.module]
            assert not any((name or "").split(".")[0] == "libcst" for name in names)


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_every_module_says_what_it_is_for(path: Path):
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)) or not text.strip()


def test_what_stands_beside_the_rules_is_private_or_says_what_rules_are():
    names = {rule.name.replace("-", "_") for rule in RULES}
    assert {path.stem for path in (PACKAGE / "rules").glob("[a-z]*.py")} == {*names, "rule", "registry"}
    assert {path.stem for path in (PACKAGE / "rules").glob("*.md")} == names


def test_codes_and_names_of_rules_are_unique_and_well_formed():
    codes, names = [rule.code for rule in RULES], [rule.name for rule in RULES]
    assert len(set(codes)) == len(codes) and len(set(names)) == len(names)
    assert all(re.fullmatch(r"TFC\d{3}", code) for code in codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in names)
    assert codes == sorted(codes)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_has_a_complete_page(rule):
    page = rule.page()
    assert rule.name in page.title or rule.code in page.title
    assert page.missing == ()
    assert rule.summary and not rule.summary.endswith(".")


README = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_readme_names_every_rule(rule):
    assert f"| {rule.code} | {rule.name} |" in README


def test_the_readme_names_every_option_and_no_other():
    from torchfix_codemods.cli.main import COMMANDS, cli

    options = {
        option
        for name in COMMANDS
        for parameter in cli.get_command(None, name).params  # type: ignore[union-attr,arg-type]
        for option in parameter.opts
        if option.startswith("--")
    }
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README.split("## Commands")[1]))
    assert options - named == set()
    assert named - options == {
        "--version",
        "--no-format",
        "--epochs",
        "--unshallow",
        "--tags",
    }  # of libcst, a program, git


def test_the_settings_of_the_readme_are_accepted(tmp_path: Path):
    from torchfix_codemods.source.settings import load_settings

    block = re.search(r"```toml\n(.*?)```", README, re.S)
    assert block is not None
    (tmp_path / "pyproject.toml").write_text(block[1])
    assert load_settings(tmp_path).per_file_ignores == (("tests/**", ("TFC303",)),)
    verify = re.search(r"<!-- verify-settings -->\n```\n(.*?)```", README, re.S)
    assert verify is not None
    (tmp_path / "pyproject.toml").write_text(verify[1])
    assert load_settings(tmp_path).verify.args == ("--epochs", "1")
