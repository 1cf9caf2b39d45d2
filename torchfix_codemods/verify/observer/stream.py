"""Events, as JSON lines on a descriptor that was opened before anything of the program ran.

They are written as they happen: a run that is killed still counts for what it has told. Each line begins with the
token of its run, which only the observer knows: what a program writes to a descriptor that it finds open is no event.
That is no border against a program that looks for the token in its own memory.
"""

import os
from json import dumps  # by name: a program may replace what the modules hold
from os import getpid, write


class Stream:
    """Writes one line for each event, from the process that made it alone (a forked child stays silent)."""

    def __init__(self, descriptor, token=""):
        self._descriptor = descriptor
        self._token = token
        self._pid = getpid()

    def event(self, kind, **fields):
        """Write an event of a kind. A host that is gone is no reason to disturb the program."""
        if getpid() != self._pid:
            return
        line = memoryview((self._token + dumps(dict(fields, e=kind), default=str) + "\n").encode())
        while line:
            try:
                line = line[write(self._descriptor, line) :]
            except BlockingIOError:  # the program has made all of its descriptors so
                os.set_blocking(self._descriptor, True)
            except OSError:
                return
