"""The command line at a terminal: a child process on a pseudo terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import sys
import time
from pathlib import Path

TESTS = Path(__file__).parent.parent


class Session:
    """One run; `out` is all that was shown so far."""

    def __init__(self, arguments: list[str], folder: Path, plugin: Path, **environment: str) -> None:
        self.out = ""
        self.code: int | None = None
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ.update(environment)
            os.environ["PYTHONPATH"] = os.pathsep.join(map(str, (TESTS.parent, TESTS, plugin)))
            os.environ["TERM"] = "xterm"
            os.environ["COLUMNS"] = "120"
            os.execv(sys.executable, [sys.executable, "-m", "torchfix_codemods", *arguments])

    def wait_for(self, text: str, seconds: float = 30) -> str:
        """Read until `text` is shown; what came before it, and it, is taken from `out`."""
        end = time.monotonic() + seconds
        while text not in self.out:
            assert self._read(end - time.monotonic()), f"{text!r} never came: {self.out!r}"
        before, _, self.out = self.out.partition(text)
        return before + text

    def press(self, keys: str) -> None:
        os.write(self._descriptor, keys.encode())

    def interrupt(self) -> None:
        os.kill(self.pid, signal.SIGINT)

    def finish(self, seconds: float = 30) -> str:
        """Everything that is still shown until the process ends; sets `code`."""
        end = time.monotonic() + seconds
        while self._read(end - time.monotonic()):
            pass
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self._descriptor)
        return self.out.replace("\r\n", "\n")

    def _read(self, seconds: float) -> bool:
        if seconds <= 0 or not select.select([self._descriptor], [], [], seconds)[0]:
            os.kill(self.pid, signal.SIGKILL)
            raise AssertionError(f"the process hangs: {self.out!r}")
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:  # how Linux reports that the other side is closed
            return False
        self.out += data.decode()
        return bool(data)
