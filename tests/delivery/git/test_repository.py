"""What a repository says of itself: HEAD, its files, its history."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from git_clones import commit_all, everything_in, git, make_clone, write

from torchfix_codemods.delivery.git.objects import Tracked
from torchfix_codemods.delivery.git.repository import Repository
from torchfix_codemods.source.errors import GitFailed

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def clone(tmp_path: Path, home: Path) -> Path:
    return make_clone(tmp_path / "clone")


def test_head_its_date_and_its_files(clone: Path) -> None:
    repository = Repository(clone)
    assert repository.head() == git(clone, "rev-parse", "HEAD")
    assert repository.commit_date(repository.head()) == git(clone, "log", "-1", "--format=%cd", "--date=raw")
    tracked = repository.tracked(["run.py", "pkg/b.py", "pkg", "new.py", "", "../a.py", "/a.py", "*.py", ":(top)a.py"])
    assert tracked == {
        "pkg/b.py": Tracked("100644", git(clone, "rev-parse", "HEAD:pkg/b.py")),
        "run.py": Tracked("100755", git(clone, "rev-parse", "HEAD:run.py")),
    }
    assert repository.blob(tracked["pkg/b.py"].blob) == b"y = 1\n"


def test_links_and_submodules_are_no_plain_files(tmp_path: Path, clone: Path) -> None:
    inner = make_clone(tmp_path / "inner")
    (clone / "link.py").symlink_to("a.py")
    git(clone, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "sub.py")
    commit_all(clone)
    names = ["link.py", "sub.py", "sub.py/a.py", "a.py"]
    assert list(Repository(clone).tracked(names)) == ["a.py"]


def test_many_files_and_odd_names(clone: Path) -> None:
    names = [f"{'n' * 100}{number}.py" for number in range(450)]
    odd = [
        "with space.py",
        "tab\t.py",
        "line\nbreak.py",
        "-d.py",
        "*.py",
        ":(glob)x.py",
        'q"q.py',
        os.fsdecode(b"\xff.py"),
    ]
    write(clone, {name: name.encode("utf-8", "surrogateescape") for name in [*names, *odd]})
    commit_all(clone)
    repository = Repository(clone)
    tracked = repository.tracked([*names, *odd])
    assert set(tracked) == {*names, *odd}
    assert {repository.blob(tracked[name].blob) for name in odd} == {os.fsencode(name) for name in odd}


@pytest.mark.parametrize("how", ["autocrlf", "attributes"])
def test_other_line_ends_in_the_work_tree_are_clean(tmp_path: Path, home: Path, how: str) -> None:
    attributes = {".gitattributes": b"*.py text eol=crlf\n"} if how == "attributes" else {}
    clone = make_clone(tmp_path / "crlf", {"a.py": b"x = 1\ny = 1\n", **attributes})
    git(clone, "config", "core.autocrlf", "true" if how == "autocrlf" else "false")
    (clone / "a.py").unlink()
    git(clone, "checkout", "-q", "a.py")
    raw = (clone / "a.py").read_bytes()
    assert raw == b"x = 1\r\ny = 1\r\n"
    repository = Repository(clone)
    assert repository.committable("a.py", raw, raw.replace(b"x = 1", b"x = 2")) == b"x = 2\ny = 1\n"


def test_a_filter_is_not_run_and_its_files_are_left_alone(tmp_path: Path, clone: Path) -> None:
    for way in ("clean", "smudge"):
        git(clone, "config", f"filter.lfs.{way}", "sed s/1/2/" if way == "clean" else "sed s/2/1/")
    write(clone, {".gitattributes": b"big.py filter=lfs\n", "big.py": b"x = 1\n"})
    commit_all(clone)
    for way in ("clean", "smudge", "process"):
        git(clone, "config", f"filter.lfs.{way}", f"touch {tmp_path}/ran-{way}; cat")
    repository = Repository(clone)
    assert repository.tracked(["big.py"])
    assert repository.committable("big.py", b"x = 1\n", b"x = 3\n") is None
    assert repository.commit(repository.head(), {"big.py": b"x = 3\n"}, "by id only")
    assert list(tmp_path.glob("ran-*")) == []


@pytest.mark.parametrize("path", ["new.py", "pkg", ".github/x.py", ".git/config", "../a.py"])
def test_what_can_not_be_committed(clone: Path, path: str) -> None:
    write(clone, {".github/x.py": b"x = 1\n"})
    commit_all(clone)
    assert Repository(clone).committable(path, b"x = 1\n", b"x = 2\n") is None


def test_history(clone: Path) -> None:
    first = git(clone, "rev-parse", "HEAD")
    git(clone, "checkout", "-qb", "side")
    write(clone, {"c.py": b"z = 1\n"})
    second = commit_all(clone, "second\n\nTorchfix-Rule: TFC101")
    git(clone, "checkout", "-q", "main")
    write(clone, {"a.py": b"x = 2\n"})
    third = commit_all(clone, "third")
    git(clone, "merge", "-q", "--no-edit", "side")
    merge = git(clone, "rev-parse", "HEAD")
    repository = Repository(clone)
    assert repository.is_ancestor(first, second) and not repository.is_ancestor(second, third)
    assert not repository.is_ancestor("0" * 40, merge) and not repository.is_ancestor(first, "main")
    assert repository.has(first) and not repository.has("f" * 40) and not repository.has("HEAD")
    assert {commit.sha for commit in repository.commits(first, merge)} == {second, third, merge}
    assert repository.commits(first, merge)[0].parents == (third, second)
    read = repository.read(second)
    assert (read.author.name, read.committer.mail, read.parents) == ("Ada", "ada@example.com", (first,))
    assert read.message == "second\n\nTorchfix-Rule: TFC101\n"
    assert repository.merged_tree(third, second) == git(clone, "rev-parse", f"{merge}^{{tree}}")


def test_a_merge_with_a_conflict_has_no_tree(clone: Path) -> None:
    tips = []
    for value in (b"x = 2\n", b"x = 3\n"):
        git(clone, "checkout", "-q", "--detach", "main")
        write(clone, {"a.py": value})
        tips.append(commit_all(clone))
    assert Repository(clone).merged_tree(*tips) is None


@pytest.mark.parametrize("zone, read", [("+0530", "+0530"), ("-0000", "+0000"), ("+051800", "+0000"), ("UTC", "+0000")])
def test_odd_zones_of_old_commits(clone: Path, zone: str, read: str) -> None:
    tree = git(clone, "rev-parse", "HEAD^{tree}")
    who = f"É <e@x> 86400 {zone}".encode("latin-1")
    content = b"tree %s\nauthor %s\ncommitter %s\nencoding latin-1\n\nold\n" % (tree.encode(), who, who)
    sha = git(clone, "hash-object", "-w", "-t", "commit", "--literally", "--stdin", given=content)
    repository = Repository(clone)
    assert repository.commit_date(sha) == f"86400 {read}"
    made = repository.commit(sha, {"a.py": b"x = 2\n"}, "on an old one")
    assert repository.read(made).committer.date == f"86400 {read}"


@pytest.mark.parametrize("odd", ["HEAD", "main", "--output=x", "", "0" * 40, "abc"])
def test_only_ids_of_what_is_there(clone: Path, odd: str) -> None:
    repository = Repository(clone)
    for ask in (repository.read, repository.blob, lambda sha: repository.commits(sha, sha)):
        with pytest.raises(GitFailed) as caught:
            ask(odd)
        assert str(caught.value).isprintable()


def test_nothing_of_the_clone_changes_and_the_temporary_folder_goes(clone: Path) -> None:
    os.utime(clone / "a.py", (1, 1))  # an index that git would like to refresh
    before = everything_in(clone)
    repository = Repository(clone)
    folder = repository.side.folder
    repository.commit(repository.head(), {"a.py": b"x = 2\n"}, "m")
    assert everything_in(clone) == before and folder.is_dir()
    del repository
    assert not folder.exists()


def test_nothing_complains_of_the_borrowed_objects(clone: Path) -> None:
    """Git asks the lender for its refs by a program, which must be there."""
    ran = Repository(clone).side.run("rev-list", "--alternate-refs", "--count", git(clone, "rev-parse", "HEAD"))
    assert (ran.code, ran.err) == (0, b"")


def test_what_differs_between_two_commits(clone: Path) -> None:
    first = git(clone, "rev-parse", "HEAD")
    write(clone, {"a.py": b"x = 2\n", "d/line\nbreak.py": b""})
    git(clone, "mv", "run.py", "ran.py")
    second = commit_all(clone)
    repository = Repository(clone)
    assert set(repository.changed(first, second)) == {"a.py", "d/line\nbreak.py", "run.py", "ran.py"}
    assert repository.changed(first, first) == ()


def test_where_history_is_cut(tmp_path: Path, clone: Path) -> None:
    """A branch of five commits on a base of two; of each, three are there at most, then all."""
    commit_all(clone, "base")
    git(clone, "checkout", "-q", "-b", "long")
    for number in range(5):
        commit_all(clone, f"commit {number}")
    cut = tmp_path / "cut"
    git(tmp_path, "clone", "-q", "--depth=3", "--no-single-branch", f"file://{clone}", str(cut))
    base, tip, root = (git(clone, "rev-parse", name) for name in ("main", "long", "main~1"))
    side = Repository(cut).side
    assert side.is_cut(tip, base) and not side.is_cut(base, base) and not side.is_cut(root, base)
    git(cut, "fetch", "-q", "--unshallow")
    assert not Repository(cut).side.is_cut(tip, base) and not Repository(clone).side.is_cut(tip, base)


def test_a_template_for_new_repositories_is_none_for_ours(tmp_path: Path, clone: Path, home: Path) -> None:
    write(tmp_path / "template", {"hooks/pre-push": b"#!/bin/sh\n", "config": b"[a]\n\tb = c\n"})
    git(home, "config", "--global", "init.templateDir", str(tmp_path / "template"))
    repository = Repository(clone)
    assert repository.side.run("config", "a.b").code == 1
    assert not (repository.side.folder / "hooks").exists()


def test_origin(clone: Path) -> None:
    assert Repository(clone).origin() is None
    git(clone, "remote", "add", "origin", "gh:o/n")
    git(clone, "config", "url.https://github.com/.insteadOf", "gh:")
    assert Repository(clone).origin() == "https://github.com/o/n"


class TestKindsOfRepositories:
    def same_commit(self, clone: Path) -> str:
        repository = Repository(clone)
        made = repository.commit(repository.head(), {"a.py": b"x = 2\n"}, "m")
        assert repository.side.git("cat-file", "blob", f"{made}:a.py") == b"x = 2\n"
        return made

    def test_a_detached_head_a_linked_work_tree_and_a_borrowing_clone(self, tmp_path: Path, clone: Path) -> None:
        expected = self.same_commit(clone)
        git(clone, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
        git(clone, "clone", "-q", "--shared", str(clone), str(tmp_path / "borrowing"))
        git(clone, "clone", "-q", "--depth=1", f"file://{clone}", str(tmp_path / "shallow"))
        git(clone, "checkout", "-q", "--detach")
        places = [clone, *(tmp_path / name for name in ("linked", "borrowing", "shallow"))]
        assert {self.same_commit(place) for place in places} == {expected}

    def test_a_partial_clone_is_not_filled_up(self, tmp_path: Path, clone: Path) -> None:
        git(clone, "config", "uploadpack.allowFilter", "true")
        expected = self.same_commit(clone)
        partial = tmp_path / "partial"
        sparse = ("--filter=blob:none", "--sparse", "--no-local")
        git(clone, "clone", "-q", *sparse, f"file://{clone}", str(partial))
        before = everything_in(partial)
        assert self.same_commit(partial) == expected
        with pytest.raises(GitFailed):
            Repository(partial).blob(git(clone, "rev-parse", "HEAD:pkg/b.py"))
        assert everything_in(partial) == before

    def test_names_of_folders_that_need_quotes(self, tmp_path: Path, clone: Path) -> None:
        expected = self.same_commit(clone)
        odd = tmp_path / 'a "b"\\n\nc:d#'
        shutil.copytree(clone, odd)
        assert self.same_commit(odd) == expected

    def test_sha256(self, tmp_path: Path) -> None:
        assert len(self.same_commit(make_clone(tmp_path / "sha256", {"a.py": b"x\n"}, "--object-format=sha256"))) == 64

    def test_a_submodule_is_a_repository_of_its_own(self, tmp_path: Path, clone: Path) -> None:
        outer = make_clone(tmp_path / "outer")
        git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(clone), "sub")
        assert self.same_commit(outer / "sub") == self.same_commit(clone)

    def test_without_a_commit(self, tmp_path: Path) -> None:
        folder = tmp_path / "unborn"
        folder.mkdir()
        git(folder, "init", "-q")
        with pytest.raises(GitFailed, match="has no commit yet"):
            Repository(folder)

    def test_bare_below_the_top_and_no_repository_at_all(self, tmp_path: Path, clone: Path) -> None:
        git(clone, "clone", "-q", "--bare", str(clone), str(tmp_path / "bare"))
        (clone / "broken" / ".git").mkdir(parents=True)
        for folder in (tmp_path / "bare", clone / "pkg", clone / "broken", tmp_path):
            with pytest.raises(GitFailed, match=f"^{folder} is not the top of a work tree$"):
                Repository(folder)
        with pytest.raises(GitFailed, match="there is no such folder"):
            Repository(tmp_path / "missing")

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
    def test_somebody_elses(self, clone: Path, home: Path) -> None:
        for path in (clone, clone / ".git"):
            os.chown(path, 65534, 65534)
        with pytest.raises(GitFailed, match=r"git config --global --add safe\.directory") as caught:
            Repository(clone)
        assert str(clone) in str(caught.value)
        git(home, "config", "--global", "safe.directory", str(clone))
        assert Repository(clone).tracked(["a.py"])


def test_without_git(clone: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitFailed, match="git is not installed"):
        Repository(clone)
