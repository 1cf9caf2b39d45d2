"""How fast `torchfix check` is, against `ruff check` and `python -m compileall` on the same files, in turn in one run.

    python scripts/bench.py [--packages timm fairseq transformers] [--archives DIR] [--rounds 3] [--output FILE.json]

With `--archives` every archive of that folder is read, whatever `--packages` says.

Prints ratios of medians (with the smallest and the largest ratio of a round): processor time, wall time, peak memory of
the largest process; the share of each stage of our own run; and growth, which is processor time per megabyte against
that of half of the files. Ratios of processor time hold on a busy machine, those of wall time do not.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent))
import bench_corpus as corpus

ROOT = Path(__file__).resolve().parents[1]
OURS = "torchfix"
YARDSTICK = "ruff"
#: Goals: our processor time and memory as multiples of ruff's, and processor time per megabyte of all against half.
GOALS = {"cpu": 3.0, "memory": 0.5, "growth": 1.25}
_STAGE = re.compile(r"^(\w+): (\d+\.\d+) s$", re.M)
_COUNTS = re.compile(r"(\d[\d,]*) files? analysed of (\d[\d,]*)")


@dataclass(frozen=True)
class Run:
    """One process: processor and wall time in seconds, peak memory of the largest process in MiB."""

    cpu: float
    wall: float
    memory: float
    errors: str


@dataclass(frozen=True)
class Ratio:
    """The ratio of two medians, and the smallest and largest ratio of one round."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def commands() -> dict[str, list[str]]:
    """What is measured, in the order of a round; each is run in the folder with the files."""
    python = sys.executable
    beside = Path(python).with_name("ruff")
    ruff = str(beside) if beside.exists() else shutil.which("ruff") or "ruff"
    return {
        OURS: [python, "-m", "torchfix_codemods", "check", "--verbose", "."],
        YARDSTICK: [ruff, "check", "--isolated", "--no-cache", "--select", "F,E", "--quiet", "."],
        "compileall": [python, "-m", "compileall", "-q", "-f", "."],
    }


def run(command: Sequence[str], folder: Path, *, compiled: Path) -> Run:
    """Run one command and measure it with its children. Raises `RuntimeError` where it ends with an error.

    Exit code 1 says of all these programs that they found something. What compileall and our own imports write goes to
    `compiled`: whoever uses a program has compiled it once.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {
        **kept,
        "PYTHONPYCACHEPREFIX": str(compiled),
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
    }
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        told = errors.read().decode("utf-8", "replace")
    if process.returncode not in (0, 1):
        raise RuntimeError(f"{command[0]} ended with exit code {process.returncode}:\n{told[-2000:]}")
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Run(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / unit, told)


def measure(folder: Path, rounds: int, names: Sequence[str]) -> dict[str, list[Run]]:
    """Every named command once per round, in turn, after one round of each that is thrown away."""
    runs: dict[str, list[Run]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as compiled:
        for number in range(rounds + 1):
            for name in names:
                result = run(commands()[name], folder, compiled=Path(compiled))
                if number:
                    runs[name].append(result)
    return runs


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """The ratio of the medians of two series, and the range of the ratios of their rounds."""
    each = [a / b for a, b in zip(ours, theirs, strict=True)]
    return Ratio(median(ours) / median(theirs), min(each), max(each))


def compare(runs: Mapping[str, Sequence[Run]], other: str) -> dict[str, Ratio]:
    """Our processor time, wall time and memory against another program's."""
    ours, theirs = runs[OURS], runs[other]
    return {what: ratio([getattr(r, what) for r in ours], [getattr(r, what) for r in theirs]) for what in _MEASURES}


_MEASURES = ("cpu", "wall", "memory")


def shares(runs: Sequence[Run]) -> dict[str, float]:
    """The share of each stage in our wall time (medians); `start` is what no stage accounts for."""
    stages: dict[str, list[float]] = {}
    for one in runs:
        told = {name: float(seconds) for name, seconds in _STAGE.findall(one.errors)}
        told["start"] = max(0.0, one.wall - sum(told.values()))
        for name, seconds in told.items():
            stages.setdefault(name, []).append(seconds / one.wall)
    return {name: median(values) for name, values in stages.items()}


def report(tree: corpus.Tree, half: corpus.Tree, rounds: int) -> dict[str, object]:
    """Measure both trees and put the figures together."""
    runs = measure(tree.folder, rounds, tuple(commands()))
    part = measure(half.folder, rounds, (OURS,))
    counts = _COUNTS.search(runs[OURS][-1].errors)
    growth = ratio([one.cpu / tree.megabytes for one in runs[OURS]], [one.cpu / half.megabytes for one in part[OURS]])
    return {
        "files": len(tree.files),
        "megabytes": round(tree.megabytes, 1),
        "analysed": counts[0] if counts else "",
        "rounds": rounds,
        "ratios": {name: compare(runs, name) for name in commands() if name != OURS},
        "medians": {
            name: {what: round(median(getattr(r, what) for r in series), 2) for what in _MEASURES}
            for name, series in runs.items()
        },
        "stages": shares(runs[OURS]),
        "half": {"files": len(half.files), "megabytes": round(half.megabytes, 1)},
        "growth": growth,
    }


def lines(figures: Mapping[str, object]) -> Iterator[str]:
    """The figures for people."""
    half, ratios, growth = figures["half"], figures["ratios"], figures["growth"]
    stages, medians = figures["stages"], figures["medians"]
    assert isinstance(half, dict) and isinstance(ratios, dict) and isinstance(growth, Ratio)
    assert isinstance(stages, dict) and isinstance(medians, dict)
    yield f"{figures['files']} files, {figures['megabytes']} MB; {figures['analysed']}; rounds: {figures['rounds']}"
    for name, found in ratios.items():
        for what, value in found.items():
            goal = GOALS.get(what) if name == YARDSTICK else None
            yield f"{what:>7} / {name}: {value}" + (f", goal: at most {goal}" if goal else "")
    for name, values in medians.items():
        yield f"{name}: {values['cpu']} s of processor time, {values['wall']} s, {values['memory']} MiB"
    yield "stages of our wall time: " + ", ".join(f"{name} {share:.0%}" for name, share in stages.items())
    yield (
        f"growth, cpu per MB against {half['files']} files, {half['megabytes']} MB: {growth}, "
        f"goal: at most {GOALS['growth']}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Get the archives, unpack, measure, print. 0 even where a goal is missed: the figures are the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", nargs="+", default=list(corpus.PACKAGES), choices=list(corpus.PACKAGES))
    parser.add_argument("--archives", type=Path, help="a folder of archives; nothing is downloaded then")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path, help="write the figures to this JSON file too")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        for name in ("archives", "tree", "half"):
            (place / name).mkdir()
        given = options.archives
        archives = corpus.archives_in(given) if given else corpus.download(options.packages, place / "archives")
        for archive in archives:
            corpus.unpack(archive, place / "tree" / archive.name.removesuffix(".gz").rpartition(".")[0])
        tree = corpus.tree_of(place / "tree")
        if not tree.files:
            parser.error("the archives hold no Python files")
        figures = report(tree, corpus.half_of(tree, place / "half"), max(1, options.rounds))
    print("\n".join(lines(figures)))
    if options.output:
        options.output.write_text(json.dumps(figures, default=asdict, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
