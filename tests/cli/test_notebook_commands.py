"""Notebooks on the command line: the toy rules find words in cells, and only the strings of these cells change."""

from __future__ import annotations

import json
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest
from cli_tool import Tool
from jsonschema import Draft202012Validator
from notebooks import besides_sources, code, notebook, prose, sources
from pty_session import Session

RAW = notebook(prose("# old_word"), "%matplotlib inline\nx = 1", "y = 'é'\nold_word  # kept\n", "!ls\nmaybe_word")


@pytest.fixture
def project(folder: Path) -> Path:
    (folder / "n.ipynb").write_bytes(RAW)
    return folder


def test_check_says_cell_and_line(tool: Tool, project: Path):
    done = tool("check", ".")
    assert done.code == 1
    assert "n.ipynb, cell 3:2:1: TOY101 toy-old-word [behavior]" in done.text
    assert "    n.ipynb, cell 3:2: the old word is said here" in done.text
    assert "n.ipynb, cell 4:2:1: TOY201 toy-maybe [suggestion]" in done.text
    assert "1 file analysed of 1" in done.err


def test_the_json_report_says_cell_and_line_and_offsets_in_the_cell(tool: Tool, project: Path):
    report = json.loads(tool("check", ".", "--output-format", "json").text)
    schema = json.loads(files("torchfix_codemods.report").joinpath("schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(report)
    (old, _) = report["findings"]
    assert (old["path"], old["cell"], old["line"], old["column"], old["end_line"]) == ("n.ipynb", 3, 2, 1, 2)
    assert old["steps"][0]["cell"] == 3 and old["steps"][0]["line"] == 2
    (edit,) = old["fix"]["edits"]
    cell = sources(RAW)[edit["cell"] - 1]
    assert cell[edit["start"] : edit["end"]] == "old_word" and edit["replacement"] == "new_word"


def test_apply_changes_the_strings_and_undo_gives_every_byte_back(tool: Tool, project: Path):
    done = tool("apply", ".")
    assert done.code == 0 and "1 fix applied in 1 file" in done.err
    after = (project / "n.ipynb").read_bytes()
    assert after == RAW.replace(b'"old_word  # kept', b'"new_word  # kept')
    assert tool("apply", ".").err.startswith("no files were modified")
    assert (project / "n.ipynb").read_bytes() == after
    assert tool("undo").code == 0
    assert (project / "n.ipynb").read_bytes() == RAW


@pytest.mark.parametrize("ending", [b"\n", b"", b"\r\n"])
@pytest.mark.parametrize("as_list", [True, False])
def test_git_takes_the_patch(tool: Tool, project: Path, ending: bytes, as_list: bool):
    raw = notebook(*(code(f"a = {n}\nold_word\nchain_2", as_list=as_list) for n in range(3)))
    raw = raw.removesuffix(b"\n").replace(b"\n", ending or b"\n") + ending
    (project / "n.ipynb").write_bytes(raw)
    patch = tool("apply", "--dry-run", ".")
    assert patch.code == 1 and (project / "n.ipynb").read_bytes() == raw
    subprocess.run(["git", "apply", "-"], cwd=project, check=True, input=patch.out)
    by_git = (project / "n.ipynb").read_bytes()
    (project / "n.ipynb").write_bytes(raw)
    tool("apply", ".")
    assert (project / "n.ipynb").read_bytes() == by_git
    assert sources(by_git) == [f"a = {n}\nnew_word\nchain_0" for n in range(3)]
    changed = sum(line.startswith((b"-", b"+")) for line in patch.out.split(b"\n")) - 2
    assert changed == (12 if as_list else 6)


def test_standard_input(tool: Tool, folder: Path):
    done = tool("apply", "--stdin-filename", "sub/n.ipynb", "-", stdin=RAW)
    assert (done.code, done.out) == (0, RAW.replace(b'"old_word  #', b'"new_word  #'))
    broken = tool("apply", "--stdin-filename", "n.ipynb", "-", stdin=b"{")
    assert "n.ipynb: not-json" in broken.err
    check = tool("check", "--stdin-filename", "n.ipynb", "-", stdin=RAW)
    assert "n.ipynb, cell 3:2:1" in check.text


def test_what_is_no_notebook_is_counted_and_listed(tool: Tool, project: Path):
    (project / "bad.ipynb").write_text("{")
    (project / "old.ipynb").write_bytes(notebook("old_word", nbformat=3))
    (project / "r.ipynb").write_bytes(notebook("old_word", metadata={"kernelspec": {"language": "R"}}))
    (project / ".ipynb_checkpoints").mkdir()
    (project / ".ipynb_checkpoints" / "n-checkpoint.ipynb").write_bytes(RAW)
    done = tool("check", ".")
    assert "1 file analysed of 4" in done.err
    assert "3 files skipped, not analysed (not-json 1, not-nbformat-4 1, not-python 1)" in done.err
    assert "old.ipynb: not-nbformat-4: its nbformat is 3" in done.err and "its language is R" in done.err


def test_gitignore_and_exclude_count(tool: Tool, project: Path):
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    (project / ".gitignore").write_text("n.ipynb\n")
    (project / "m.ipynb").write_bytes(RAW)
    assert "no Python files were found" in tool("check", ".", "--exclude", "m.ipynb").err
    assert "1 file analysed of 1" in tool("check", ".").err


def test_comments_in_cells_silence(tool: Tool, project: Path):
    (project / "n.ipynb").write_bytes(notebook("old_word  # torchfix: ignore[toy-old-word]", "old_word"))
    done = tool("check", ".")
    assert "cell 2:1:1" in done.text and "cell 1" not in done.text and "1 finding suppressed" in done.err
    (project / "n.ipynb").write_bytes(notebook("old_word", "# torchfix: skip-file", "old_word"))
    assert tool("check", ".").code == 0
    (project / "n.ipynb").write_bytes(notebook("x\n", "y\nx  # torchfix: ignore[no-such]"))
    assert "n.ipynb, cell 2:2: 'no-such' is no rule" in tool("check", ".").err


@pytest.mark.parametrize(
    ("hidden", "told"),
    [
        ("print 1", "n.ipynb, cell 2: syntax-error: line 1: Missing parentheses"),
        ("%run train.py", "n.ipynb, cell 2: unknown-magic: %run may run Python that is not seen here"),
        ("%%mine\nold_word", "n.ipynb, cell 2: unknown-magic: %%mine may run its cell as Python"),
    ],
)
def test_a_cell_that_is_not_seen_is_told_and_makes_suggestions_of_fixes(
    tool: Tool, project: Path, hidden: str, told: str
):
    raw = notebook("old_word", hidden, "old_word")
    (project / "n.ipynb").write_bytes(raw)
    done = tool("apply", ".")
    assert told in done.err and "1 cell of notebooks left out" in done.err
    assert done.text.count("[suggestion] the word is old; what cell 2 does is not known") == 2
    assert "n.ipynb, cell 2:1: this cell was left out" in done.text
    assert (project / "n.ipynb").read_bytes() == raw
    report = json.loads(tool("check", ".", "--output-format", "json").text)
    assert [item["cell"] for item in report["left_out"]] == [2]
    assert tool("apply", ".", "--up-to", "suggestion").code == 0
    assert sources((project / "n.ipynb").read_bytes()) == ["new_word", hidden, "new_word"]


def test_other_languages_are_kept_and_not_looked_at(tool: Tool, project: Path):
    cells = ("%%bash\necho old_word\n", "%%writefile m.py\nold_word\n", "%%time\nold_word", "%time old_word")
    (project / "n.ipynb").write_bytes(notebook(*cells))
    assert tool("apply", ".").code == 0
    after = (project / "n.ipynb").read_bytes()
    assert sources(after) == [*cells[:2], "%%time\nnew_word", "%time new_word"]


def test_a_fix_that_would_break_a_cell_is_dropped(tool: Tool, project: Path):
    (project / "n.ipynb").write_bytes(raw := notebook("x = break_word", "y = 1)"[:5]))
    done = tool("apply", ".")
    assert (project / "n.ipynb").read_bytes() == raw
    assert "would" in done.text and "no files were modified" in done.err


def test_a_notebook_and_a_module_are_fixed_together(tool: Tool, project: Path):
    (project / "n.ipynb").write_bytes(notebook("x = 1", "pair_here"))
    (project / "there.py").write_text("pair_there\n")
    assert tool("apply", ".").code == 0
    assert sources((project / "n.ipynb").read_bytes()) == ["x = 1", "one"]
    assert (project / "there.py").read_text() == "two\n"


def test_the_review_shows_the_cell(project: Path, plugin: Path):
    session = Session(["apply", ".", "-i"], project, plugin)
    shown = session.wait_for("[?] ")
    assert "n.ipynb, cell 3" in shown and "old_word" in shown and "new_word" in shown and '"' not in shown
    session.press("y")
    assert "cell 4" in session.wait_for("[?] ")
    session.press("i")
    assert "1 fix accepted" in session.finish()
    after = (project / "n.ipynb").read_bytes()
    assert sources(after)[2:] == ["y = 'é'\nnew_word  # kept\n", "!ls\n# torchfix: ignore[toy-maybe]\nmaybe_word"]
    assert besides_sources(after) == besides_sources(RAW)
