"""New commits: the same everywhere, of exactly what was asked for, and nothing of the clone is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from git_clones import commit_all, everything_in, git, make_clone, write
from hostile_settings import Traces, bend_commits, plant_programs
from hypothesis import given, settings
from hypothesis import strategies as st

from torchfix_codemods.delivery.git.repository import Repository
from torchfix_codemods.source.errors import GitFailed, WriteRefused

pytestmark = pytest.mark.usefixtures("home")

MESSAGE = "torchfix TFC101: drop softmax\n\ntée\n# not a comment\n\nTorchfix-Rule: TFC101\n"


@pytest.fixture
def clone(tmp_path: Path, home: Path) -> Path:
    return make_clone(
        tmp_path / "clone", {"a.py": b"x = 1\n", "run.py": b"#!x\n", ".gitattributes": b"*.py filter=f\n"}
    )


def made(clone: Path) -> tuple[Repository, str]:
    repository = Repository(clone)
    return repository, repository.commit(repository.head(), {"a.py": b"x = 2\r\n", "run.py": b"#!y\n"}, MESSAGE)


def test_a_commit_is_what_was_asked_for_to_the_byte(clone: Path) -> None:
    repository, sha = made(clone)
    head = repository.head()
    who = "github-actions[bot] <41898282+github-actions[bot]@users.noreply.github.com>"
    date = git(clone, "log", "-1", "--format=%cd", "--date=raw")
    tree = repository.read(sha).tree
    expected = f"tree {tree}\nparent {head}\nauthor {who} {date}\ncommitter {who} {date}\n\n{MESSAGE}"
    assert repository.side.git("cat-file", "commit", sha).decode() == expected
    listed = repository.side.git("ls-tree", "-r", sha).decode().split("\n")
    assert [(line.split()[0], line.rpartition("\t")[2]) for line in listed if line] == [
        *(("100644", ".gitattributes"), ("100644", "a.py"), ("100755", "run.py"))
    ]
    contents = [repository.side.git("cat-file", "blob", f"{sha}:{name}") for name in ("a.py", "run.py")]
    assert contents == [b"x = 2\r\n", b"#!y\n"]


def test_the_tree_is_the_one_that_git_makes_of_these_files(tmp_path: Path, home: Path) -> None:
    clone = make_clone(tmp_path / "plain")
    repository = Repository(clone)
    files = {"a.py": b"x = 2\n", "run.py": b"#!/bin/sh\n", "pkg/b.py": b""}
    sha = repository.commit(repository.head(), files, "m")
    write(clone, files)
    commit_all(clone)
    assert repository.read(sha).tree == git(clone, "rev-parse", "HEAD^{tree}")


@pytest.mark.parametrize("scope", [(), ("--global",)], ids=["clone", "person"])
def test_no_setting_and_no_program_has_a_part_in_it(
    tmp_path: Path, clone: Path, monkeypatch: pytest.MonkeyPatch, scope: tuple[str, ...]
) -> None:
    expected = made(clone)[1]
    traces = Traces(tmp_path / "traces")
    plant_programs(clone, traces, *scope)
    bend_commits(clone, *scope)
    misleading = {"AUTHOR_NAME": "Eve", "COMMITTER_DATE": "1 +0000", "DIR": "/x", "INDEX_FILE": "/x", "WORK_TREE": "/x"}
    for name, value in misleading.items():
        monkeypatch.setenv(f"GIT_{name}", value)
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    before = everything_in(clone)
    _, sha = made(clone)
    assert sha == expected
    assert everything_in(clone) == before
    assert traces.ran == []


def test_the_programs_of_the_test_do_run_for_an_ordinary_commit(
    tmp_path: Path, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the test above would say nothing."""
    traces = Traces(tmp_path / "traces")
    plant_programs(clone, traces)
    write(clone, {"a.py": b"x = 2\n"})
    commit_all(clone)
    expected = ("fsmonitor", "process", "path-post-index-change", "path-pre-commit", "path-reference-transaction")
    assert {f"clone-{name}" for name in expected} <= set(traces.ran)


def test_one_commit_on_another(clone: Path) -> None:
    repository, first = made(clone)
    second = repository.commit(first, {"a.py": b"x = 3\n"}, "second")
    assert [commit.sha for commit in repository.commits(repository.head(), second)] == [second, first]
    assert repository.commit_date(second) == repository.commit_date(repository.head())
    assert repository.side.git("cat-file", "blob", f"{second}:run.py") == b"#!y\n"
    assert repository.is_ancestor(repository.head(), second)


def test_without_files_the_tree_is_the_parents(clone: Path) -> None:
    repository = Repository(clone)
    sha = repository.commit(repository.head(), {}, "empty")
    assert repository.read(sha).tree == repository.read(repository.head()).tree


@pytest.mark.parametrize(
    "path",
    [
        *("", ".", "..", "/a.py", "./a.py", "../a.py", "pkg/../a.py", "pkg//b.py", "pkg/", "a.py/", "a.py\0", "\\a.py"),
        *("pkg\\b.py", "..\\a.py", ".git/config", ".GIT/config", "pkg/.git/x.py", ".github/x.py", ".GitHub/x.py"),
        *(".github/workflows/ci.yml", "new.py", "pkg", "link.py", "sub", "sub/a.py", "linked/b.py", "A.py"),
    ],
)
def test_paths_that_are_never_written(never: tuple[Repository, Path], path: str) -> None:
    repository, clone = never
    with pytest.raises(WriteRefused) as caught:
        repository.commit(repository.head(), {"a.py": b"x = 2\n", path: b"x = 2\n"}, "m")
    assert str(caught.value).isprintable()
    assert repository.committable(path, b"x = 1\n", b"x = 2\n") is None
    assert not (clone.parent / "a.py").exists()


@pytest.fixture(scope="module")
def never(tmp_path_factory: pytest.TempPathFactory) -> tuple[Repository, Path]:
    """A repository that tracks links, a submodule, workflows, and a backslash in a name."""
    files = {
        "a.py": b"x = 1\n",
        "pkg/b.py": b"",
        "pkg\\b.py": b"",
        ".github/x.py": b"",
        ".github/workflows/ci.yml": b"",
    }
    clone = make_clone(tmp_path_factory.mktemp("never") / "clone", files)
    inner = make_clone(clone.parent / "inner")
    (clone / "link.py").symlink_to("a.py")
    (clone / "linked").symlink_to("pkg")
    git(clone, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "sub")
    commit_all(clone)
    return Repository(clone), clone


NAMES = st.text(st.characters(exclude_characters="/\0\\", exclude_categories=["Cs"]), min_size=1, max_size=20)


@settings(max_examples=10, deadline=None)
@given(names=st.sets(NAMES.filter(lambda name: len(name.encode()) < 200), min_size=1, max_size=5))
def test_any_name_of_a_file_is_only_a_name(tmp_path_factory: pytest.TempPathFactory, names: set[str]) -> None:
    names = {name for name in names if name.casefold() not in (".", "..", ".git", ".gitattributes", ".gitmodules")}
    clone = make_clone(tmp_path_factory.mktemp("names") / "clone", {"a.py": b"", **{f"d/{n}": b"1\n" for n in names}})
    tracked = git(clone, "ls-files", "-z").split("\0")
    files = {name: name.encode() for name in tracked if name.startswith("d/")}
    repository = Repository(clone)
    sha = repository.commit(repository.head(), files, "m")
    changed = repository.side.git("diff-tree", "-r", "-z", "--name-only", repository.head(), sha)
    assert set(changed.decode().split("\0")) - {""} == set(files)
    for path, entry in repository.tracked(files, sha).items():
        assert repository.blob(entry.blob) == path.encode()


def test_odd_messages(clone: Path) -> None:
    repository = Repository(clone)
    with pytest.raises(GitFailed, match="NUL"):
        repository.commit(repository.head(), {}, "a\0b")
    named = repository.commit(repository.head(), {}, "bad\udcff.py\r\n\n  -- \n")
    assert repository.read(named).message == "bad?.py\r\n\n  -- \n"
