"""One run in this process: everything is put in place, the program is executed as `__main__`, the end is told."""

import contextlib
import ctypes
import functools
import importlib
import os
import re
import resource
import signal
import sys
import traceback
import types
import warnings

import torch

from . import devices, legacy, loops, redirect, seeds, shadow, standins
from .backwards import Backwards, Optimizers
from .forwards import Forwards
from .functions import Functions
from .gradients import Gradients
from .loaders import Loaders
from .notes import Notes
from .recorder import Recorder, StopRun

_WARNINGS = 50  # different warnings that are told
_FRAME = re.compile(r'File "(.+?)", line (\d+)')
_TEXT = 400  # characters of a message


class Run:
    """A program under observation. `execute` returns when it has ended, however it did."""

    def __init__(self, job, stream):
        self.job = job
        self.stream = stream
        self.notes = Notes()
        self.recorder = Recorder(job, stream, self.notes)
        self.gradients = Gradients(self.recorder)
        self.backwards = Backwards(self.recorder, self.gradients)
        self.functions = Functions(self.recorder)
        self.device = ""  # not chosen yet
        self._warned = {}
        self._cause = None  # where the value was computed on which a backward failed, when anomalies are looked for
        self._told = False

    def execute(self):
        """Run the program, and tell how it ended. Exceptions of the program end here."""
        status, why, error = "finished", None, None
        try:
            os.environ.update(self.job.env)
            os.chdir(self.job.cwd)
            rewriter = self._prepare()
            with torch.autograd.set_detect_anomaly(self.job.anomaly, **self._check_nan()):
                self._program(rewriter)
        except StopRun as stop:
            status, why = "stopped", str(stop)
        except SystemExit as end:
            status, why = "exit", _exit_code(end.code)
            error = {"type": "SystemExit", "message": str(end.code)[:_TEXT], "place": None} if why else None
        except BaseException as raised:
            status, error = ("stopped", None) if self.recorder.stopped else ("crashed", self._described(raised))
            why = self.recorder.stopped
            if not self.recorder.stopped:
                traceback.print_exc()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if status == "finished" and self.recorder.stopped:  # the program has swallowed the stop
            status, why = "stopped", self.recorder.stopped
        self.tell_end(status, why, error)

    def tell_end(self, status, why, error=None):
        """The last event, once."""
        if self._told:
            return
        self._told = True
        self.backwards.flush()
        self.functions.flush()
        recorder = self.recorder
        self.stream.event(
            "end",
            status=status,
            why=why,
            error=error,
            forwards=recorder.forwards,
            backwards=recorder.backwards,
            steps=recorder.steps,
            peak=recorder.peak,
            memory=self._gpu_memory(),
            rss=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            warnings=[[*key, count] for key, count in self._warned.items()],
            notes=self.notes.told(),
            device=devices.told(self.device, self.notes.told()) if self.device else "",
        )
        for output in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                output.flush()

    def _gpu_memory(self):
        """Bytes over all GPUs; None where that was not observed."""
        by_device = devices.memory() if self.device == "cuda" else None
        return None if by_device is None else sum(by_device.values())

    # --- before the program ------------------------------------------------------------------------------------------

    def _prepare(self):
        """Put everything in place, the guard last."""
        job, notes = self.job, self.notes
        torch.set_num_threads(job.threads)
        _one_way_of_attention()
        seeds.seed_all(job.seed)
        if job.fixed_seeds:
            seeds.override(job.seed, notes)
        standins.install(job.standins, job.root, job.seed, notes)
        if job.legacy:
            legacy.install(notes)
        self.device = devices.choose(job.device, notes)
        if self.device == "cpu-redirect":
            (shadow if job.shadow else redirect).install(notes)
        optimizers = Optimizers(self.recorder, self.gradients)
        parts = (self.functions, self.backwards, Loaders(self.recorder), optimizers, Forwards(self.recorder))
        for part in parts:
            part.install()
        loops.Bounds(self.recorder).install()
        rewriter = loops.Rewriter(self.recorder, functools.partial(legacy.source, note=notes) if job.legacy else bytes)
        rewriter.install()
        self._watch_ends()
        self._tell_start()
        if job.guard:
            from . import guard

            guard.arm([*job.writable, job.root], notes, contained=job.contained, homes=job.homes)
        return rewriter

    def _tell_start(self):
        version = "{}.{}.{}".format(*sys.version_info[:3])
        self.stream.event("start", torch=str(torch.__version__), python=version, device=self.device, pid=os.getpid())

    def _watch_ends(self):
        """Time, the exit that no handler sees, and a program that swallows the stop."""
        recorder = self.recorder
        recorder.on_lost = lambda: self.tell_end("stopped", recorder.stopped)
        signal.signal(signal.SIGALRM, lambda *_: recorder.stop("seconds"))
        signal.setitimer(signal.ITIMER_REAL, self.job.seconds, 0.5)
        leave, owner = os._exit, os.getpid()

        def _exit(code):
            if os.getpid() == owner:
                signal.setitimer(signal.ITIMER_REAL, 0)
                self.tell_end("exit", code or None)
            leave(code)

        os._exit = _exit
        warnings.showwarning = self._on_warning
        warnings.simplefilter("always")

    def _on_warning(self, message, category, filename, lineno, file=None, line=None):
        if "Traceback of forward call" in str(message):
            frames = [(self.recorder.relative(path), int(number)) for path, number in _FRAME.findall(str(message))]
            self._cause = next((frame for frame in reversed(frames) if frame[0]), None)
        key = (category.__name__, str(message)[:_TEXT], self.recorder.relative(filename) or "", lineno)
        if key in self._warned or len(self._warned) < _WARNINGS:
            self._warned[key] = self._warned.get(key, 0) + 1

    @staticmethod
    def _check_nan():
        code = torch.autograd.set_detect_anomaly.__init__.__code__
        return {"check_nan": False} if "check_nan" in code.co_varnames else {}

    # --- the program -------------------------------------------------------------------------------------------------

    def _program(self, rewriter):
        """Execute the script in a fresh module `__main__`, as Python would have set it up."""
        job = self.job
        sys.argv = [job.script, *job.args]
        sys.path[:0] = job.paths or [os.path.dirname(job.script)]
        self._leave_the_original()
        main = types.ModuleType("__main__")
        main.__file__ = job.script
        main.__builtins__ = __builtins__
        if job.module:
            main.__package__ = job.module.rpartition(".")[0]
            importlib.import_module(main.__package__)  # as `python -m` does first
        sys.modules["__main__"] = main
        with open(job.script, "rb") as file:
            code = rewriter.compiled(file.read(), job.script)
        exec(code, main.__dict__)

    def _leave_the_original(self):
        """An installed or configured path to the original of the project leads to this copy instead."""
        original = os.path.realpath(self.job.project) if self.job.project else None
        for number, entry in enumerate(sys.path):
            real = os.path.realpath(entry)
            if original and (real == original or real.startswith(original + os.sep)):
                sys.path[number] = os.path.normpath(os.path.join(self.job.root, os.path.relpath(real, original)))

    def _described(self, error):
        """Type, message and place of an exception: the last line of the program, and the last line of all."""
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if self.recorder.relative(frame.filename) is not None]
        if isinstance(error, SyntaxError) and error.filename and self.recorder.relative(error.filename):
            place = [self.recorder.relative(error.filename), error.lineno or 0, ""]
        else:
            place = [self.recorder.relative(own[-1].filename), own[-1].lineno, own[-1].name] if own else None
        return {
            "type": type(error).__name__,
            "message": _message(error, own).replace(self.recorder.root, "")[:_TEXT],
            "place": place,
            "cause": self._cause,
            "missing": getattr(error, "name", None) if isinstance(error, ImportError) else None,
        }


def _one_way_of_attention():
    """Evaluation without gradients takes a fused way through attention, with zeros at padded places: rounding and
    zeros would look like a change of what the model gives."""
    with contextlib.suppress(AttributeError):
        torch.backends.mha.set_fastpath_enabled(False)


def _message(error, own):
    """What an exception says; a bare `assert` says nothing, so its line is told."""
    if isinstance(error, SyntaxError):
        return error.msg or str(error)  # its text repeats the place
    return str(error) or (own[-1].line if own else "") or ""


def _exit_code(code):
    """0 and None are success; a text is an error, as Python sees it."""
    return None if code in (None, 0, False) else str(code)[:_TEXT]


def die_with_parent():
    """Where the system can (Linux), this process is killed when the one that started it ends."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
