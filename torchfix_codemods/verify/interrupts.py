"""Being told to end while programs run: what was started is cleared away first."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[None]:
    """What ends us politely (a closed terminal, a cancelled job) ends as Ctrl-C does: the sandbox is cleared away.

    Once, until we end: who presses twice would have half of it left.
    """
    names = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows lacks the last
    numbers = [number for name in names if (number := getattr(signal, name, None)) is not None]

    def interrupt(number: int, frame: object) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    former = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is interrupt:
            for number, handler in former.items():
                signal.signal(number, handler)
