"""What `torchfix verify` shows and what it costs: verdicts of the corpus, time of the runs, cost of observation.

    python scripts/bench_verify.py corpus [PROGRAM...]         verdicts of `apply --verify`, against the expected ones
    python scripts/bench_verify.py cost                        wall time against one bounded run
    python scripts/bench_verify.py overhead [--rounds 60]      time of a training step with and without the hooks
    python scripts/bench_verify.py public DIR... [--count 1]   how far programs of the public get

The interpreter that runs this needs torch, or VIRTUAL_ENV names an environment that has it. Everything is compared
within one call; the times themselves say something of this machine only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "corpus"
sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]

#: Goals of `cost`: seconds, and multiples of one bounded run, for one fix and for ten that leave training alone.
GOALS = {1: (3.0, 2.2), 10: (3.0, 4.0)}


@dataclass(frozen=True)
class Row:
    """A verdict on a program of the corpus, and the one that is expected ("" where none is)."""

    program: str
    place: str
    code: str
    verdict: str
    expected: str
    evidence: str
    seconds: float


def torchfix(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """Run the command as a user does. Raises `RuntimeError` where it ends with an error."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "torchfix_codemods", *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True)
    if done.returncode == 2:
        raise RuntimeError(f"{' '.join(arguments)}:\n{done.stderr.decode('utf-8', 'replace')[-2000:]}")
    return done


def verified(program: str, folder: Path) -> dict[str, Any]:
    """The report of `apply --verify` on a copy of a program of the corpus."""
    wanted = expected(program)
    copy = Path(shutil.copytree(CORPUS / program / "before", folder / program))
    report = folder / f"{program}.json"
    options = ("--verify", "--script", wanted["entry"], "--report", str(report), "--quiet")
    torchfix("apply", ".", *options, "--", *wanted["args"], cwd=copy)
    loaded: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return loaded


def expected(program: str) -> dict[str, Any]:
    """What `expected.json` says of a program."""
    loaded: dict[str, Any] = json.loads((CORPUS / program / "expected.json").read_text(encoding="utf-8"))
    return loaded


def verdicts_of(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The verdicts of a report by `path:line code`, as `expected.json` names them."""
    return {
        f"{finding['path']}:{finding['line']} {finding['code']}": finding["fix"]["verdict"]
        for finding in report["findings"]
        if finding["fix"] and finding["fix"].get("verdict")
    }


def rows(program: str, folder: Path) -> Iterator[Row]:
    """The verdicts of one program beside the expected ones; an expected one that is not there is a row too."""
    started = time.monotonic()
    found, wanted = verdicts_of(verified(program, folder)), expected(program)["verdicts"]
    seconds = time.monotonic() - started
    for key in dict.fromkeys((*found, *wanted)):
        place, _, code = key.partition(" ")
        name = found[key]["name"] if key in found else ""
        yield Row(program, place, code, name, wanted.get(key, ""), _evidence(found.get(key)), seconds)


def _evidence(verdict: Mapping[str, Any] | None) -> str:
    """The first quantity of a verdict."""
    if not verdict or not verdict["evidence"]:
        return "-"
    first = verdict["evidence"][0]
    return f"{first['what']}: {first['before']} -> {first['after']}"


def corpus(programs: Sequence[str]) -> Iterator[str]:
    """The table of the corpus, and how many verdicts are not the expected ones."""
    yield "| program | place | rule | verdict | evidence | seconds of the program |\n|---|---|---|---|---|---|"
    wrong, count = 0, 0
    with tempfile.TemporaryDirectory() as temporary:
        for program in programs:
            for row in rows(program, Path(temporary)):
                count, wrong = count + 1, wrong + (row.verdict != row.expected)
                verdict = row.verdict if row.verdict == row.expected else f"{row.verdict} (expected: {row.expected})"
                cells = (row.program, row.place, row.code, verdict, row.evidence, f"{row.seconds:.1f}")
                yield "| " + " | ".join(cells) + " |"
    yield f"{count} verdicts, {wrong} not as expected"


# --- cost ------------------------------------------------------------------------------------------------------------

_HEAD = """\
import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()
train = [(torch.randn(64, 64), torch.randint(10, (64,))) for _ in range(50)]
test = [(torch.randn(64, 64), torch.randint(10, (64,))) for _ in range(20)]
"""
_EVALUATION = """

def evaluate{0}():
    right = 0
    for x, y in test:
        right += (net(x).argmax(1) == y).sum().item()
    return right
"""
_TRAINING = """

for epoch in range(10):
    for x, y in train:
        optimizer.zero_grad()
        criterion(net(x), y).backward()
        optimizer.step()
    print(epoch, {0})
"""


def program_with(fixes: int) -> str:
    """A script with so many evaluations that build graphs for nothing: as many fixes that leave training alone."""
    evaluations = "".join(_EVALUATION.format(number) for number in range(fixes))
    return _HEAD + evaluations + _TRAINING.format(", ".join(f"evaluate{number}()" for number in range(fixes)))


def cost(rounds: int) -> Iterator[str]:
    """The least wall time of `verify` against that of one bounded run of the same script, imports of torch included."""
    yield "| fixes | bounded run | verify | runs | goal: at most | |\n|---|---|---|---|---|---|"
    for fixes, (fixed, factor) in GOALS.items():
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            (folder / "train.py").write_text(program_with(fixes), encoding="utf-8")
            alone, whole, runs = zip(*(_timed(folder) for _ in range(rounds)), strict=True)
            allowed = fixed + factor * min(alone)
            cells = (str(fixes), f"{min(alone):.2f} s", f"{min(whole):.2f} s", str(runs[0]))
            reached = "reached" if min(whole) <= allowed else "missed"
            yield "| " + " | ".join((*cells, f"{fixed} s + {factor} x = {allowed:.2f} s", reached)) + " |"


def _timed(folder: Path) -> tuple[float, float, int]:
    """Seconds of a bounded run alone, seconds of `verify`, and how many runs that made."""
    import bench_public

    from torchfix_codemods.source.verify_settings import VerifySettings

    alone = bench_public.observed(folder, "train.py", VerifySettings()).seconds
    started = time.monotonic()
    report = folder / "report.json"
    torchfix("verify", "train.py", "--report", str(report), "--quiet", cwd=folder)
    seconds = time.monotonic() - started
    return alone, seconds, json.loads(report.read_text(encoding="utf-8"))["runs"][0]["runs"]


# --- the command -----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Print one of the tables. 0 even where a goal is missed: the figures are the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    names = sorted(path.parent.name for path in CORPUS.glob("*/expected.json"))
    commands.add_parser("corpus").add_argument("programs", nargs="*", metavar="PROGRAM", help="default: all")
    commands.add_parser("cost").add_argument("--rounds", type=int, default=3)
    commands.add_parser("overhead").add_argument("--rounds", type=int, default=60)
    public = commands.add_parser("public")
    public.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    public.add_argument("--count", type=int, default=1, help="programs of each folder, at most")
    public.add_argument("--seconds", type=float, default=60.0, help="of a run, at most")
    public.add_argument("--output", type=Path, help="write the figures to this JSON file too")
    options = parser.parse_args(arguments)
    if unknown := [name for name in getattr(options, "programs", ()) if name not in names]:
        parser.error(f"no such program of the corpus: {', '.join(unknown)}")
    if missing := [str(folder) for folder in getattr(options, "folders", ()) if not folder.is_dir()]:
        parser.error(f"no such folder: {', '.join(missing)}")
    for line in _lines(options, names):
        print(line, flush=True)
    return 0


def _lines(options: argparse.Namespace, names: Sequence[str]) -> Iterator[str]:
    match options.command:
        case "corpus":
            yield from corpus(options.programs or names)
        case "cost":
            yield from cost(max(1, options.rounds))
        case "overhead":
            import bench_overhead

            yield from bench_overhead.lines(max(1, options.rounds))
        case _:
            import bench_public

            from torchfix_codemods.source.verify_settings import VerifySettings

            overrides = VerifySettings(seconds=options.seconds)
            yield from bench_public.run(options.folders, options.count, overrides, options.output)


if __name__ == "__main__":
    sys.exit(main())
