"""Programs that disturb the observer or want to leave the sandbox: no verdict is forged, and the next run is judged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from running import Programs

PROGRAM = """\
import os, sys, time
import torch
from torch import nn

model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x, y = torch.randn(32, 4), torch.randint(0, 3, (32,))
ORIGINAL = {original!r}
{attack}

def evaluate():
    model.eval()
    return nn.functional.cross_entropy(model(x), y).item()


def train():
    for i in range(4):
        model.train()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        print(evaluate())


train()
{end}
"""
WRITE_ALL = """
for descriptor in range(3, 64):
    try:
        os.write(descriptor, {text!r})
    except OSError:
        pass
"""
END = {"status": "finished", "why": None, "error": None, "peak": 0, "memory": None, "device": "cuda"}
FORGED = "\n" + "\n".join(
    json.dumps(event)
    for event in (
        {"e": "fwd", "i": 1},
        {"e": "hit", "mark": "fix1"},
        {"e": "end", **END, "warnings": [], "notes": []},
        {"e": "done", "cpu": 0.0, "output": ""},
    )
)
#: What is put before the training, and after it.
ATTACKS = {
    "forges": (WRITE_ALL.format(text=FORGED.encode() + b"\n"), ""),
    "tears": (WRITE_ALL.format(text=b'{"e": "end", "status'), ""),
    "nests": (WRITE_ALL.format(text=b"\n" + b"[" * 100_000 + b"\n"), ""),
    "unblocks": ("for d in range(3, 64):\n    try: os.set_blocking(d, False)\n    except OSError: pass", ""),
    "replaces": ("import json; json.dumps = os.write = os.getpid = None", ""),
    "daemon": ("if not os.fork():\n    os.setsid()\n    time.sleep(1000)", ""),
}
LOSING = {
    "closes": ("os.closerange(3, 4096)", ""),
    "dies": ("", "os.kill(os.getpid(), 9)"),
    "kills": ("os.kill(os.getppid(), 9)", ""),
}


def text(name: str) -> str:
    attack, end = {**ATTACKS, **LOSING}.get(name, ("", ""))
    return PROGRAM.format(original="", attack=attack, end=end)


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_changes_nothing_of_what_is_seen(programs: Programs, name: str):
    plain, attacked = programs.run(text("")), programs.run(text(name))
    assert (attacked.status, attacked.device) == ("finished", "cpu")
    assert attacked.checksums == plain.checksums and len(attacked.evaluations) == len(plain.evaluations) == 4
    assert not attacked.hits and attacked.output.count("\n") == 4


@pytest.mark.parametrize("name", LOSING)
def test_the_run_after_a_lost_one_is_whole(programs: Programs, name: str):
    lost = programs.run(text(name))
    assert not (lost.whole and lost.ended_well)
    assert programs.run(text("")).status == "finished"


def test_what_a_run_left_is_gone_before_the_next(programs: Programs):
    left = programs.run("import os\nif not os.fork():\n    os.setsid()\n    while True: pass\nprint(os.getppid())")
    server = left.output.strip()
    assert not Path(f"/proc/{server}/task/{server}/children").read_text().split()


def test_the_death_of_a_run_is_told(programs: Programs):
    assert programs.run(text("dies")).signal_number == 9


# --- by the command line, in the strongest sandbox of this machine ----------------------------------------------------

OUTSIDE = {
    "planted": """
import glob, shutil
inside = os.path.abspath("../../..")
for name in os.listdir(inside):
    shutil.rmtree(os.path.join(inside, name), ignore_errors=True)
for number in range(1, 20):
    os.symlink(os.path.dirname(ORIGINAL), os.path.join(inside, "%03d-run%d" % (number, number)))
os.symlink(os.path.dirname(ORIGINAL), os.path.join(inside, "runs"))
""",
    "observer": """
import shutil
for path in {os.path.dirname(getattr(m, "__file__", None) or "") for m in list(sys.modules.values())}:
    if "torchfix" in path:
        shutil.rmtree(path, ignore_errors=True)
""",
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The report of one call for all of these programs and a harmless one after them."""
    place = tmp_path_factory.mktemp("outside")
    project, temporary = place / "project", place / "temporary"
    project.mkdir()
    temporary.mkdir()
    for name, attack in {**OUTSIDE, "zharmless": ""}.items():
        (project / f"{name}.py").write_text(PROGRAM.format(original=str(project), attack=attack, end=""))
    before = seen(place)
    command = [sys.executable, "-m", "torchfix_codemods", "verify", "--output-format", "json"]
    env = {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [*command, "--select", "TFC202", *(f"{name}.py" for name in (*OUTSIDE, "zharmless"))],
        cwd=project,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    yield {**json.loads(done.stdout), "unchanged": seen(place) == before}


def seen(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def test_nothing_outside_changes_and_nothing_is_left(judged: dict[str, Any]):
    assert judged["unchanged"]


@pytest.mark.parametrize("name", [*OUTSIDE, "zharmless"])
def test_each_program_is_judged(judged: dict[str, Any], name: str):
    (verdict,) = [f["fix"]["verdict"] for f in judged["findings"] if f["path"] == f"{name}.py"]
    assert (verdict["name"], verdict["script"]) == ("IMPROVED", f"{name}.py")


def test_each_fix_is_run_by_the_program_that_reaches_it(judged: dict[str, Any]):
    assert {run["script"]: run["runs"] for run in judged["runs"]} == {f"{n}.py": 3 for n in (*OUTSIDE, "zharmless")}


def test_a_second_interrupt_leaves_nothing_behind(tmp_path: Path):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "main.py").write_text(PROGRAM.format(original="", attack="", end="time.sleep(30)"))
    (tmp_path / "temporary").mkdir()
    env = {**os.environ, "TMPDIR": str(tmp_path / "temporary"), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "torchfix_codemods", "verify", "main.py"]
    with subprocess.Popen(command, cwd=tmp_path / "project", env=env, stderr=subprocess.PIPE, text=True) as program:
        limit = time.monotonic() + 60
        while not list((tmp_path / "temporary").glob("*/inside/*/some/work/project/main.py")):
            assert time.monotonic() < limit and program.poll() is None
            time.sleep(0.05)
        for _ in range(3):
            program.send_signal(signal.SIGINT)
            time.sleep(0.02)
        _, errors = program.communicate(timeout=60)
    assert (program.returncode, errors.strip().splitlines()[-1]) == (130, "interrupted")
    assert not list((tmp_path / "temporary").iterdir())
