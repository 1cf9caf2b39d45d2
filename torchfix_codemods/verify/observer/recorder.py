"""What is known of the run so far: counters, places in the program, and the decision to stop."""

import os
import sys
import threading
import zlib

import torch

from . import seeds

#: Whatever lies here is no file of the program; asking the disk about each of them takes 0.2 ms.
_LIBRARIES = tuple(os.path.dirname(module.__file__) + os.sep for module in (os, torch))
_FRAMES = 12  # places of the program that are kept of a stack
_SWALLOWED = 50  # a program that catches everything is left after so many refusals to go on


class StopRun(BaseException):
    """Enough was seen. No `Exception`, so that ordinary handlers of the program let it through."""


class Recorder:
    """Counts work and hands events to the stream. `work` grows with every forward, backward and optimizer step."""

    def __init__(self, job, stream, notes):
        self.job = job
        self.stream = stream
        self.notes = notes
        self.root = os.path.realpath(job.root) + os.sep
        self.local = threading.local()  # .inside: how deep in the forwards of modules this thread is
        self.work = 0
        self.forwards = 0
        self.backwards = 0
        self.steps = 0
        self.trained = 0  # backwards and steps
        self.loaders = 0
        self.learning = set()  # identities of the parameters that an optimizer holds
        self.live = 0  # bytes that graphs of sampled forwards keep alive
        self.peak = 0
        self.asking = False  # while a forward is made once more, by us
        self.current = None  # the event of the outermost forward that is running
        self.stopped = None
        self._refused = 0
        self._files = {}
        self.on_lost = lambda: None  # writes the last event when the program swallows the stop

    # --- where ------------------------------------------------------------------------------------------------------

    def inside(self):
        """Whether this thread is inside of a module's forward."""
        return getattr(self.local, "inside", 0) > 0

    def relative(self, filename):
        """A path below the program's folder, None for all others."""
        if filename not in self._files:
            foreign = filename.startswith(("<", *_LIBRARIES))
            real = filename if foreign else os.path.realpath(filename)
            self._files[filename] = real[len(self.root) :] if real.startswith(self.root) else None
        return self._files[filename]

    def site(self, depth=1):
        """The innermost place of the program that is running: [path, line, function]."""
        frame = sys._getframe(depth)
        while frame is not None:
            path = self.relative(frame.f_code.co_filename)
            if path is not None:
                return [path.replace(os.sep, "/"), frame.f_lineno, frame.f_code.co_name]
            frame = frame.f_back
        return ["", 0, ""]

    def stack(self, depth=1):
        """The places of the program that lead here, innermost first: ((path, line), ...)."""
        found = []
        frame = sys._getframe(depth)
        while frame is not None and len(found) < _FRAMES:
            path = self.relative(frame.f_code.co_filename)
            if path is not None:
                found.append((path.replace(os.sep, "/"), frame.f_lineno))
            frame = frame.f_back
        return tuple(found)

    # --- how far ----------------------------------------------------------------------------------------------------

    def anchor(self, tag):
        """Seed all generators from a tag, so that both variants draw the same numbers from here on."""
        seeds.seed_all((self.job.seed * 1000003 + zlib.crc32(tag.encode())) & 0x7FFFFFFF)

    def stop(self, why):
        """End the run here. Raises `StopRun`, again and again where the program catches it."""
        self.stopped = self.stopped or why
        self._refused += 1
        if self._refused > _SWALLOWED:
            self.on_lost()
            os._exit(0)
        raise StopRun(why)

    def check_stopped(self):
        """Go on with an end that the program has swallowed."""
        if self.stopped:
            self.stop(self.stopped)
