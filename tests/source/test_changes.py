"""Which lines were changed since a revision: by real git, against line sets that are computed on their own."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torchfix_codemods.source.changes import Changes, changed_lines
from torchfix_codemods.source.errors import GitFailed, UsageError

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)
    return os.fsdecode(done.stdout).strip()


def commit(folder: Path, **texts: str) -> str:
    """Write these files (`a_py` is `a.py`), commit all there is, and give the name of the commit."""
    for name, text in texts.items():
        (folder / name.replace("_py", ".py")).write_bytes(text.encode())
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "all", "--allow-empty")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    commit(folder, a_py="".join(f"line {number}\n" for number in range(1, 11)))
    return folder


def touched(changes: Changes, name: str, count: int = 12) -> list[int]:
    """Those of the first lines of a file that were changed."""
    real = Path(os.path.realpath(changes.root / name))
    return [line for line in range(1, count + 1) if changes.touch(real, line, line)]


def since(folder: Path, rev: str = "HEAD", name: str = "a.py") -> list[int]:
    return touched(changed_lines(folder, rev), name)


def edit(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_bytes().decode()
    assert old in text
    (folder / name).write_bytes(text.replace(old, new, 1).encode())


def test_changed_added_and_deleted_lines(repository: Path) -> None:
    assert since(repository) == []
    edit(repository, "a.py", "line 3\n", "line three\n")
    edit(repository, "a.py", "line 6\n", "line 6\nnew\nnewer\n")
    assert since(repository) == [3, 7, 8]


def test_where_lines_are_gone_both_sides_of_the_gap_count(repository: Path) -> None:
    edit(repository, "a.py", "line 5\nline 6\n", "")
    assert since(repository) == [4, 5]
    edit(repository, "a.py", "line 1\n", "")
    assert since(repository) == [1, 3, 4]
    edit(repository, "a.py", "line 10\n", "")
    assert since(repository) == [1, 3, 4, 6, 7]


def test_staged_and_committed_changes_count_like_those_of_the_work_tree(repository: Path) -> None:
    base = git(repository, "rev-parse", "HEAD")
    edit(repository, "a.py", "line 2\n", "two\n")
    commit(repository)
    edit(repository, "a.py", "line 4\n", "four\n")
    git(repository, "add", "a.py")
    edit(repository, "a.py", "line 6\n", "six\n")
    assert since(repository, base) == [2, 4, 6]
    assert since(repository) == [4, 6]


def test_what_others_did_since_is_not_ours(repository: Path) -> None:
    git(repository, "checkout", "-qb", "ours")
    edit(repository, "a.py", "line 9\n", "nine\n")
    commit(repository)
    git(repository, "checkout", "-q", "-")
    edit(repository, "a.py", "line 1\n", "one\n")
    commit(repository, b_py="of others\n")
    trunk = git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "-q", "ours")
    assert since(repository, trunk) == [9]
    git(repository, "merge", "-q", "--no-edit", trunk)
    assert since(repository, trunk) == [9] and since(repository, trunk, "b.py") == []


def test_several_merge_bases_are_no_hindrance(repository: Path) -> None:
    """A criss-cross merge, at which `git diff --merge-base` gives up."""
    for branch, line in (("one", "line 2"), ("two", "line 8")):
        git(repository, "checkout", "-qb", branch, "main" if branch == "two" else "HEAD")
        edit(repository, "a.py", f"{line}\n", f"{branch}\n")
        commit(repository)
    one, two = git(repository, "rev-parse", "one"), git(repository, "rev-parse", "two")
    git(repository, "merge", "-q", "--no-edit", one)
    git(repository, "checkout", "-q", "one")
    git(repository, "merge", "-q", "--no-edit", two)
    assert len(git(repository, "merge-base", "--all", "one", "two").splitlines()) == 2
    edit(repository, "a.py", "line 5\n", "five\n")
    assert 5 in since(repository, "two") and 6 not in since(repository, "two")


def test_untracked_files_are_changed_as_a_whole(repository: Path) -> None:
    (repository / ".gitignore").write_text("ignored.py\n")
    for name in ("new.py", "ignored.py"):
        (repository / name).write_text("x\n")
    git(repository, "rm", "-q", "--cached", "a.py")
    for name in ("new.py", "ignored.py", "a.py"):
        assert since(repository, name=name) == list(range(1, 13))
    git(repository, "add", "new.py")
    assert since(repository, name="new.py") == [1]


def test_a_renamed_file_is_compared_with_what_it_was(repository: Path) -> None:
    (repository / "sub").mkdir()
    git(repository, "mv", "a.py", "sub/b.py")
    assert since(repository, name="sub/b.py") == []
    edit(repository, "sub/b.py", "line 3\n", "three\n")
    assert since(repository, name="sub/b.py") == [3]


def test_a_file_without_a_final_newline(repository: Path) -> None:
    commit(repository, a_py="one\ntwo")
    edit(repository, "a.py", "two", "two\n")
    assert since(repository) == [2]
    commit(repository)
    (repository / "a.py").write_text("one\ntwo\nthree")
    assert since(repository) == [3]


def test_content_that_looks_like_a_patch(repository: Path) -> None:
    commit(repository, a_py="1\n2\n3\n", b_py="1\n2\n3\n")
    (repository / "a.py").write_text("1\n++ b/b.py\n@@ -1 +3 @@\n-- a/b.py\ndiff --git a/b.py b/b.py\n\\ x\n2\nthree\n")
    assert since(repository) == [2, 3, 4, 5, 6, 8] and since(repository, name="b.py") == []


HOSTILE = (
    *("a b.py", "été.py", 'q"uote.py', "tab\there.py", "line\nbreak.py", "back\\slash.py", "[x].py", "*.py", "-x.py"),
    *(":(top)x.py", "\x7f\x01.py", "bad\udcff.py", "b/b/b.py", " lead.py", "d/a b\t.py"),
)


def test_hostile_names(repository: Path) -> None:
    for name in HOSTILE:
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("1\n2\n3\n")
    commit(repository)
    for number, name in enumerate(HOSTILE):
        (repository / name).write_text(("1\n2\n3\n").replace(f"{number % 3 + 1}\n", "new\n"))
    changes = changed_lines(repository, "HEAD")
    assert {name: touched(changes, name) for name in HOSTILE} == {
        name: [number % 3 + 1] for number, name in enumerate(HOSTILE)
    }


def test_files_of_other_names_are_looked_at_when_they_are_asked_for(repository: Path) -> None:
    (repository / "run [1]").write_text("1\n2\n")
    commit(repository)
    (repository / "run [1]").write_text("1\nnew\n")
    real = Path(os.path.realpath(repository / "run [1]"))
    assert not changed_lines(repository, "HEAD").touch(real, 1, 2)
    changes = changed_lines(repository, "HEAD", [real])
    assert changes.touch(real, 2, 2) and not changes.touch(real, 1, 1)


def test_submodules_nested_repositories_and_links(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(repository), "other")
    git(repository, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(tmp_path / "other"), "module")
    (repository / "link.py").symlink_to("a.py")
    commit(repository)
    edit(repository, "module/a.py", "line 3\n", "three\n")
    commit(repository / "module")
    (repository / "link.py").unlink()
    (repository / "link.py").symlink_to("./a.py")
    assert since(repository, name="module/a.py") == []
    assert since(repository, name="link.py") == []
    edit(repository, "a.py", "line 3\n", "three\n")
    assert since(repository, name="link.py") == [3]  # what it leads to
    assert since(repository / "module", "HEAD~1") == [3]


def test_files_outside_of_the_repository_are_changed_as_a_whole(repository: Path, tmp_path: Path) -> None:
    changes = changed_lines(repository, "HEAD")
    assert changes.touch(Path(os.path.realpath(tmp_path)) / "x.py", 1, 1)


def test_other_work_trees_and_folders_below_the_top(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", str(tmp_path / "second"))
    edit(tmp_path / "second", "a.py", "line 3\n", "three\n")
    (tmp_path / "second/sub").mkdir()
    assert since(tmp_path / "second/sub") == [3] and since(repository) == []


@pytest.mark.parametrize("converted", ["autocrlf", "attributes"])
def test_carriage_returns(repository: Path, converted: str) -> None:
    if converted == "autocrlf":
        git(repository, "config", "core.autocrlf", "true")
    else:
        (repository / ".gitattributes").write_text("*.py text eol=crlf\n")
    crlf = (repository / "a.py").read_text().replace("\n", "\r\n")
    (repository / "a.py").write_bytes(crlf.encode())
    git(repository, "add", "--renormalize", "-A")
    assert since(repository) == []
    edit(repository, "a.py", "line 3\r\n", "three\r\n")
    assert since(repository) == [3]


def test_a_lone_carriage_return_ends_no_line_of_git(repository: Path) -> None:
    commit(repository, a_py="1\n2\r2\r2\n3\n")
    edit(repository, "a.py", "2\r2\r2\n", "2\r2\r4\n")
    assert since(repository) == [2]


def test_settings_and_attributes_that_bend_diffs(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bent = {
        "diff.noprefix": "true",
        "diff.mnemonicPrefix": "true",
        "diff.interHunkContext": "9",
        "diff.context": "7",
        "diff.relative": "true",
        "diff.renames": "false",
        "diff.colorMoved": "zebra",
        "color.ui": "always",
        "core.quotePath": "false",
        "diff.external": "false",
        "diff.broken.textconv": "false",
        "diff.broken.command": "false",
    }
    for key, value in bent.items():
        git(repository, "config", key, value)
    (repository / ".gitattributes").write_text("a.py diff=broken\nb.py -diff\nc.py binary\n")
    text = (repository / "a.py").read_text()
    commit(repository, b_py=text, c_py=text)
    monkeypatch.setenv("GIT_DIFF_OPTS", "--unified=5")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    monkeypatch.setenv("GIT_LITERAL_PATHSPECS", "1")
    for name in ("a.py", "b.py", "c.py"):
        edit(repository, name, "line 3\n", "three\n")
        edit(repository, name, "line 6\n", "six\n")
        assert since(repository, name=name) == [3, 6]


def test_no_filter_is_run_and_what_it_changes_counts_as_a_whole(repository: Path, tmp_path: Path) -> None:
    """As nbstripout is set up: git keeps other lines than the work tree has."""
    strip = tmp_path / "strip.sh"
    strip.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\ngrep -v output\n")
    strip.chmod(0o755)
    git(repository, "config", "filter.strip.clean", str(strip))
    git(repository, "config", "filter.strip.required", "true")
    (repository / ".gitattributes").write_text("n.py filter=strip\n")
    base = commit(repository)
    (repository / "n.py").write_text("output\noutput\ncode\n")
    os.utime(repository / "n.py", (1, 1))  # git looks into files that are as young as its index
    commit(repository)
    assert (tmp_path / "ran").exists()
    (tmp_path / "ran").unlink()
    assert since(repository, base, "n.py") == list(range(1, 13))
    assert since(repository, "HEAD", "n.py") == []
    (repository / "n.py").write_text("output\nother code\n")
    assert since(repository, "HEAD", "n.py") == list(range(1, 13))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "rev", ["", " ", "-x", "--output=x", "nope", "HEAD..HEAD", "^HEAD", "HEAD^{tree}", "a\0b", "a\nb"]
)
def test_no_revision(repository: Path, rev: str) -> None:
    with pytest.raises(UsageError) as caught:
        changed_lines(repository, rev)
    assert str(caught.value).startswith("--since ") and "\n" not in str(caught.value)
    assert not (repository / "x").exists()


def said_of(folder: Path, rev: str) -> str:
    with pytest.raises(UsageError) as caught:
        changed_lines(folder, rev)
    return str(caught.value).removeprefix(f"--since {rev}: ")


NOT_HERE = "there is no such commit in this clone"


def test_a_shallow_clone_of_one_branch_says_how_to_fetch(repository: Path, tmp_path: Path) -> None:
    """What is said is done, and helps."""
    git(repository, "tag", "v1")
    git(repository, "checkout", "-qb", "topic")
    commit(repository, b_py="x\n")
    clone = tmp_path / "shallow"
    for rev in ("origin/main", "main", "v1"):
        shutil.rmtree(clone, ignore_errors=True)
        git(tmp_path, "clone", "-q", "--depth=1", "--branch=topic", f"file://{repository}", "shallow")
        told = re.fullmatch(
            rf"{NOT_HERE} \(the clone is shallow: `git (.*)`, in a .* `fetch-depth: 0`\)", said_of(clone, rev)
        )
        assert told is not None
        git(clone, *told[1].split())
        assert since(clone, rev, "b.py") == [1]


def test_a_whole_clone_of_one_branch_says_how_to_fetch(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "-qb", "topic")
    commit(repository, b_py="x\n")
    git(tmp_path, "clone", "-q", "--single-branch", str(repository), "clone")
    clone = tmp_path / "clone"
    told = re.fullmatch(rf"{NOT_HERE} \(fetch it first: `git (.*)`\)", said_of(clone, "origin/main"))
    assert told is not None
    git(clone, *told[1].split())
    assert since(clone, "origin/main", "b.py") == [1]


def test_a_history_that_is_cut_off(repository: Path, tmp_path: Path) -> None:
    for number in range(3):
        last = commit(repository, b_py=f"{number}\n")
    first = git(repository, "rev-parse", "HEAD~2")
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repository}", "shallow")
    clone = tmp_path / "shallow"
    cure = " (the clone is shallow: `git fetch --unshallow`, in a workflow `fetch-depth: 0`)"
    for rev in ("HEAD~2", first, first[:9], "v1^", f"{last}~1"):
        assert said_of(clone, rev) == NOT_HERE + cure
    git(clone, "fetch", "-q", "--depth=1", str(repository), f"{first}:other")
    assert said_of(clone, "other") == "it has no commit in common with HEAD" + cure
    git(clone, "fetch", "-q", "--unshallow")
    assert since(clone, "HEAD~2", "b.py") == [1]


def test_what_stands_for_no_commit_is_named(repository: Path) -> None:
    git(repository, "tag", "-a", "folder", "-m", "all", "HEAD^{tree}")
    for rev in ("HEAD^{tree}", "folder"):
        assert said_of(repository, rev) == "it is a tree, no commit"
    assert said_of(repository, "HEAD:a.py") == "it is a blob, no commit"
    assert said_of(repository, "folder^{commit}") == "expected commit type, but the object dereferences to tree type"
    for rev in ("HEAD..HEAD", "^HEAD"):
        assert said_of(repository, rev) == "that is a range, no single commit"


def test_the_reason_is_that_of_git_where_it_gives_one(repository: Path) -> None:
    assert said_of(repository, "HEAD@{5}") == "log for 'HEAD' only has 1 entries"
    assert said_of(repository, "@{u}") == "no upstream configured for branch 'main'"
    assert said_of(repository, ":/no such words") == "no commit has a message like that"
    assert touched(changed_lines(repository, ":/all"), "a.py") == []


@pytest.mark.parametrize("rev", ["HEAD~1", "HEAD^2", "0" * 40, "abcdef0", "@{-1}", "HEAD:none.py", "a b", "x..y"])
def test_no_fetch_is_told_where_it_would_not_help(repository: Path, rev: str) -> None:
    assert said_of(repository, rev) == NOT_HERE


def test_an_annotated_tag_is_its_commit(repository: Path) -> None:
    git(repository, "tag", "-a", "v1", "-m", "one")
    edit(repository, "a.py", "line 3\n", "three\n")
    assert since(repository, "v1") == [3]


def test_unrelated_histories(repository: Path) -> None:
    git(repository, "checkout", "-q", "--orphan", "other")
    commit(repository, b_py="x\n")
    with pytest.raises(UsageError, match=r"no commit in common with HEAD$"):
        changed_lines(repository, "main")


def test_no_repository_no_git_and_no_commit(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="is in no git repository"):
        changed_lines(tmp_path, "HEAD")
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    with pytest.raises(UsageError, match="no such commit"):
        changed_lines(empty, "HEAD")
    (repository / ".git/index").write_bytes(b"damaged")
    with pytest.raises(GitFailed, match=r"^git diff in "):
        changed_lines(repository, "HEAD")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="git was not found"):
        changed_lines(repository, "HEAD")


START = st.sampled_from(["a", "++ b/b", "-- a/a.py", "@@ -1 +1 @@ ", "\\ No newline at end of file", "\r", "é "])
STEP = st.tuples(st.integers(0, 12), st.integers(0, 4), st.lists(START, max_size=3))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("random")
    git(folder, "init", "-q")
    return folder


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    starts=st.lists(START, max_size=12),
    steps=st.lists(STEP, max_size=4),
    ends=st.tuples(st.booleans(), st.booleans()),
)
def test_random_edits(
    scratch: Path, starts: list[str], steps: list[tuple[int, int, list[str]]], ends: tuple[bool, bool]
) -> None:
    """No line stands twice, so there is one right answer, whatever git's idea of a good patch is."""
    before = [f"{start}{number}\n" for number, start in enumerate(starts)]
    lines = list(before)
    for number, (first, count, new) in enumerate(steps):
        lines[first : first + count] = [f"{start}new {number} {place}\n" for place, start in enumerate(new)]
    for text, whole in zip((before, lines), ends, strict=True):
        if text and not whole:
            text[-1] = text[-1].removesuffix("\n")
    commit(scratch, a_py="".join(before))
    (scratch / "a.py").write_bytes("".join(lines).encode())
    os.utime(scratch / "a.py", (1, 1))  # else a file of the same size may look unchanged within one tick of the clock
    assert since(scratch) == [number for number in sorted(expected(before, lines)) if number <= 12]


def expected(before: Sequence[str], lines: Sequence[str]) -> set[int]:
    """The new lines, and those beside a gap: where two neighbours (or an end of the file) were none before."""
    places: list[int | None] = [before.index(line) if line in before else None for line in lines]
    around = [-1, *places, len(before)]
    found = {number for number, place in enumerate(places, 1) if place is None}
    for number, (left, right) in enumerate(itertools.pairwise(around)):
        if left is not None and right is not None and right != left + 1:
            found |= {max(number, 1), number + 1}
    return found
