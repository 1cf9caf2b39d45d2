"""The fork server: torch is imported once, every run is a fork.

Jobs come as JSON lines on standard input; events go to the descriptor of the stream, the last of a job is "done".
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import time
import traceback

from . import devices, dynamo
from .job import Job
from .stream import Stream

_GRACE = 5.0  # seconds after the limit of a run until it is killed
_TAIL = 20_000  # bytes of a run's output that are kept


def serve(descriptor):
    """Answer jobs until standard input ends."""
    dynamo.install()
    devices.trouble()  # once for all runs, but for those with other GPUs
    _adopt_orphans()
    Stream(descriptor).event("ready", pid=os.getpid())
    for line in iter(sys.stdin.buffer.readline, b""):
        job = Job(json.loads(line))
        if job.device != devices.REDIRECT:
            devices.trouble(job.env)
        Stream(descriptor, job.token).event("done", **_forked(job, descriptor))


def _run(job, stream):
    from .running import Run

    Run(job, stream).execute()


def _forked(job, descriptor):
    """Run a job in a child, keep the end of its output, kill it when its time is over."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _child(job, descriptor, reading, writing)
    os.close(writing)
    output, killed = _drained(child, reading, time.monotonic() + job.seconds + _GRACE)
    os.close(reading)
    _, status, usage = os.wait4(child, 0)
    _kill(child)  # what it has left behind in its group
    _end_orphans()
    return {
        "status": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
        "killed": killed,
        "cpu": usage.ru_utime + usage.ru_stime,
        "rss": usage.ru_maxrss,
        "output": output.decode("utf-8", "replace"),
    }


def _child(job, descriptor, reading, writing):
    """The life of a child. Never returns."""
    status, leave = 1, os._exit
    try:
        os.setsid()
        os.close(reading)
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        os.close(writing)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        _run(job, Stream(descriptor, job.token))
        status = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        leave(status)


def _drained(child, reading, deadline):
    """The end of what a child prints, until it ends or its time is over; and whether it had to be killed."""
    output, killed, sources = b"", False, [reading]
    while True:
        ready, _, _ = select.select(sources, [], [], 0.05)
        if ready:
            piece = os.read(reading, 65536)
            output = (output + piece)[-_TAIL:]
            if not piece:  # it may have closed its output, and go on
                sources = []
        elif _has_ended(child):
            return output, killed
        if time.monotonic() > deadline and not killed:
            killed = True
            _kill(child)


def _has_ended(child):
    """Whether a child has ended, without reaping it."""
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill(child):
    """The child and all of its group."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            kill(child, signal.SIGKILL)


# --- what a run leaves behind: a daemon would disturb, or spoil, the runs after it -----------------------------------


def _adopt_orphans():
    """Become the parent of every process below whose own parent ends (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def _end_orphans():
    """Kill the processes that fell to this one, and those that fall to it then, until none is left."""
    limit = time.monotonic() + _GRACE
    while time.monotonic() < limit:
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not ended:
            for child in _children():
                _kill(child)
            time.sleep(0.005)


def _children():
    """The children of this process; none where there is no /proc."""
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        with contextlib.suppress(OSError):
            if name.isdigit() and _parent(name) == os.getpid():
                found.append(int(name))
    return found


def _parent(pid):
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])  # a program's name may hold blanks and brackets
