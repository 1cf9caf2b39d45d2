"""The observer process: what is left when it fails, and that the next run gets a new one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from running import LIMITS, PlainStarter

from torchfix_codemods.verify.client import Client, ObserverFailed

#: Answers jobs as the observer does, without torch: the text of the job's script says how.
FAKE = """\
import json, os, sys, time
token = ""
def tell(**event):
    os.write(int(sys.argv[3]), (token + json.dumps(event)).encode() + b"\\n")
tell(e="ready")
for line in sys.stdin:
    token = json.loads(line)["token"]
    match json.loads(line)["script"]:
        case "die":
            tell(e="done", output="said")
            os._exit(0)
        case "talk":
            while True:
                tell(e="hit", mark="fix1")
        case _:
            tell(e="done", output="said")
"""


@pytest.fixture
def python(tmp_path: Path) -> str:
    (tmp_path / "fake.py").write_text(FAKE)
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{tmp_path}/fake.py" "$@"\n')
    (tmp_path / "python").chmod(0o755)
    return str(tmp_path / "python")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def job(script: str, seconds: float = 5.0) -> dict[str, Any]:
    return {"script": script, "limits": {**LIMITS, "seconds": seconds}}


def test_one_that_ended_between_two_runs_is_started_anew(tmp_path: Path, python: str):
    with Client(PlainStarter(tmp_path), python, {**os.environ}) as client:
        assert client.run(job("die")).output == "said"
        assert client._process is not None
        client._process.wait()
        assert client.run(job("on")).output == "said"


def test_one_that_never_stops_telling_is_given_up(tmp_path: Path, python: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("torchfix_codemods.verify.client._GRACE", 0.5)
    with Client(PlainStarter(tmp_path), python, {**os.environ}) as client:
        late = client.run(job("talk", seconds=0.5))
        assert late.status == "killed" and late.overdue
        assert client.run(job("on")).output == "said"


class Refusing(PlainStarter):
    def start(self, argv: list[str], **options: Any) -> subprocess.Popen[bytes]:
        raise OSError("no more processes")


@pytest.mark.parametrize("starter, failure", [(PlainStarter, ObserverFailed), (Refusing, OSError)])
def test_one_that_does_not_start_leaves_no_descriptor(
    tmp_path: Path, starter: type[PlainStarter], failure: type[Exception]
):
    (tmp_path / "python").write_text("#!/bin/sh\necho no torch >&2\nexit 1\n")
    (tmp_path / "python").chmod(0o755)
    before = descriptors()
    for _ in range(3):
        with Client(starter(tmp_path), str(tmp_path / "python"), {}) as client, pytest.raises(failure):
            client.run(job("on"))
    assert descriptors() == before


def test_its_death_in_a_run_is_no_end_of_all(tmp_path: Path, python: str):
    (tmp_path / "fake.py").write_text(
        FAKE.replace('case "talk":', 'case "kill": os.kill(os.getpid(), 9)\n        case "talk":')
    )
    with Client(PlainStarter(tmp_path), python, {**os.environ}) as client:
        lost = client.run(job("kill"))
        assert lost.status == "killed" and not lost.overdue
        assert client.run(job("on")).output == "said"
