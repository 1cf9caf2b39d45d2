"""A thread of its own network, with loopback only: what is started from it reaches nothing else.

    with Loopback() as loopback:
        server = loopback.do(lambda: GitServer(folder, "t0ken").__enter__())   # its port is inside
        loopback.do(lambda: subprocess.run(["act", ...]))                      # and so is this program

Linux ties a thread, and what it starts, to a network namespace; making one needs root or user namespaces. Where that is
not allowed, the same runs on the machine's own loopback: `isolated` says which it is.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
_Result = TypeVar("_Result")


class Loopback:
    """The thread, alive while its `with` block runs."""

    def __enter__(self) -> Loopback:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self.isolated = self._thread.submit(_isolate).result()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def do(self, work: Callable[[], _Result]) -> _Result:
        """What `work` returns or raises when it is called in the thread."""
        return self._thread.submit(work).result()


def _isolate() -> bool:
    """Give the calling thread a network with loopback only; whether that was allowed."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "unshare") or libc.unshare(CLONE_NEWNET) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))
    return True
