"""Copies of a project: complete where a program writes, links where it is large, and no way to the original."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.verify.sandbox import copy
from torchfix_codemods.verify.sandbox.sandbox import Sandbox

NAMES = st.sampled_from(["a", "b.py", "c", "ä.txt", "data"])
PLACES = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


def make(folder: Path, files: dict[str, str]) -> Path:
    for place, text in files.items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def state(folder: Path) -> dict[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder).as_posix()
        found[place] = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "folder"
    return found


def copied(project: Path, **options: object) -> Path:
    target = Path(tempfile.mkdtemp(dir=project.parent)) / "copy"
    entries = copy.survey(project, without=project.parent / "none", **options)
    copy.lay_out(project, entries, target)
    return target


def test_what_is_copied_and_what_is_left_out(tmp_path: Path):
    files = {"train.py": "1", "models/net.py": "2", "models/__pycache__/net.pyc": "x", ".git/HEAD": "x", ".env": "A=1"}
    files |= {
        "env/pyvenv.cfg": "x",
        "env/lib/x.py": "x",
        "venv/x.py": "x",
        "build/lib/x.py": "3",
        "node_modules/x": "x",
    }
    project = make(tmp_path / "project", files)
    os.mkfifo(project / "pipe")
    (project / "run.sh").write_text("x")
    (project / "run.sh").chmod(0o555)
    os.utime(project / "train.py", (1, 1))
    copy_of_it = copied(project)
    places = {path for path, what in state(copy_of_it).items() if what != "folder"}
    assert os.readlink(copy_of_it / ".git") == str(project / ".git")  # programs ask for the commit
    assert places - {".git"} == {"train.py", "models/net.py", ".env", "build/lib/x.py", "run.sh"}
    assert (copy_of_it / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (copy_of_it / "train.py").stat().st_mtime == 1
    assert (copy_of_it / "train.py").stat().st_ino != (project / "train.py").stat().st_ino


def test_large_things_are_links_and_code_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(copy, "_LARGE_FOLDER", 100)
    monkeypatch.setattr(copy, "_LARGE_FILE", 50)
    monkeypatch.setattr(copy, "_MANY_FILES", 5)
    files = {"train.py": "1", "data/loader.py": "2", "small/x": "1" * 40, "model.pth": "1" * 60}
    files |= {f"data/train/{i}.txt": "1" * 40 for i in range(3)}
    files |= {f"many/{i // 3}/{i}.txt": "1" for i in range(9)}
    project = make(tmp_path / "project", files)
    copy_of_it = copied(project, linked=["small/x"])
    found = state(copy_of_it)
    links = {place for place in found if (copy_of_it / place).is_symlink()}
    assert links == {"data/train", "many", "model.pth", "small/x"}
    assert (copy_of_it / "data/train/2.txt").read_text() == "1" * 40


def test_links(tmp_path: Path):
    project = make(tmp_path / "project", {"lib/net.py": "net", "a/b.py": "1", "../outside/data.txt": "data"})
    (project / "inside").symlink_to("lib")
    (project / "a" / "absolute").symlink_to(project / "lib" / "net.py")
    (project / "data").symlink_to("../outside")
    (project / "broken").symlink_to("nowhere")
    (project / "loop").symlink_to(".")
    copy_of_it = copied(project)
    assert os.path.realpath(copy_of_it / "inside" / "net.py") == str(copy_of_it / "lib" / "net.py")
    assert os.path.realpath(copy_of_it / "a" / "absolute") == str(copy_of_it / "lib" / "net.py")
    assert (copy_of_it / "data" / "data.txt").read_text() == "data"
    assert (copy_of_it / "broken").is_symlink() and (copy_of_it / "loop" / "a").is_dir()


def test_texts_never_go_through_a_link(tmp_path: Path):
    project = make(tmp_path / "project", {"train.py": "1", "../shared/net.py": "net", "../shared/other.py": "other"})
    (project / "shared").symlink_to("../shared")
    (project / "one.py").symlink_to("../shared/net.py")
    copy_of_it = copied(project)
    copy.put(copy_of_it, {"shared/net.py": b"new", "one.py": b"one", "made/of/new.py": b"made"})
    assert (copy_of_it / "shared" / "net.py").read_bytes() == b"new"
    assert (copy_of_it / "shared" / "other.py").read_bytes() == b"other"
    assert (copy_of_it / "one.py").read_bytes() == b"one"
    assert (tmp_path / "shared" / "net.py").read_text() == "net"
    for bad in ("../x", "/x", "a/../../x", ""):
        with pytest.raises(ValueError, match="not below"):
            copy.put(copy_of_it, {bad: b""})


@settings(max_examples=60, deadline=None)
@given(st.sets(PLACES, max_size=6), st.lists(st.tuples(PLACES, PLACES), max_size=3), st.sets(PLACES, max_size=3))
def test_the_original_stays_whatever_the_links(files: set[str], links: list[tuple[str, str]], texts: set[str]):
    """Links anywhere, to anywhere inside or beside the project; the copy can be written all over."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(os.path.realpath(folder)) / "project"
        project.mkdir()
        make(Path(folder) / "beside", {"a": "a", "c/b.py": "b"})
        for place in files:
            if not any(parent.is_file() for parent in (project / place).parents) and not (project / place).exists():
                make(project, {place: place})
        for place, target in links:
            path = project / place
            if path.parent.is_dir() and not os.path.lexists(path):
                path.symlink_to(os.path.join("../" * (place.count("/") + 1), "beside" if target == "a" else target))
        before = state(Path(folder))
        copy_of_it = copied(project)
        for place in texts:
            try:
                copy.put(copy_of_it, {place: b"new"})
            except OSError:  # a folder is there, or a file instead of a folder
                continue
            assert (copy_of_it / place).read_bytes() == b"new"
        after = state(Path(folder))
        assert {place: what for place, what in after.items() if not place.startswith("tmp")} == before


def test_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(copy, "_MOST_FILES", 3)
    project = make(tmp_path / "project", {f"src/{i}.py": "" for i in range(4)} | {"x/1.py": ""})
    with pytest.raises(UsageError, match=r"5 files of 0 MiB are too much to copy .*\(most of them in src, x\)"):
        copied(project)


def test_variants_are_apart_and_find_data_above_the_project(tmp_path: Path):
    project = make(tmp_path / "a" / "b" / "project", {"train.py": "1", "data/x.csv": "1", "../../data/y.csv": "2"})
    make(project, {"venv/kept.txt": "kept"})
    (tmp_path / "far.csv").write_text("far")
    files = ["data", "../../data", "venv/kept.txt", str(tmp_path / "far.csv"), "/usr"]
    with Sandbox(project, layer="audit-hook", files=files) as sandbox:
        one = sandbox.variant("one thing!", {"train.py": b"2"})
        two = sandbox.variant("one thing!", {})
        assert one != two and one.name == two.name == "project"
        assert len(one.relative_to(sandbox.folder).parts) >= 4
        assert (one / "train.py").read_text() == "2" and (two / "train.py").read_text() == "1"
        assert (one / "data").is_symlink() and (one / "data/x.csv").read_text() == "1"
        assert (one / "../../data/y.csv").read_text() == "2"
        assert (one / "venv/kept.txt").read_text() == "kept"
    assert (project / "data" / "x.csv").exists() and (tmp_path / "far.csv").exists()


def test_a_sandbox_inside_the_project_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    project = make(tmp_path / "project", {"train.py": "1", "tmp/x": "x"})
    monkeypatch.setattr(tempfile, "tempdir", str(project / "tmp"))
    with Sandbox(project, layer="audit-hook") as sandbox:
        sandbox.variant("one", {})
        assert list(state(sandbox.variant("two", {}))) == ["tmp", "tmp/x", "train.py"]
