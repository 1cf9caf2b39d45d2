"""Steps in mode pr against a real git server and a forge: what they tell, and what is left where something fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from action_steps import Done, step
from forge_server import Failure, ForgeServer
from forge_tools import REPOSITORY, TOKEN, git, start, write
from git_server import GitServer

TRAIN = """\
import torch
import torch.nn.functional as F
from torch import nn

layer = nn.Linear(8, 3)
optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
for step in range(4):
    x, y = torch.randn(20, 8), torch.randint(0, 3, (20,))
    loss = F.cross_entropy(F.softmax(layer(x), dim=1), y)
    optimizer.zero_grad()
    loss.backward(retain_graph=True)
    optimizer.step()
"""
FIXES = "torchfix/fixes"


@dataclass(frozen=True)
class Place:
    """A clone, what git serves, and the forge."""

    work: Path
    bare: Path
    server: GitServer
    forge: ForgeServer

    def commit(self, files: dict[str, str]) -> None:
        write(self.work, files, "Change")
        git(self.work, "push", "-q", str(self.bare), "main")

    def pr(self, folder: Path | None = None, **inputs: str) -> Done:
        """One step in mode pr, in the clone or in another folder of the workspace."""
        environ = {"GITHUB_REPOSITORY": REPOSITORY, "GITHUB_API_URL": self.forge.url}
        environ |= {"GITHUB_SERVER_URL": self.server.url, "GITHUB_WORKSPACE": str(self.work)}
        known = {"mode": "pr", "token": TOKEN, "report": "", "patch": ""} | inputs
        return step(folder or self.work, environ=environ, **known)

    def report(self, folder: Path | None = None, /, **names: str) -> str:
        """The report of a run in a folder that gave the findings of these rules these verdicts."""
        folder = folder or self.work
        paths = "." if folder.is_relative_to(self.work) else self.work.name
        step(folder, mode="check", report="r.json", patch="", paths=paths, environ={"GITHUB_WORKSPACE": str(self.work)})
        found = json.loads((folder / "r.json").read_text())
        (folder / "r.json").unlink()
        for finding in found["findings"]:
            if finding["code"] in names:
                finding["fix"]["verdict"] = {"name": names[finding["code"]], "reason": "it was run"}
        path = self.bare.parent / "report.json"
        path.write_text(json.dumps(found))
        return str(path)

    def changed(self) -> list[str]:
        """The files that the pull request changes."""
        return git(self.bare, "diff", "--name-only", "main", FIXES).split()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    server = GitServer(tmp_path / "server", TOKEN)
    bare, work = server.bare(REPOSITORY), tmp_path / "clone"
    start(work, bare)
    with server, ForgeServer(bare, REPOSITORY, TOKEN) as forge:
        made = Place(work, bare, server, forge)
        made.commit({"train.py": TRAIN})
        yield made
        assert forge.violations == []


def errors(done: Done) -> list[str]:
    return [line for line in done.commands if line.startswith("::error")]


# --- several pull requests -------------------------------------------------------------------------------------------


def test_with_one_for_each_rule_all_of_them_are_told(place: Place):
    report = place.report(TFC101="IMPROVED", TFC203="REGRESSED")
    more = {"report": report, "sarif": "x.sarif", "html": "x.html", "patch": "x.patch"}
    done = place.pr(group_by="rule", fail_on="regressions", **more)
    assert done.code == 3, done.log
    counted = {name: done.outputs[name] for name in ("findings", "fixes", "verified", "regressed")}
    assert counted == {"findings": "2", "fixes": "2", "verified": "1", "regressed": "1"}
    results = json.loads((place.work / "x.sarif").read_text())["runs"][0]["results"]
    assert [(result["ruleId"], "fixes" in result) for result in results] == [("TFC101", True), ("TFC203", False)]
    page = (place.work / "x.html").read_text()
    assert "TFC101" in page and "TFC203" in page
    patch = (place.work / "x.patch").read_text()
    assert "-    loss = F.cross_entropy(F.softmax" in patch and "-    loss.backward" not in patch
    assert "TFC203" in done.summary and "withheld" in done.summary


def test_one_for_all_says_the_same(place: Place):
    report = place.report(TFC101="IMPROVED", TFC203="REGRESSED")
    told = [place.pr(group_by=way, report=report, branch=f"t/{way}", patch="x.patch") for way in ("all", "rule")]
    counted = [{name: done.outputs[name] for name in ("findings", "fixes", "verified", "regressed")} for done in told]
    assert counted[0] == counted[1]


# --- what is left ----------------------------------------------------------------------------------------------------


def test_a_failure_leaves_what_came_before_it_and_tells_all(place: Place):
    """The first pull request is open: its number must not be lost since the second one was refused."""
    refused = Failure(422, "Validation Failed", done=False, only=f"POST /repos/{REPOSITORY}/pulls")
    created = place.pr(group_by="rule", select="TFC101")
    assert created.outputs["pull-request-operation"] == "created"
    place.forge.fail(refused, times=5)
    report = place.report(TFC101="IMPROVED", TFC203="IMPROVED")
    done = place.pr(group_by="rule", report=report, patch="x.patch", html="x.html")
    assert done.code == 4 and len(errors(done)) == 1, done.log
    assert done.outputs["pull-request-number"] == "1" and done.outputs["pull-request-operation"] == "updated"
    assert (done.outputs["findings"], done.outputs["verified"]) == ("2", "2")
    assert "**updated** [#1]" in done.summary and "**failed**" in done.summary
    patch = (place.work / "x.patch").read_text()
    assert "-    loss = F.cross_entropy(F.softmax" in patch and "-    loss.backward(retain_graph=True)" in patch
    assert "TFC203" in (place.work / "x.html").read_text()


def test_what_github_forbids_leaves_a_summary_and_no_withheld_fix(place: Place):
    place.forge.settings_allow = False
    report = place.report(TFC101="REGRESSED")
    done = place.pr(report=report, patch="x.patch")
    assert done.code == 4 and len(errors(done)) == 1 and "not permitted" in errors(done)[0]
    patch = (place.work / "x.patch").read_text()
    assert "retain_graph" in patch and "+    loss = F.cross_entropy" not in patch
    assert "**failed**" in done.summary and "TFC101 (withheld: REGRESSED, it was run)" in done.summary
    assert done.outputs["regressed"] == "1" and "pull-request-operation" not in done.outputs


# --- where it is called ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["IMPROVED", "REGRESSED"])
@pytest.mark.parametrize("where", ["above", "below"])
def test_a_report_made_beside_the_top_counts(place: Place, where: str, name: str):
    """`actions/checkout` with a `path`, and a step in a folder of the repository."""
    place.commit({"nets/train.py": TRAIN})
    folder = place.work.parent if where == "above" else place.work / "nets"
    report = place.report(folder, TFC101=name, TFC203=name)
    done = place.pr(folder, paths=place.work.name if where == "above" else ".", report=report)
    assert done.code == 0 and "not used" not in done.log, done.log
    expected = {"above": {"IMPROVED": "4", "REGRESSED": "0"}, "below": {"IMPROVED": "2", "REGRESSED": "0"}}
    assert done.outputs["verified"] == expected[where][name]
    assert done.outputs["pull-request-operation"] == ("created" if name == "IMPROVED" else "none")


@pytest.mark.parametrize(
    ("where", "exclude", "left"),
    [
        ("above", "/clone/old/", {"nets/old/a.py", "nets/b.py", "train.py"}),
        ("above", "/old/", {"old/a.py", "nets/old/a.py", "nets/b.py", "train.py"}),
        ("above", "old", {"nets/b.py", "train.py"}),
        ("below", "/old/", {"nets/b.py"}),
        ("below", "/nets/old/", {"nets/old/a.py", "nets/b.py"}),
        ("below", "old/*.py", {"nets/b.py"}),
    ],
)
def test_what_is_left_out_does_not_depend_on_the_mode(place: Place, where: str, exclude: str, left: set[str]):
    place.commit({"old/a.py": TRAIN, "nets/old/a.py": TRAIN, "nets/b.py": TRAIN})
    folder = place.work.parent if where == "above" else place.work / "nets"
    done = place.pr(folder, paths=place.work.name if where == "above" else ".", exclude=exclude)
    assert done.code == 0 and set(place.changed()) == left


def test_runs_of_another_state_that_spoke_against_a_fix_withhold_it(place: Place):
    """Something else in the file has moved since: nobody knows that the fix does better now."""
    report = place.report(TFC101="REGRESSED", TFC203="IMPROVED")
    place.commit({"train.py": "# a comment more\n" + TRAIN})
    done = place.pr(report=report)
    assert done.code == 0 and "TFC101 (withheld: the runs that speak against it were of another state" in done.log
    assert git(place.bare, "show", f"{FIXES}:train.py") == ("# a comment more\n" + TRAIN).replace(
        "retain_graph=True", ""
    ).rstrip("\n")
    assert place.pr(report=report, require="any", branch="any").code == 0
    assert "softmax" not in git(place.bare, "show", "any:train.py")


# --- one line each ---------------------------------------------------------------------------------------------------


def test_a_report_that_is_not_there_names_the_cure(place: Place):
    done = place.pr(report="torchfix-report.json")
    assert done.code == 2 and len(errors(done)) == 1
    assert (
        'there is no file torchfix-report.json; `mode: verify` in a job before writes one, and `report: ""`' in done.log
    )
    assert place.forge.log == []


def test_lines_that_changed_are_for_other_modes(place: Place):
    assert place.pr().code == 0
    place.commit({"readme": "x\n"})
    done = place.pr(changed_since="HEAD~1")
    assert done.code == 2 and "input changed-since: mode pr looks at all lines" in done.log
    assert place.forge.pulls[1].state == "open"
