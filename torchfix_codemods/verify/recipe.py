"""How one program is run: from the settings, the command line over them, and what the program itself shows."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from torchfix_codemods.source.around import is_too_much
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.ignore import git_root
from torchfix_codemods.source.settings import Settings
from torchfix_codemods.source.verify_settings import STANDINS, VerifySettings
from torchfix_codemods.verify.closure import project_at
from torchfix_codemods.verify.interpreter import interpreter
from torchfix_codemods.verify.launch import import_roots, is_module, working_folder
from torchfix_codemods.verify.model import Limits


@dataclass(frozen=True)
class Recipe:
    """Everything that a run of one program needs. Paths are posix and relative to `project`, if not said otherwise.

    `project` is copied into the sandbox, `folder` is the working folder there. `paths` are the folders from which the
    program imports files of the project: the first is what Python itself puts first, and all of them have to come
    before an installed copy of the same package, which would be run unchanged. `module`: it is run by its
    `module_name`, because it uses relative imports. `prepare` are commands to run in `folder` before each run.
    `files` are data, absolute where they lie outside of the project; `missing` are those that aren't there. `python`
    is absolute, `layer` is the isolation asked for, `standins` are the kinds that are allowed.
    """

    project: Path
    script: str
    args: tuple[str, ...] = ()
    module: bool = False
    folder: str = "."
    paths: tuple[str, ...] = (".",)
    prepare: tuple[tuple[str, ...], ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    files: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    python: str = ""
    limits: Limits = field(default_factory=Limits)
    device: str = "auto"
    layer: str = "auto"
    standins: tuple[str, ...] = ()

    @property
    def module_name(self) -> str:
        """What follows `-m`; "" for a program that is run as a file."""
        if not self.module:
            return ""
        top = "" if self.paths[0] == "." else self.paths[0] + "/"
        name = self.script.removeprefix(top).removesuffix(".py").removesuffix("/__main__")
        return name.replace("/", ".")


def recipe_for(
    script: str | Path,
    args: Sequence[str] | None,
    settings: Settings,
    overrides: VerifySettings | None = None,
    *,
    cwd: Path,
    holding: Collection[Path] = (),
) -> Recipe:
    """How `script` (a path that counts from `cwd`) is run.

    `args` and `overrides` are what the command line says (None: nothing) and go over the settings, whose table of
    that script goes over the table of all. `holding` are files that the copied project must hold: those to be
    changed. Raises `UsageError`: no such script, no such interpreter, or a project that can't be copied.
    """
    real = _script_file(script, cwd)
    said = overrides or VerifySettings()
    said = said if args is None else replace(said, args=tuple(args))
    wanted = _anchored(said, cwd).over(_settings_for(real, settings))
    project = project_root(real, holding)
    relative = real.relative_to(project).as_posix()
    sources = project_at(project, (relative,))
    paths = import_roots(sources, relative)
    files = [_within(Path(file), project) for file in wanted.files or ()]
    python = interpreter(wanted.python, project)
    return Recipe(
        project=project,
        script=relative,
        args=wanted.args or (),
        module=is_module(relative, paths),
        folder=_folder(wanted.folder, project) or working_folder(sources, relative, paths, project, cwd),
        paths=paths,
        prepare=tuple(_by(python, command) for command in wanted.prepare or ()),
        env=wanted.env or (),
        files=tuple(file for file in files if (project / file).exists()),
        missing=tuple(file for file in files if not (project / file).exists()),
        python=python,
        limits=_limits(wanted),
        device=wanted.device or "auto",
        layer=wanted.sandbox or "auto",
        standins=_standins(wanted),
    )


def configured_scripts(settings: Settings) -> tuple[Path, ...]:
    """The programs that the settings name, each once, in order. Raises `UsageError` for one that isn't there."""
    if settings.root is None:
        return ()
    verify = settings.verify
    names = [*(verify.script or ()), *(name for one in verify.scripts or () for name in one.script or ())]
    return tuple(dict.fromkeys(_script_file(name, settings.root) for name in names))


def project_root(script: Path, holding: Collection[Path] = ()) -> Path:
    """The folder to be copied for a run: it has to hold all that a program takes from beside or above itself.

    That is the repository (programs reach for `../configs`, `../../data`), where there is none the nearest folder
    with a pyproject.toml, else the folder above the program's outermost package, else its own; and so much more that
    all files of `holding` (real paths) are in it. The home folder and the top of the disk are never taken, even where
    they are repositories. Raises `UsageError` where nothing else is left.
    """
    own = _outside_of_packages(script.parent)
    found = git_root(str(script.parent))
    candidates = [Path(found)] if found else []
    candidates += [folder for folder in (own, *own.parents) if (folder / "pyproject.toml").is_file()]
    root = next((folder for folder in candidates if not is_too_much(folder)), own)
    try:
        root = Path(os.path.commonpath([root, *(file.parent for file in holding)]))
    except ValueError:  # another drive
        raise UsageError(f"{script}: not on the disk of the files that are to be changed") from None
    if is_too_much(root):
        raise UsageError(f"{script}: its project would be all of {root}, which is too much to copy for a run")
    return root


def _script_file(script: str | Path, base: Path) -> Path:
    real = Path(os.path.realpath(base / os.path.expanduser(script)))
    if real.is_dir():
        if not (real / "__main__.py").is_file():
            raise UsageError(f"{script}: a folder, not a script")
        return real / "__main__.py"
    if not real.is_file():
        raise UsageError(f"{script}: no such script")
    if real.suffix not in ("", ".py", ".pyw"):
        raise UsageError(f"{script}: not a Python program")
    return real


def _settings_for(script: Path, settings: Settings) -> VerifySettings:
    """The settings of one script: its own table over that of all, with paths made absolute.

    Arguments of the common table belong to the scripts that it names, if it names any.
    """
    if settings.root is None:
        return settings.verify
    common = settings.verify
    if common.script and script not in [_real(name, settings.root) for name in common.script]:
        common = replace(common, args=None)
    own = [one for one in common.scripts or () if one.script and _real(one.script[0], settings.root) == script]
    return _anchored(own[0].over(common) if own else common, settings.root)


def _anchored(settings: VerifySettings, base: Path) -> VerifySettings:
    """The same with paths that no longer depend on where they were written; a bare `python3.9` stays a command."""
    python = settings.python
    return replace(
        settings,
        # Links to data stay links: a program says `data`, wherever that leads.
        files=None if settings.files is None else tuple(_absolute(file, base) for file in settings.files),
        folder=None if settings.folder is None else str(_real(settings.folder, base)),
        python=python if python is None or os.path.basename(python) == python else _absolute(python, base),
    )


def _absolute(path: str, base: Path) -> str:
    return os.path.normpath(os.path.join(os.path.realpath(base), os.path.expanduser(path)))


def _real(path: str, base: Path) -> Path:
    return Path(os.path.realpath(_absolute(path, base)))


def _within(path: Path, project: Path) -> str:
    return path.relative_to(project).as_posix() if path.is_relative_to(project) else path.as_posix()


def _outside_of_packages(folder: Path) -> Path:
    while (folder / "__init__.py").is_file() and folder.parent != folder:
        folder = folder.parent
    return folder


def _by(python: str, command: tuple[str, ...]) -> tuple[str, ...]:
    """The command, with the project's interpreter where it says `python`: PATH may lead to another."""
    return (python, *command[1:]) if command[0] in ("python", "python3") else command


def _folder(configured: str | None, project: Path) -> str | None:
    """The working folder that the settings ask for. Raises `UsageError` where the copy would not hold it."""
    if configured is None:
        return None
    if not os.path.isdir(configured):
        raise UsageError(f"folder: {configured}: no such folder")
    if not Path(configured).is_relative_to(project):
        raise UsageError(f"folder: {configured}: not in the project {project}")
    return Path(configured).relative_to(project).as_posix()


def _limits(settings: VerifySettings) -> Limits:
    given = {part.name: getattr(settings, part.name) for part in fields(Limits)}
    return Limits(**{name: value for name, value in given.items() if value is not None})


def _standins(settings: VerifySettings) -> tuple[str, ...]:
    usual = tuple(kind for kind in STANDINS if kind != "text")
    kinds = usual if settings.standins is None else settings.standins
    return tuple(dict.fromkeys((*kinds, "text"))) if settings.text else tuple(dict.fromkeys(kinds))
