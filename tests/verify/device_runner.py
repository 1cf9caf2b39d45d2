"""Runs programs in one process that has imported torch once, each in a fork: patches of torch can't leak."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import torchfix_codemods

#: The observer is imported under its own name, as a copy of it is in the user's interpreter.
WHERE = Path(torchfix_codemods.__file__).parent / "verify"

RUNNER = '''
import collections, json, linecache, os, sys, traceback, zlib
sys.path.insert(0, sys.argv[1])
import torch
from observer import devices, redirect, redirect_places, shadow
torch.set_num_threads(1)
if sys.argv[2] == "optimizers":
    torch.optim.SGD([torch.zeros(1)], lr=1)

def checksum(model):
    """Of all parameters, bit by bit."""
    total = 0
    for name, p in sorted(dict(model.named_parameters()).items()):
        total = zlib.crc32(name.encode() + bytes(p.detach().contiguous().view(torch.uint8).flatten().tolist()), total)
    return total

def run(kind, source):
    counts = collections.Counter()
    note = lambda kind, what: counts.update([(kind, what)])
    if kind == "old":
        redirect_places.ON_STORAGES = False
    if kind in ("redirect", "old"):
        redirect.install(note)
    if kind == "shadow":
        shadow.install(note)
    os.dup2(2, 1)
    space, error = {"__name__": "__main__"}, None
    try:
        linecache.cache["program.py"] = len(source), None, source.splitlines(True), "program.py"
        exec(compile(source, "program.py", "exec"), space)
    except Exception as raised:
        error = type(raised).__name__ + ": " + str(raised)
    model = space.get("model")
    with torch._C.DisableTorchFunction():
        crc = checksum(model) if model is not None and error is None else None
    told = [[*key, count] for key, count in counts.items()]
    said = space.get("said")
    return {"error": error, "crc": crc, "notes": told, "said": said, "device": devices.told("cpu-redirect", told)}

for name, kind, source in json.load(sys.stdin):
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            os.write(writing, (json.dumps([name, run(kind, source)]) + chr(10)).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading) as answer:
        sys.stdout.write(answer.read())
    os.wait()
'''


@dataclass(frozen=True)
class Ran:
    """How a program ended: its error or "", the checksum of its parameters, what was noted, what it left in `said`."""

    error: str
    crc: int | None
    notes: dict[tuple[str, str], int]
    said: object
    device: str


def run_all(programs: dict[tuple[str, str], str], first: str = "optimizers") -> dict[tuple[str, str], Ran]:
    """Run programs by (name, kind), where kind is plain, redirect, shadow or old: redirect on a torch below 2.1.

    The first optimizer of a process imports torch's compiler, which takes seconds: it is made once, before all, unless
    `first` is "nothing": then each program that has one imports the compiler on top of our patches.
    """
    jobs = [["\t".join(key), key[1], source] for key, source in programs.items()]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RUNNER, str(WHERE), first],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    answers = dict(json.loads(line) for line in done.stdout.splitlines())
    assert len(answers) == len(jobs), done.stderr
    return {key: _ran(answers["\t".join(key)]) for key in programs}


def _ran(answer: dict) -> Ran:  # type: ignore[type-arg]
    notes = {(kind, what): count for kind, what, count in answer["notes"]}
    return Ran(answer["error"] or "", answer["crc"], notes, answer["said"], answer["device"])
