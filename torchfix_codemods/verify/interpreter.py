"""Which Python the user's programs run with: theirs, with their torch, not the one that runs us."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from torchfix_codemods.source.errors import UsageError, printable

OLDEST = (3, 8)  # what the observer's syntax asks for
SECONDS = 60.0  # of wall time for one `import torch`; a cold one from a slow disk takes 20
_MARK = "torchfix-torch:"
_PROBE = f"""
import sys
print("{_MARK}python", "%d.%d" % sys.version_info[:2])
if sys.version_info >= {OLDEST}:
    import torch
    print("{_MARK}version", torch.__version__)
"""


def interpreter(configured: str | None, project: Path, environment: Mapping[str, str] | None = None) -> str:
    """The Python of the project: the configured one, the active environment's, the project's own, else ours.

    `configured` is a command, or a path that counts from `project`. Raises `UsageError` where that one isn't there.
    """
    if configured is not None:
        return _configured(configured, project)
    places = _environments(os.environ if environment is None else environment, project)
    found = (python for folder in places for python in _pythons(folder))
    return next((str(python) for python in found if os.access(python, os.X_OK)), sys.executable)


def can_import_torch(python: str, seconds: float = SECONDS) -> tuple[str | None, str]:
    """The version of torch that `python` imports, or None and one line that says why it doesn't.

    Asked by doing it: an installed torch may still lack a library. That runs the environment's own start-up code,
    as every use of that interpreter does, in an empty folder, so that no `torch.py` is in the way.
    """
    import tempfile

    with tempfile.TemporaryDirectory(prefix="torchfix-") as folder:
        try:
            code, output, errors = _run([python, "-c", _PROBE], folder, seconds)
        except TimeoutError:
            return None, printable(f"{python}: import torch took more than {seconds:g} seconds")
        except OSError as error:
            return None, printable(f"{python}: {(error.strerror or str(error)).lower()}")
    told = dict(line[len(_MARK) :].partition(" ")[::2] for line in output.splitlines() if line.startswith(_MARK))
    if "version" in told:
        return told["version"].strip(), ""
    if "python" not in told:
        return None, printable(f"{python}: is no Python interpreter")
    if code == 0:
        oldest = ".".join(map(str, OLDEST))
        return None, printable(f"{python}: is Python {told['python'].strip()}, {oldest} or newer is needed")
    last = (errors.strip() or f"exit code {code}").splitlines()[-1].strip()
    return None, printable(f"{python}: import torch: {last}")


def _configured(configured: str, project: Path) -> str:
    """The Python of a command, of a path, or of the folder of an environment. Raises `UsageError`."""
    import shutil

    path = os.path.normpath(os.path.join(project, os.path.expanduser(configured)))
    command = shutil.which(configured) if os.path.basename(configured) == configured else None
    if command is None and not os.path.exists(path):
        raise UsageError(f"python: {configured}: no such file or command")
    candidates = [command] if command else list(map(str, _pythons(Path(path)))) if os.path.isdir(path) else [path]
    found = next((one for one in candidates if os.access(one, os.X_OK)), None)
    if found is None:
        raise UsageError(f"python: {configured}: nothing there that can be executed")
    return os.path.abspath(found)


def _environments(environment: Mapping[str, str], project: Path) -> Iterator[Path]:
    """Folders of environments, best first. conda's base is active in every terminal, so that it says the least."""
    conda = environment.get("CONDA_PREFIX")
    is_base = environment.get("CONDA_DEFAULT_ENV") == "base"
    if environment.get("VIRTUAL_ENV"):
        yield Path(environment["VIRTUAL_ENV"])
    if conda and not is_base:
        yield Path(conda)
    # Only what really is an environment: a folder of that name may hold anything.
    yield from (folder for name in (".venv", "venv") if ((folder := project / name) / "pyvenv.cfg").is_file())
    if conda and is_base:
        yield Path(conda)


def _pythons(folder: Path) -> tuple[Path, ...]:
    """Where an environment keeps its Python, on this and that system."""
    if os.name == "nt":
        return folder / "Scripts" / "python.exe", folder / "python.exe"
    return folder / "bin" / "python", folder / "bin" / "python3"


def _run(argv: list[str], folder: str, seconds: float) -> tuple[int, str, str]:
    """Exit code and both outputs. The outputs are files: a grandchild that keeps a pipe open would hold us up.

    Raises `OSError` where it doesn't start and `TimeoutError` where it doesn't end.
    """
    import subprocess

    with open(os.path.join(folder, "out"), "w+b") as out, open(os.path.join(folder, "err"), "w+b") as err:
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        work = os.path.join(folder, "empty")
        os.mkdir(work)
        process = subprocess.Popen(
            argv, cwd=work, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError from None
        finally:
            _kill(process.pid)
            process.wait()
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "replace"))
    return code, texts[0], texts[1]


def _kill(pid: int) -> None:
    """End a process that leads its own session, and all of its group that are still there."""
    import contextlib
    import signal

    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)
