"""Which Python the user's programs run with: theirs, with their torch, not the one that runs us."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from torchfix_codemods.source.errors import UsageError


def interpreter(configured: str | None, project: Path, environment: Mapping[str, str] | None = None) -> str:
    """The Python of the project: the configured one, the active environment's, the project's own, else ours.

    Environments without torch are passed over where another one has it. `configured` is a command, or a path that
    counts from `project`. Raises `UsageError` where that one isn't there.
    """
    if configured is not None:
        return _configured(configured, project)
    places = _environments(os.environ if environment is None else environment, project)
    found = [(folder, python) for folder in places if (python := _executable(folder)) is not None]
    found.append((Path(sys.prefix), sys.executable))
    return next((python for folder, python in found if _may_have_torch(folder)), found[0][1])


def _executable(folder: Path) -> str | None:
    """The Python of an environment, None where there is none that can be started."""
    return next((str(python) for python in _pythons(folder) if os.access(python, os.X_OK)), None)


def _may_have_torch(folder: Path) -> bool:
    """Whether torch lies in an environment, or might lie in the one below it. Nothing is started to find out."""
    if any(any(folder.glob(f"{lib}/site-packages/torch")) for lib in ("lib*/python*", "Lib")):
        return True
    try:
        said = (folder / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return re.search(r"^include-system-site-packages\s*=\s*true", said, re.MULTILINE) is not None


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
