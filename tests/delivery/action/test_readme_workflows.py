"""The README's workflows, word for word: by the real act, against a real git server and GitHub's own contract."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from act_tools import OURS, Bench, Ran, workflow
from action_steps import SAMPLE
from namespace import Loopback
from stage import BRANCH, TOKEN, Stage, forms, shown

WORKFLOW = workflow("pull-request")
MODEL, TRAIN = ((SAMPLE / name).read_text() for name in ("model.py", "train.py"))
#: The second job alone, with whatever report the test has put into the artifact.
SECOND_JOB = re.sub(r"  verify:.*?(?=  pull-request:)", "", WORKFLOW, flags=re.S).replace("    needs: verify\n", "")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("act") / "bench")


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    with Loopback() as found:
        yield found


@pytest.fixture
def stage(bench: Bench, loopback: Loopback, tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path, bench, loopback) as found:
        yield found
        assert found.forge.violations == [], "GitHub's own description of its API"
        assert found.exposed == [], "the token stood where others can read it"


def operation(ran: Ran) -> str:
    assert ran.code == 0, ran.text
    for form in forms(TOKEN):
        assert form.decode() not in shown(ran)
    return ran.output("pull-request-operation")


@pytest.mark.slow
def test_the_life_of_a_pull_request(stage: Stage):
    assert operation(stage.run(WORKFLOW)) == "created"
    [pull] = stage.forge.pulls.values()
    assert pull.title == "torchfix: 2 fixes in 2 files (2 verified)" and pull.labels == ["torchfix"]
    assert "0.9934" in pull.body and "TFC101" in pull.body and "verified" in pull.body
    first = stage.head()
    assert [line.partition(":")[0] for line in stage.subjects()] == [
        "github-actions[bot]|torchfix TFC101",
        "github-actions[bot]|torchfix TFC203",
    ]
    assert "return self.out(x)  # three classes" in stage.git("-C", str(stage.bare), "show", f"{BRANCH}:model.py")

    for _ in range(2):
        sent = len(stage.forge.written())
        assert operation(stage.run(WORKFLOW)) == "unchanged"
        assert stage.head() == first and len(stage.forge.written()) == sent

    stage.publish(train=TRAIN.replace("lr=0.5", "lr=0.4") + "\n# more\n")
    assert operation(stage.run(WORKFLOW)) == "updated"
    assert stage.head() != first and len(stage.forge.pulls) == 1

    stage.publish(
        model=MODEL.replace("F.softmax(self.out(x), dim=1)", "self.out(x)"),
        train=TRAIN.replace("retain_graph=True", ""),
    )
    assert operation(stage.run(WORKFLOW)) == "closed"
    assert pull.state == "closed" and pull.title.endswith(" - autoclosed") and stage.head() == ""


@pytest.mark.slow
def test_what_people_do_to_it_stands(stage: Stage):
    assert operation(stage.run(WORKFLOW)) == "created"
    theirs = stage.push_as_a_person()
    stage.publish(train=TRAIN + "\n# more\n")
    assert operation(stage.run(SECOND_JOB)) == "skipped-edited"
    assert stage.head() == theirs

    stage.git("-C", str(stage.bare), "update-ref", "-d", f"refs/heads/{BRANCH}")
    [pull] = stage.forge.pulls.values()
    pull.state = "closed"
    assert operation(stage.run(SECOND_JOB)) == "skipped-declined"
    assert stage.head() == "" and len(stage.forge.pulls) == 1


def test_what_github_refuses_ends_with_its_reason_and_keeps_the_patch(stage: Stage, honest: dict):
    report(stage, honest)
    stage.forge.permissions = {"contents": "write", "pull_requests": "read"}
    ran = stage.run(SECOND_JOB)
    assert ran.code == 1 and "exit status 4" in ran.text
    [(_, _, said)] = ran.commands("error")
    assert "pull-requests: write" in said and TOKEN not in shown(ran)
    assert ran.output("patch") == "torchfix.patch" and ran.output("fixes") == "2"
    stage.forge.permissions = {"contents": "write", "pull_requests": "write"}
    assert operation(stage.run(SECOND_JOB)) == "created", "the next run goes on from the branch that was pushed"


def test_one_pull_request_for_each_rule(stage: Stage, honest: dict):
    report(stage, honest)
    ran = stage.run(SECOND_JOB + "          group-by: rule\n          labels: bot\n          draft: true\n")
    assert operation(ran).split("\n") == ["created", "created"]
    assert ran.output("pull-request-number").split("\n") == ["1", "2"]
    pulls = stage.forge.pulls.values()
    assert [(pull.head, pull.labels, pull.draft) for pull in pulls] == [
        ("torchfix/fixes-tfc101", ["bot"], True),
        ("torchfix/fixes-tfc203", ["bot"], True),
    ]


def test_nothing_is_proposed_on_a_pull_request_of_a_fork(stage: Stage):
    text = SECOND_JOB.replace("  workflow_dispatch:", "  pull_request:")
    payload = {"pull_request": {"head": {"repo": {"full_name": "stranger/repo"}, "ref": "x"}, "base": {"ref": "main"}}}
    report(stage, {})
    ran = stage.run(text, event="pull_request", payload=payload)
    assert ran.code == 0, ran.text
    [(_, _, said)] = ran.commands("notice")
    assert "fork" in said and ran.output("pull-request-operation") == "none"
    assert stage.forge.log == [] and stage.server.requests == []


def report(stage: Stage, content: object) -> Path:
    """Put a report into the artifact."""
    file = stage.artifacts / "torchfix-report" / "torchfix-report.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


@pytest.fixture
def honest(stage: Stage) -> dict:
    """The report that the first job makes of these files, without its verdicts."""
    import subprocess
    import sys

    line = [sys.executable, "-m", "torchfix_codemods", "check", "--output-format", "json", "."]
    done = subprocess.run(line, cwd=stage.user, capture_output=True, text=True)
    return json.loads(done.stdout)


def forged(honest: dict, kind: str) -> object:
    """What an attacker who has taken over the first job might hand on."""
    findings = honest["findings"]
    evil = {"path": "../../evil.py", "start": 0, "end": 0, "replacement": "import os; os.system('id')\n"}
    if kind == "another replacement":
        findings[0]["fix"]["edits"] = [{**findings[0]["fix"]["edits"][0], "replacement": "__import__('os')"}]
    elif kind == "one more fix":
        extra = {**findings[0], "id": "f" * 16, "path": "../../evil.py"}
        findings.append({**extra, "fix": {**extra["fix"], "edits": [evil], "verdict": verdict("IMPROVED")}})
    elif kind == "a verdict that is none":
        findings[0]["fix"]["verdict"] = verdict("PERFECT")
    elif kind == "markup":
        findings[0]["fix"]["verdict"] = verdict("IMPROVED", reason="@everyone </details> <img src=x> ::error::x")
    return honest


def verdict(name: str, reason: str = "better") -> dict:
    told = {"name": name, "verified": True, "withheld": False, "reason": reason, "evidence": [], "caveats": []}
    return told | {
        "script": "train.py",
        "device": "cpu",
        "sandbox": "none",
        "seconds": 1.0,
        "repeat": "torchfix verify",
    }


def test_a_forged_report_changes_no_commit(stage: Stage, honest: dict):
    """All of them give the very commits that an honest report gives: same input, same SHA."""
    report(stage, honest)
    assert operation(stage.run(SECOND_JOB)) == "created"
    expected = stage.head()
    for kind in ("another replacement", "one more fix", "a verdict that is none", "markup"):
        report(stage, forged(json.loads(json.dumps(honest)), kind))
        operation(stage.run(SECOND_JOB))
        [pull] = stage.forge.pulls.values()
        trees = stage.git("-C", str(stage.bare), "diff", "--stat", expected, BRANCH)
        assert trees == "", kind
        assert "evil" not in pull.body and "__import__" not in pull.body and "PERFECT" not in pull.body, kind
        assert "@everyone" not in pull.body.replace("`", "") or kind != "markup", pull.body


def test_what_else_the_artifact_holds_reaches_no_checkout(stage: Stage, honest: dict):
    report(stage, honest)
    assert operation(stage.run(SECOND_JOB)) == "created"
    expected = stage.head()
    folder = report(stage, honest).parent
    (folder / ".git" / "hooks").mkdir(parents=True)
    (folder / ".git" / "config").write_text('[url "http://127.0.0.1:9/"]\n\tinsteadOf = http://\n')
    (folder / "model.py").write_text(MODEL + "# more\n")
    (folder / "pyproject.toml").write_text('[tool.torchfix]\nignore = ["TFC101"]\n')
    assert operation(stage.run(SECOND_JOB)) == "unchanged"
    assert stage.head() == expected


@pytest.mark.parametrize("kind", ["100 MB", "100,000 brackets", "a link", "no JSON"])
def test_a_report_that_is_none_stops_the_job(stage: Stage, kind: str):
    file = report(stage, {"100,000 brackets": "[" * 100_000, "no JSON": "\0"}.get(kind, "{}"))
    if kind == "100 MB":
        with file.open("wb") as stream:
            stream.truncate(100 * 2**20)
    elif kind == "a link":
        file.unlink()
        file.symlink_to("/etc/passwd")
    ran = stage.run(SECOND_JOB)
    assert ran.code != 0
    [(_, _, said)] = ran.commands("error")
    assert "torchfix-report.json" in said and "root:" not in shown(ran)
    assert stage.forge.pulls == {} and stage.head() == ""


def test_verify_refuses_a_job_with_a_token(stage: Stage):
    text = WORKFLOW.partition("  pull-request:")[0]
    text = re.sub(rf"(      - uses: {OURS}@.*\n)", r"\1        env:\n          GH_TOKEN: ${{ github.token }}\n", text)
    ran = stage.run(text)
    assert ran.code != 0 and not stage.artifacts.exists()
    [(_, _, said)] = ran.commands("error")
    assert "GH_TOKEN" in said and TOKEN not in shown(ran)
    assert stage.forge.log == []


LOUD = """
print("::add-path::/opt/evil")
print("::set-env name=LD_PRELOAD::/opt/evil.so")
print("::set-output name=fixes::99")
print("::error::from the program")
print("##[add-path]/opt/evil")
"""
OBEYED = ("add-path", "set-env", "error")


def test_what_a_program_prints_is_obeyed_by_nobody(stage: Stage):
    stage.publish(train=TRAIN + LOUD)
    ran = stage.run(WORKFLOW.partition("  pull-request:")[0])
    assert ran.code == 0 and ran.output("fixes") == "2" and ran.output("verified") == "2"
    assert ran.commands(*OBEYED) == []
    assert "from the program" not in shown(ran)


def test_the_same_lines_of_a_step_would_be_obeyed(stage: Stage):
    """The check before can fail."""
    step = "      - run: python3 loud.py\n"
    text = WORKFLOW.partition("      - uses: torchfix/")[0] + step
    stage.publish(loud=LOUD)
    names = {name for name, _, _ in stage.run(text).commands(*OBEYED)}
    assert "error" in names


def test_a_pull_request_of_a_fork_is_told_what_its_lines_bring(stage: Stage):
    """The loss of this pull request makes the softmax wrong that was in the other file before."""
    stage.publish(train=TRAIN.replace("nn.CrossEntropyLoss()", "nn.MSELoss()"))
    stage.git("checkout", "-q", "-b", "topic")
    (stage.user / "train.py").write_text(TRAIN)
    stage.git("commit", "-qam", "Use cross entropy")
    stage.git("checkout", "-q", "main")
    stage.git("merge", "-q", "--no-ff", "-m", "Merge", "topic")
    base = stage.git("rev-parse", "HEAD^1")
    head = {"ref": "topic", "repo": {"full_name": "stranger/repo"}}
    payload = {"number": 7, "pull_request": {"number": 7, "head": head, "base": {"ref": "main", "sha": base}}}
    ran = stage.run(workflow("check"), event="pull_request", payload=payload)
    assert ran.code == 1, "fail-on: findings"
    [(level, place, said)] = ran.commands("warning", "notice", "error")[:1]
    assert (level, place["file"], place["line"]) == ("warning", "model.py", "13")
    assert "train.py:11: the loss is built here" in said
    assert ran.output("findings") == "1" and "softmax-before-cross-entropy" in ran.summary
    assert stage.forge.log == [] and stage.server.requests == []
