"""The commands as people call them: exit codes, what goes to which stream, what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_tool import Tool

from torchfix_codemods import __version__
from torchfix_codemods.report.places import TextLines

ROOT = Path(__file__).parents[2]


def git(folder: Path, *arguments: str, stdin: bytes | None = None) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, input=stdin, capture_output=True)


@pytest.fixture
def project(folder: Path) -> Path:
    (folder / "a.py").write_text("x = old_word  # kept\nprint(chain_2)\n")
    (folder / "b.py").write_text("maybe_word\nhopeless_word\n")
    (folder / "bad.py").write_text("def f(:\n")
    return folder


FIXED = "x = new_word  # kept\nprint(chain_0)\n"


def test_apply_writes_and_undo_takes_it_back(tool: Tool, project: Path):
    before = (project / "a.py").read_bytes()
    done = tool("apply", ".")
    assert done.code == 0
    assert (project / "a.py").read_text() == FIXED
    assert "a.py:1:5: TOY101 toy-old-word [behavior]" in done.text
    assert "fixed: replace old_word by new_word" in done.text
    assert "2 fixes applied in 1 file" in done.err
    assert "bad.py: syntax-error" in done.err and "bad.py" not in done.text
    undone = tool("undo")
    assert (undone.code, undone.out) == (0, b"")
    assert (project / "a.py").read_bytes() == before
    again = tool("undo")
    assert again.code == 2 and "nothing to undo" in again.err


def test_a_second_apply_does_nothing_and_says_so(tool: Tool, project: Path):
    (project / "b.py").unlink()
    assert tool("apply", ".").code == 0
    again = tool("apply", ".")
    assert (again.code, again.out) == (0, b"")
    assert "nothing found: no files were modified" in again.err
    assert "1 file skipped, not analysed (syntax-error 1)" in again.err


def test_held_back_fixes_and_findings_without_a_fix_are_counted(tool: Tool, project: Path):
    err = tool("apply", ".").err
    assert "1 fix held back (suggestion)" in err and "--up-to suggestion" in err
    assert "1 finding without a fix" in err
    assert tool("apply", ".", "--up-to", "suggestion").code == 0
    assert (project / "b.py").read_text() == "sure_word\nhopeless_word\n"


def test_dry_run_prints_a_patch_and_nothing_else(tool: Tool, project: Path):
    done = tool("apply", ".", "--dry-run")
    assert done.code == 1
    assert done.text.startswith("diff --git a/a.py b/a.py\n--- a/a.py\n")
    assert (project / "a.py").read_text() != FIXED
    subprocess.run(["patch", "-p1"], input=done.out, cwd=project, check=True, capture_output=True)
    assert (project / "a.py").read_text() == FIXED
    nothing = tool("apply", ".", "--dry-run")
    assert (nothing.code, nothing.out) == (0, b"")


def test_a_patch_made_in_a_subfolder_of_a_repository_applies_there(tool: Tool, project: Path, monkeypatch):
    git(project, "init", "-q")
    (project / "sub").mkdir()
    (project / "sub" / "c.py").write_text("old_word\n")
    monkeypatch.chdir(project / "sub")
    done = tool("apply", ".", "--dry-run")
    git(project / "sub", "apply", "-", stdin=done.out)
    assert (project / "sub" / "c.py").read_text() == "new_word\n"


def test_check_has_lines_on_standard_output_and_the_summary_on_standard_error(tool: Tool, project: Path):
    done = tool("check", ".")
    assert done.code == 1
    assert done.text.splitlines()[:3] == [
        "a.py:1:5: TOY101 toy-old-word [behavior] the word is old",
        "    a.py:1: the old word is said here",
        "    fixable: replace old_word by new_word",
    ]
    assert "4 findings, 2 fixable by `apply`" in done.err
    assert "\x1b" not in done.text + done.err


def test_check_of_clean_files_is_0(tool: Tool, folder: Path):
    (folder / "clean.py").write_text("x = 1\n")
    done = tool("check", ".")
    assert (done.code, done.out) == (0, b"")
    assert "nothing found" in done.err and "1 file analysed of 1" in done.err


def test_json_has_the_agreed_form(tool: Tool, project: Path):
    report = json.loads(tool("check", ".", "--output-format", "json").out)
    assert (report["schema"], report["version"]) == (1, __version__)
    assert report["files"]["seen"] == 3 and report["files"]["analysed"] == 2
    assert report["files"]["skipped"][0]["path"] == "bad.py"
    first = report["findings"][0]
    assert (first["path"], first["line"], first["column"], first["end_line"], first["end_column"]) == (
        "a.py",
        1,
        5,
        1,
        13,
    )
    (edit,) = first["fix"]["edits"]
    text = (project / "a.py").read_text()
    assert text[edit["start"] : edit["end"]] == "old_word" and edit["replacement"] == "new_word"
    assert first["fix"]["default"] is True
    assert [f["fix"] and f["fix"]["default"] for f in report["findings"]] == [True, True, False, None]
    assert report["findings"][3]["no_fix_reason"] == "nobody knows the cure"


def test_apply_writes_a_report_file(tool: Tool, project: Path):
    assert tool("apply", ".", "--report", "r.json").code == 0
    assert json.loads((project / "r.json").read_text())["findings"][0]["code"] == "TOY101"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["apply", "nowhere"], "nowhere: no such file or directory"),
        (["check", ".", "--select", "toy-old-wrd"], "unknown rule 'toy-old-wrd', did you mean 'toy-old-word'?"),
        (["check", ".", "--output-format", "yaml"], "'yaml' is not one of"),
        (["apply", ".", "--report", "r.txt"], "must end in .json"),
        (["apply", ".", "--report", "no/r.json"], "there is no folder no"),
        (["apply", ".", "-i", "--dry-run"], "--interactive goes neither with"),
        (["apply", "-"], "--stdin-filename"),
        (["apply", "--stdin-filename", "x.py", "-", "a.py"], "alone"),
        (["explain", "toy-old"], "unknown rule 'toy-old'"),
        (["frobnicate"], "No such command"),
        (["apply"], "Missing argument"),
    ],
)
def test_usage_errors_are_one_clear_line_and_exit_code_2(tool: Tool, project: Path, arguments: list[str], said: str):
    done = tool(*arguments)
    assert (done.code, done.out) == (2, b"")
    assert said in done.err and "Traceback" not in done.err


def test_an_unknown_settings_key_is_an_error(tool: Tool, project: Path):
    (project / "pyproject.toml").write_text("[tool.torchfix]\nselct = []\n")
    done = tool("apply", ".")
    assert done.code == 2 and "did you mean 'select'?" in done.err


def test_settings_count_and_the_command_line_goes_over_them(tool: Tool, project: Path):
    (project / "pyproject.toml").write_text('[tool.torchfix]\nignore = ["toy-old-word"]\nup-to = "equivalent"\n')
    assert "toy-old-word" not in tool("check", ".").text
    assert "toy-old-word" in tool("check", ".", "--select", "toy-old-word").text
    assert tool("apply", ".").code == 0
    assert (project / "a.py").read_text() == "x = old_word  # kept\nprint(chain_0)\n"


def test_per_file_ignores_with_an_unknown_rule_are_an_error(tool: Tool, project: Path):
    (project / "pyproject.toml").write_text('[tool.torchfix.per-file-ignores]\n"a.py" = ["no-such"]\n')
    done = tool("check", ".")
    assert done.code == 2 and "per-file-ignores: unknown rule 'no-such'" in done.err


def test_standard_input_comes_out_rewritten(tool: Tool, folder: Path):
    raw = b"\xef\xbb\xbfx = old_word\r\n"
    done = tool("apply", "--stdin-filename", "sub/x.py", "-", stdin=raw)
    assert (done.code, done.out) == (0, raw.replace(b"old", b"new"))
    check = tool("check", "--stdin-filename", "sub/x.py", "-", stdin=raw)
    assert check.code == 1 and check.text.startswith("sub/x.py:1:5: ")
    dry = tool("apply", "--dry-run", "--stdin-filename", "sub/x.py", "-", stdin=raw)
    assert dry.code == 1 and dry.out.startswith(b"diff --git a/sub/x.py")
    assert not list(folder.iterdir())


def test_standard_input_that_cannot_be_parsed_comes_out_unchanged(tool: Tool):
    done = tool("apply", "--stdin-filename", "x.py", "-", stdin=b"def f(: old_word\n")
    assert (done.code, done.out) == (0, b"def f(: old_word\n")
    assert "x.py: syntax-error" in done.err


def test_a_dirty_file_is_refused_before_anything_is_written(tool: Tool, project: Path):
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "c")
    (project / "a.py").write_text("old_word  # edited\n")
    done = tool("apply", ".")
    assert done.code == 2 and "a.py would change and is not committed" in done.err
    assert (project / "a.py").read_text() == "old_word  # edited\n"
    assert tool("apply", "b.py").code == 0, "a dirty file that does not change is no obstacle"
    assert tool("apply", ".", "--allow-dirty").code == 0
    assert (project / "a.py").read_text() == "new_word  # edited\n"


def test_undo_refuses_where_a_file_has_changed_since(tool: Tool, project: Path):
    tool("apply", ".")
    (project / "a.py").write_text("mine\n")
    done = tool("undo")
    assert done.code == 2 and "a.py" in done.err
    assert (project / "a.py").read_text() == "mine\n"


def test_a_rule_that_fails_is_reported_and_exit_code_2_and_the_rest_is_done(tool: Tool, project: Path):
    (project / "c.py").write_text("raise_word\nold_word\n")
    done = tool("apply", ".")
    assert done.code == 2
    assert "rule toy-raising failed on c.py: LookupError: lost at line 1" in done.err
    assert "Traceback" not in done.err
    assert (project / "c.py").read_text() == "raise_word\nnew_word\n"
    assert "Traceback" in tool("check", "c.py", "--verbose").err


def test_quiet_says_nothing(tool: Tool, project: Path):
    done = tool("apply", ".", "--quiet")
    assert (done.code, done.out, done.err) == (0, b"", "")
    assert (project / "a.py").read_text() == FIXED


def test_a_folder_without_python_is_named_as_such(tool: Tool, folder: Path):
    done = tool("check", ".")
    assert done.code == 0 and "nothing was analysed" in done.err and "no Python files were found" in done.err


def test_odd_names(tool: Tool, folder: Path):
    (folder / "x.py").mkdir()
    (folder / "x.py" / "mit leer é.py").write_text("old_word\n")
    done = tool("apply", ".")
    assert done.code == 0 and "x.py/mit leer é.py:1:1" in done.text
    assert (folder / "x.py" / "mit leer é.py").read_text() == "new_word\n"


def test_escape_sequences_in_code_do_not_reach_the_terminal(tool: Tool, folder: Path):
    (folder / "a.py").write_text('x = "\x1b[31m\u202e [red]:smile:[/red]", old_word  # \x07\n')
    done = tool("check", ".", "--color", "always")
    assert "\x1b[31m\u202e" not in done.text and "\x07" not in done.text
    assert "\\x1b[31m\\u202e [red]:smile:[/red]" in plain(done.text)


def test_the_coloured_report_has_numbers_signs_and_emphasis(tool: Tool, project: Path):
    done = tool("check", "a.py", "--color", "always", "--select", "toy-old-word")
    assert plain(done.text).splitlines()[3:6] == [
        "      1       - x = old_word  # kept",
        "            1 + x = new_word  # kept",
        "      2     2   print(chain_2)",
    ]
    assert "\x1b[1;7;31mold_word\x1b[0m" in done.text
    assert "\x1b" not in tool("check", ".", "--color", "never").text


def test_no_color_is_honoured_on_a_terminal(project: Path, plugin: Path):
    from pty_session import Session

    coloured = Session(["check", "a.py"], project, plugin).finish()
    assert "\x1b[1;7;31m" in coloured
    assert "\x1b[" not in Session(["check", "a.py"], project, plugin, NO_COLOR="1").finish().replace(
        "\x1b[1m", ""
    ).replace("\x1b[0m", "").replace("\x1b[2m", "").replace("\x1b[1;7m", "")


def plain(text: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_rules_and_explain(tool: Tool):
    listed = [line.split(maxsplit=3) for line in tool("rules").text.splitlines()]
    assert ["TOY101", "toy-old-word", "behavior", "old words"] in listed
    page = tool("explain", "TOY101")
    assert page.text.startswith("# toy-old-word") and "[red]stays text[/red]" in page.text
    assert "has no page" in tool("explain", "toy-chain").text


def test_a_narrow_encoding_is_no_obstacle(project: Path, plugin: Path):
    (project / "é.py").write_text("old_word\n")
    done = call(["check", "é.py"], project, plugin, PYTHONIOENCODING="ascii")
    assert done.returncode == 1 and b"\\xe9.py:1:1" in done.stdout


def test_a_reader_that_goes_away_is_no_error_message(project: Path, plugin: Path):
    (project / "many.py").write_text("old_word\n" * 20_000)
    command = [sys.executable, "-m", "torchfix_codemods", "check", "many.py", "-q", "--output-format", "json"]
    process = subprocess.Popen(
        command, cwd=project, env=environment(plugin), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.wait()


def environment(plugin: Path, **more: str) -> dict[str, str]:
    tests = Path(__file__).parent.parent
    path = os.pathsep.join(map(str, (tests.parent, tests, plugin)))
    return {**os.environ, "PYTHONPATH": path, **more}


def call(arguments: list[str], folder: Path, plugin: Path, **more: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "torchfix_codemods", *arguments]
    return subprocess.run(command, cwd=folder, env=environment(plugin, **more), capture_output=True)


def test_version_says_which_torchfix_this_is_and_imports_next_to_nothing(project: Path, plugin: Path):
    done = call(["--version"], project, plugin)
    assert done.stdout.decode().startswith(f"torchfix-codemods {__version__} ") and b"Meta" in done.stdout
    assert (done.returncode, done.stderr) == (0, b"")
    code = (
        "import sys; sys.argv = ['torchfix', '--version']\n"
        "from torchfix_codemods.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sorted({'click', 'rich', 'libcst', 'importlib.metadata', 'ast', 're'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=project, env=environment(plugin), capture_output=True, check=True
    )
    assert done.stdout.decode().splitlines()[1:] == [""]


def test_a_clean_check_imports_neither_libcst_nor_rich_nor_what_rules_need(project: Path, tmp_path: Path):
    code = (
        "rules = {'torchfix_codemods.analysis.project', 'torchfix_codemods.rules.retain_graph'}\n"
        "import sys\n"
        "from torchfix_codemods.cli.main import run\n"
        "run(['check', 'clean.py'])\n"
        "heavy = {'rich', 'libcst', 'importlib.metadata', 'torch', 'multiprocessing', 'hashlib', 'tempfile'}\n"
        "print(*sorted((heavy | rules) & set(sys.modules)))"
    )
    (project / "clean.py").write_text("x = 1\n")
    without_plugin = site_environment(tmp_path / "nothing")
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=project, env=without_plugin, capture_output=True)
    assert done.stdout.decode().strip() == "", done.stderr


def site_environment(plugin: Path) -> dict[str, str]:
    """As `environment`, with this environment's packages but without running their .pth files (-S)."""
    outer = environment(plugin)
    packages = [entry for entry in sys.path if entry.endswith("site-packages")]
    return {**outer, "PYTHONPATH": os.pathsep.join([outer["PYTHONPATH"], *packages])}


def test_the_other_torchfix_is_named(project: Path, plugin: Path):
    (plugin / "torchfix").mkdir()
    (plugin / "torchfix" / "__init__.py").write_text("raise SystemExit('imported')\n")
    for arguments in (["--version"], ["apply", "b.py"]):
        done = call(arguments, project, plugin)
        assert done.returncode == 0
        assert b"distribution `torchfix` (Meta's linter) is installed" in done.stderr
    assert b"Meta's linter" not in call(["apply", "b.py", "-q"], project, plugin).stderr


def test_columns_count_characters(tool: Tool, folder: Path):
    (folder / "a.py").write_text("'é𝔘'; old_word\n")
    assert tool("check", ".").text.startswith("a.py:1:7: ")
    assert TextLines("a\r\nb\rc\n").line_column(5) == (3, 1)


def test_a_closed_or_full_output_and_a_folder_that_is_gone_are_no_internal_errors(project: Path, plugin: Path):
    """By the shell: only a process of its own can have its streams closed."""
    call = f"{sys.executable} -m torchfix_codemods"
    run = {
        f"{call} check a.py >&-": "",
        f"{call} apply --stdin-filename a.py - <&-": "standard input is closed",
        "mkdir gone && cd gone && rmdir ../gone && " + f"{call} check .": "the current folder is gone",
        "mkdir gone && cd gone && rmdir ../gone && " + f"{call} undo": "the current folder is gone",
    }
    if os.path.exists("/dev/full"):
        run[f"{call} check a.py >/dev/full"] = "no space left on device"
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests", plugin)))
    for command, said in run.items():
        environment = {**os.environ, "PYTHONPATH": path}
        done = subprocess.run(command, shell=True, cwd=project, env=environment, capture_output=True, text=True)
        assert "internal error" not in done.stderr and "Traceback" not in done.stderr, command
        assert said in done.stderr, command


def test_a_file_behind_a_closed_folder_is_skipped_with_its_reason(tool: Tool, project: Path, monkeypatch):
    def closed(path, *rest, **options):
        if str(path).endswith("a.py"):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, *rest, **options)

    stat = os.stat
    monkeypatch.setattr(os, "stat", closed)
    done = tool("check", "a.py")
    assert "a.py: unreadable: Permission denied" in done.err and done.code == 0
