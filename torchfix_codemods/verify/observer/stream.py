"""Events, as JSON lines on a descriptor that was opened before anything of the program ran.

They are written as they happen: a run that is killed still counts for what it has told.
"""

import json
import os


class Stream:
    """Writes one line for each event, from the process that made it alone (a forked child stays silent)."""

    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._pid = os.getpid()

    def event(self, kind, **fields):
        """Write an event of a kind. A host that is gone is no reason to disturb the program."""
        if os.getpid() != self._pid:
            return
        self._write(json.dumps(dict(fields, e=kind), default=str) + "\n")

    def fresh_line(self):
        """End the line that somebody who was killed may have left unfinished."""
        self._write("\n")

    def _write(self, text):
        line = memoryview(text.encode())
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
        except OSError:
            pass
