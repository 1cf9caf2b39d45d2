"""Many files over several processes: the same findings as in one, in the same order.

Workers are forked, so they inherit everything and only results travel. They are handed small slices of neighbouring
files, which share much of what a process learns, as they become free. When a worker dies (a file may kill the
interpreter), only the file it was at is lost.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torchfix_codemods.checking.collector import collect_many
from torchfix_codemods.findings import Finding, Problem, Skipped

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

#: Fewer files than this are done before a second process pays.
WORTH_A_POOL = 40
_SLICE = 8


@dataclass(frozen=True)
class Checked:
    """What a stretch of files gave: findings and problems in order, and files skipped on the way.

    `producers` are the files that gave findings (which may stand in other files), `dismissed` are candidates that were
    not checked, since a closer look showed that there is nothing to find.
    """

    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    producers: frozenset[str] = frozenset()
    dismissed: tuple[str, ...] = ()


#: Checks one file. Made once in every process by a `Start`, so that it can keep what it has parsed.
Check = Callable[[str], Checked]
Start = Callable[[], Check]


def check_all(paths: Sequence[str], start: Start, jobs: int, done: Callable[[int], None]) -> Checked:
    """Every path checked, by up to `jobs` processes where that pays; `done` hears how many are finished."""
    if jobs < 2 or len(paths) < WORTH_A_POOL or not _can_fork():
        results = _in_turn(paths, start(), done)
    else:
        results = _Pool(paths, start, done).run(min(jobs, len(paths) // (WORTH_A_POOL // 2)))
    return _joined(results)


def _in_turn(paths: Sequence[str], check: Check, done: Callable[[int], None]) -> list[Checked]:
    results = []
    for number, path in enumerate(paths, 1):
        results.append(check(path))
        collect_many()
        done(number)
    return results


def available_jobs() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _can_fork() -> bool:
    # On macOS forked processes are not safe once system libraries have been used.
    return hasattr(os, "fork") and sys.platform != "darwin"


def _joined(results: Sequence[Checked]) -> Checked:
    skipped = {item.path: item for result in results for item in result.skipped}
    return Checked(
        tuple(finding for result in results for finding in result.findings),
        tuple(problem for result in results for problem in result.problems),
        tuple(skipped[path] for path in sorted(skipped)),
        frozenset().union(*(result.producers for result in results)),
        tuple(path for result in results for path in result.dismissed),
    )


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    slice: list[int]


class _Pool:
    """Slices still to do, workers at work, results by the number of their path."""

    def __init__(self, paths: Sequence[str], start: Start, done: Callable[[int], None]) -> None:
        self._paths = paths
        self._start = start
        self._done = done
        self._slices = [list(range(i, min(i + _SLICE, len(paths)))) for i in range(0, len(paths), _SLICE)]
        self._slices.reverse()
        self._results: dict[int, Checked] = {}
        self._workers: dict[Connection, _Worker] = {}

    def run(self, jobs: int) -> list[Checked]:
        """All results, in the order of the paths."""
        from multiprocessing.connection import wait

        try:
            for _ in range(jobs):
                self._hire()
            while self._workers:
                for connection in wait(list(self._workers)):
                    self._hear(self._workers[connection])  # type: ignore[index]
        finally:
            for worker in self._workers.values():
                worker.process.terminate()
        return [self._results[number] for number in range(len(self._paths))]

    def _hire(self) -> None:
        from multiprocessing import get_context

        context = get_context("fork")
        ours, theirs = context.Pipe()
        others = [ours, *self._workers]
        process = context.Process(target=_work, args=(theirs, others, self._paths, self._start), daemon=True)
        process.start()
        theirs.close()
        worker = _Worker(process, ours, [])
        self._workers[ours] = worker
        self._feed(worker)

    def _hear(self, worker: _Worker) -> None:
        try:
            number, result = worker.connection.recv()
        except (EOFError, ConnectionError):
            self._bury(worker)
            return
        self._results[number] = result
        worker.slice.remove(number)
        self._done(len(self._results))
        if not worker.slice:
            self._feed(worker)

    def _feed(self, worker: _Worker) -> None:
        """Hand the next slice to a worker, or dismiss it."""
        worker.slice = self._slices.pop() if self._slices else []
        with suppress(ConnectionError):  # it has just died: the next thing heard from it is the end of its pipe
            worker.connection.send(worker.slice)
        if not worker.slice:
            self._dismiss(worker)

    def _bury(self, worker: _Worker) -> None:
        """The file that a dead worker was at is skipped; the rest of its slice goes to a new one."""
        self._dismiss(worker)
        fatal, *rest = worker.slice
        path = self._paths[fatal]
        reason = f"the process that analysed it died (exit code {worker.process.exitcode})"
        self._results[fatal] = Checked(skipped=(Skipped(path, "analysis-died", reason),))
        if rest:
            self._slices.append(rest)
        if self._slices:
            self._hire()

    def _dismiss(self, worker: _Worker) -> None:
        del self._workers[worker.connection]
        worker.process.join()
        worker.connection.close()


def _work(connection: Connection, others: list[Connection], paths: Sequence[str], start: Start) -> None:
    """A worker's life: slices of numbers in, one result for each number out, an empty slice ends it."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    for other in others:
        other.close()  # a copy of another's pipe would keep its end from being noticed
    gc.freeze()  # what the parent holds is no garbage
    check = start()
    while numbers := connection.recv():
        for number in numbers:
            connection.send((number, check(paths[number])))
            collect_many()
