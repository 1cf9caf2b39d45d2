"""The process between a layer and the program: namespaces, limits, and an end for all that the program started.

Started in an isolated Python without site-packages (`layers.launcher`), once for each run, so it imports little.
Its one argument is an `Order` as JSON. It waits for the program, ends what is left of its family, and takes over its
exit status: 128 + n after signal n, as a shell says; with a line on standard error, 127 if the program can't be
started and 126 if the isolation failed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn

from torchfix_codemods.verify.sandbox import namespaces
from torchfix_codemods.verify.sandbox.limits import apply_limits
from torchfix_codemods.verify.sandbox.processes import end_descendants

_NO_ISOLATION, _NO_PROGRAM = 126, 127
_LINUX = sys.platform == "linux"

Order = Mapping[str, Any]  # see `layers.launcher`, which writes it


def main() -> NoReturn:
    order: Order = json.loads(sys.argv[1])
    try:
        _isolate(order)
    except OSError as error:
        _leave(_NO_ISOLATION, error)
    if order["supervise"]:
        _supervise(_as_init if "processes" in order["holds"] else _become, order)
    _become(order)


def _isolate(order: Order) -> None:
    if order["holds"]:
        namespaces.enter(order["holds"])
    if "files" in order["holds"]:
        namespaces.lock_files(order["writable"], **order["files"])


def _as_init(order: Order) -> NoReturn:
    """The first process of a namespace: signals don't reach it by default, so the program must be another."""
    try:
        namespaces.show_own_processes(cuda=order["cuda"])
    except OSError as error:  # inside a container whose /proc is partly covered
        _leave(_NO_ISOLATION, error)
    _supervise(_become, order)


def _become(order: Order) -> NoReturn:
    """Turn into the program."""
    argv = order["argv"]
    try:
        if order["holds"]:
            namespaces.drop_privileges()
        os.chdir(order["cwd"])  # also out of what a mount has covered
        apply_limits(order["limits"])
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and a child would inherit that
            signal.signal(number, signal.SIG_DFL)
        os.execvp(argv[0], argv)
    except OSError as error:
        _leave(_NO_PROGRAM, f"can't start {argv[0]}: {error}")


def _supervise(then: Callable[[Order], NoReturn], order: Order) -> NoReturn:
    """Run `then` in a child, wait for it, end its family, and leave with its status."""
    signal.signal(signal.SIGTERM, _end)
    if _LINUX:
        namespaces.adopt_orphans()
        namespaces.signal_at_parents_death(signal.SIGTERM)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if _LINUX:
            namespaces.signal_at_parents_death(signal.SIGKILL)
        then(order)
    status = _wait_for(child)
    end_descendants(os.getpid())
    os._exit(status)


def _wait_for(child: int) -> int:
    """The exit status of `child`; orphans that end meanwhile are reaped."""
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _end(number: int, frame: object) -> None:
    """The host is gone: nobody will ask for the rest."""
    with suppress(OSError):
        end_descendants(os.getpid())
    os._exit(128 + number)


def _leave(status: int, why: object) -> NoReturn:
    print(f"torchfix verify: {why}", file=sys.stderr, flush=True)
    os._exit(status)
