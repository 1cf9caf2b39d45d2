"""Which files are taken, in which order, under which names, and what becomes of the rest."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from torchfix_codemods.findings import Skipped
from torchfix_codemods.source.discovery import Discovery, discover
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.text import Source, read


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")


def shown(discovery: Discovery) -> list[str]:
    return [file.path for file in discovery.files]


def test_python_files_of_a_folder_in_order(tmp_path: Path) -> None:
    make(tmp_path, "b.py", "a/z.py", "a/a.py", "a/b/c.py", "a/readme.md", "a/stub.pyi", "Makefile", "c.pyx")
    found = discover(["."], cwd=tmp_path)
    assert shown(found) == ["a/a.py", "a/b/c.py", "a/z.py", "b.py"]
    assert [file.real for file in found.files] == [tmp_path / name for name in shown(found)]
    assert found.roots == (tmp_path,) and not found.skipped and not found.left_out


def test_files_and_folders_each_once(tmp_path: Path) -> None:
    make(tmp_path, "a/x.py", "a/y.py", "b/z.py", "script")
    given = ["script", "a/x.py", "a", "./a/../a", str(tmp_path / "a"), "b/z.py", "script"]
    found = discover(given, cwd=tmp_path)
    assert shown(found) == ["a/x.py", "a/y.py", "b/z.py", "script"]
    assert found.roots == (tmp_path, tmp_path / "a", tmp_path / "b")


def test_paths_outside_the_working_folder_are_absolute(tmp_path: Path) -> None:
    make(tmp_path, "here/a.py", "there/b.py")
    found = discover(["../there", "."], cwd=tmp_path / "here")
    assert shown(found) == sorted([(tmp_path / "there/b.py").as_posix(), "a.py"])


def test_a_folder_whose_name_begins_like_the_working_folder_is_outside(tmp_path: Path) -> None:
    make(tmp_path, "here/a.py", "here2/b.py")
    found = discover(["../here2"], cwd=tmp_path / "here")
    assert shown(found) == [(tmp_path / "here2/b.py").as_posix()]


@pytest.mark.parametrize("name", ["build", "venv", ".git", "__pycache__", "node_modules", "site-packages", ".tox"])
def test_usual_folders_are_left_out_unless_given(tmp_path: Path, name: str) -> None:
    make(tmp_path, f"{name}/x.py", f"deep/{name}/y.py", "z.py")
    found = discover(["."], cwd=tmp_path)
    assert shown(found) == ["z.py"] and found.left_out == (0 if name.startswith((".", "__")) else 2)
    assert shown(discover([name], cwd=tmp_path)) == [f"{name}/x.py"]
    assert shown(discover([f"{name}/x.py"], cwd=tmp_path)) == [f"{name}/x.py"]


def test_a_virtual_environment_is_known_by_its_mark(tmp_path: Path) -> None:
    make(tmp_path, "env37/lib/x.py", "env37/pyvenv.cfg", "gym/env/x.py")
    assert shown(discover(["."], cwd=tmp_path)) == ["gym/env/x.py"]
    assert shown(discover(["env37"], cwd=tmp_path)) == ["env37/lib/x.py"]


def test_gitignore_at_every_level(tmp_path: Path) -> None:
    make(tmp_path, "gen/a.py", "src/gen/b.py", "src/keep.py", "src/gen_c.py", "src/sub/keep.py", "top.py")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("gen/\n/top.py\n*_c.py\n")
    (tmp_path / "src" / ".gitignore").write_text("!gen/\nsub/*\n")
    assert shown(discover(["."], cwd=tmp_path)) == ["src/gen/b.py", "src/keep.py"]
    # From below, the rules of the folders above still count.
    assert shown(discover(["."], cwd=tmp_path / "src")) == ["gen/b.py", "keep.py"]
    assert shown(discover(["src"], cwd=tmp_path)) == ["src/gen/b.py", "src/keep.py"]


def test_files_given_by_name_are_taken_though_ignored(tmp_path: Path) -> None:
    make(tmp_path, "gen/a.py", "gen/b.py", "gen/notes.txt")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("gen/\n")
    found = discover(["gen/a.py", "gen/notes.txt"], cwd=tmp_path, exclude=["*.py"])
    assert shown(found) == ["gen/a.py", "gen/notes.txt"]
    assert shown(discover(["gen"], cwd=tmp_path)) == ["gen/a.py", "gen/b.py"]


def test_a_repository_inside_another_has_its_own_rules(tmp_path: Path) -> None:
    make(tmp_path, "inner/a.py", "inner/b.py", "a.py")
    (tmp_path / ".git").mkdir()
    (tmp_path / "inner/.git").mkdir()
    (tmp_path / "inner/.git/info").mkdir()
    (tmp_path / "inner/.git/info/exclude").write_text("b.py\n")
    (tmp_path / ".gitignore").write_text("a.py\n")
    assert shown(discover(["."], cwd=tmp_path)) == ["inner/a.py"]


def test_broken_ignore_files_do_no_harm(tmp_path: Path) -> None:
    make(tmp_path, "a.py", "b.py")
    (tmp_path / ".gitignore").write_bytes(b"\xef\xbb\xbfb.py\r\n!\n[\n\xff\xfe\n\\\n")
    assert shown(discover(["."], cwd=tmp_path)) == ["a.py"]
    (tmp_path / ".gitignore").unlink()
    (tmp_path / ".gitignore").mkdir()
    assert shown(discover(["."], cwd=tmp_path)) == ["a.py", "b.py"]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["tests"], ["src/a.py", "src/b.py"]),
        (["tests/"], ["src/a.py", "src/b.py"]),
        (["/src"], ["tests/a.py"]),
        (["src/*", "!src/b.py"], ["src/b.py", "tests/a.py"]),
        (["**/a.py"], ["src/b.py"]),
        (["*.py"], []),
        ([], ["src/a.py", "src/b.py", "tests/a.py"]),
    ],
)
def test_exclude(tmp_path: Path, patterns: list[str], expected: list[str]) -> None:
    make(tmp_path, "src/a.py", "src/b.py", "tests/a.py")
    assert shown(discover(["."], cwd=tmp_path, exclude=patterns)) == expected
    found = discover([".."], cwd=tmp_path / "src", project=tmp_path, project_exclude=patterns)
    assert [file.real.relative_to(tmp_path).as_posix() for file in found.files] == sorted(expected)


def test_exclude_counts_outside_of_the_working_folder_too(tmp_path: Path) -> None:
    make(tmp_path, "here/x.py", "there/tests/a.py", "there/b.py")
    found = discover(["../there"], cwd=tmp_path / "here", exclude=["tests"])
    assert [file.real.name for file in found.files] == ["b.py"]


def test_links(tmp_path: Path) -> None:
    make(tmp_path, "tree/a.py", "outside/b.py", "outside/pkg/c.py", "tree/sub/d.py")
    tree = tmp_path / "tree"
    (tree / "inner.py").symlink_to("a.py")
    (tree / "leads_in.py").symlink_to("sub/data.txt")
    make(tree, "sub/data.txt")
    (tree / "out.py").symlink_to("../outside/b.py")
    (tree / "nowhere.py").symlink_to("missing")
    (tree / "self.py").symlink_to("self.py")
    (tree / "pkg").symlink_to("../outside/pkg")
    (tree / "loop").symlink_to(".")
    (tree / "loop.py").symlink_to("..")
    found = discover(["tree"], cwd=tmp_path)
    assert shown(found) == ["tree/a.py", "tree/leads_in.py", "tree/sub/d.py"]
    assert found.files[1].real == tree / "sub/data.txt"
    assert [(s.path, s.reason) for s in found.skipped] == [
        ("tree/loop.py", "symlink-out-of-tree"),
        ("tree/nowhere.py", "unreadable"),
        ("tree/out.py", "symlink-out-of-tree"),
        ("tree/pkg", "symlink-out-of-tree"),
        ("tree/self.py", "unreadable"),
    ]


def test_a_link_from_one_given_folder_into_another_stays_inside(tmp_path: Path) -> None:
    make(tmp_path, "a/x.py", "b/y.txt")
    (tmp_path / "a/link.py").symlink_to("../b/y.txt")
    for given in (["a", "b"], ["b", "a"], ["a", "."], [".", "a"]):
        found = discover(given, cwd=tmp_path)
        assert shown(found) == ["a/link.py", "a/x.py"] and not found.skipped
    assert [s.reason for s in discover(["a"], cwd=tmp_path).skipped] == ["symlink-out-of-tree"]


def test_a_folder_given_through_a_link_is_entered(tmp_path: Path) -> None:
    make(tmp_path, "real/a.py")
    (tmp_path / "link").symlink_to("real")
    found = discover(["link"], cwd=tmp_path)
    assert shown(found) == ["link/a.py"] and found.files[0].real == tmp_path / "real/a.py"
    assert shown(discover(["real", "link"], cwd=tmp_path)) == ["real/a.py"]


def test_a_file_given_through_a_link(tmp_path: Path) -> None:
    make(tmp_path, "repo/a.py", "elsewhere/b.py")
    (tmp_path / "repo/.git").mkdir()
    (tmp_path / "repo/sub").mkdir()
    (tmp_path / "repo/sub/in.py").symlink_to("../a.py")
    (tmp_path / "repo/sub/out.py").symlink_to("../../elsewhere/b.py")
    found = discover(["sub/in.py", "sub/out.py"], cwd=tmp_path / "repo")
    assert [(file.path, file.real) for file in found.files] == [("sub/in.py", tmp_path / "repo/a.py")]
    assert [(s.path, s.reason) for s in found.skipped] == [("sub/out.py", "symlink-out-of-tree")]


def test_a_folder_named_like_a_file(tmp_path: Path) -> None:
    make(tmp_path, "x.py/y.py")
    assert shown(discover(["."], cwd=tmp_path)) == shown(discover(["x.py"], cwd=tmp_path)) == ["x.py/y.py"]


def test_odd_names(tmp_path: Path) -> None:
    names = ["a b.py", "été.py", "日本/模型.py", "new\nline.py", "-rf.py", "[x].py", "*.py", "'q\".py"]
    make(tmp_path, *names)
    raw = os.fsencode(tmp_path) + b"/bad\xff.py"
    Path(os.fsdecode(raw)).write_text("x = 1\n")
    (tmp_path / ".gitignore").write_text("nothing.py\n*x\n")
    found = discover(["."], cwd=tmp_path)
    assert shown(found) == sorted([*names, "bad\udcff.py"])
    assert all(isinstance(read(file), Source) for file in found.files)
    assert shown(discover([os.fsdecode(b"bad\xff.py")], cwd=tmp_path)) == ["bad\udcff.py"]


def test_things_that_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    assert discover(["."], cwd=tmp_path).skipped == (Skipped("pipe.py", "unreadable", "not a regular file"),)
    (file,) = discover(["pipe.py"], cwd=tmp_path).files
    assert isinstance(read(file), Skipped)


@pytest.mark.parametrize("path", ["missing.py", "missing/deep", "", "a\0b", "x" * 5000, "file/below", "loop"])
def test_a_missing_path_is_one_clear_line(tmp_path: Path, path: str) -> None:
    make(tmp_path, "file")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UsageError) as caught:
        discover([".", path], cwd=tmp_path)
    assert "\n" not in str(caught.value) and str(caught.value).isprintable()
    if path == "missing.py":
        assert str(caught.value) == "missing.py: no such file or directory"


def test_folders_without_anything(tmp_path: Path) -> None:
    assert discover(["."], cwd=tmp_path) == Discovery((), (), (tmp_path,))
    make(tmp_path, "notes.txt")
    assert discover(["."], cwd=tmp_path).files == ()


def test_folders_without_permission_are_skipped(
    tmp_path: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    make(tmp_path, "ok.py", "closed/a.py", "blind/a.py")
    (tmp_path / "closed").chmod(0)
    (tmp_path / "blind").chmod(0o444)
    with unprivileged():
        found = discover([".", "closed/a.py", "closed"], cwd=tmp_path)
        blind = read(found.files[0])
    (tmp_path / "closed").chmod(0o755)
    (tmp_path / "blind").chmod(0o755)
    assert shown(found) == ["blind/a.py", "ok.py"]
    assert blind == Skipped("blind/a.py", "unreadable", "Permission denied")
    assert [(s.path, s.reason) for s in found.skipped] == [
        ("closed", "unreadable"),
        ("closed/a.py", "unreadable"),
    ]


def test_a_great_many_files_are_found_and_read_at_once(tmp_path: Path) -> None:
    for number in range(50):
        folder = tmp_path / f"pkg{number}"
        folder.mkdir()
        for name in range(40):
            (folder / f"m{name}.py").write_bytes(b"import torch\n" * 50)
    (tmp_path / ".gitignore").write_text("__pycache__/\n*.py[cod]\n*.so\n.env\nlogs/*.txt\n" * 20)
    start = time.process_time()
    found = discover(["."], cwd=tmp_path)
    assert sum(isinstance(read(file), Source) for file in found.files) == 2000
    assert time.process_time() - start < 1  # usually 0.05: this only catches something quadratic
