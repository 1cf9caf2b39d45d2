"""Files that are made for people, reports and baselines: each is written whole, or left as it was."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from torchfix_codemods.source.atomic import remove_leftovers, temporary_names


def obstacle(file: Path) -> str | None:
    """Why a file cannot be written at this place, in a few words; None where nothing is in the way."""
    folder = file.parent
    if not os.path.isdir(folder):
        return f"there is no folder {folder}"
    try:
        return _in_place(os.lstat(file), file) or _in_folder(folder)
    except FileNotFoundError:
        return _in_folder(folder)
    except OSError as error:
        return (error.strerror or str(error)).lower()


def _in_folder(folder: Path) -> str | None:
    return None if os.access(folder, os.W_OK | os.X_OK) else f"nothing may be written into the folder {folder}"


def _in_place(status: os.stat_result, file: Path) -> str | None:
    """What speaks against the replacement of what is there."""
    if stat.S_ISLNK(status.st_mode):
        return "it is a link"
    if stat.S_ISDIR(status.st_mode):
        return "it is a folder"
    if not stat.S_ISREG(status.st_mode):
        return "it is no regular file"
    return None if status.st_mode & 0o222 and os.access(file, os.W_OK) else "it is read-only"


def write_output(file: Path, data: bytes) -> None:
    """Write a file, or replace it and keep its mode and owner. Raises `OSError`, then it is as it was."""
    names = temporary_names([file], os.urandom(6).hex())
    try:
        with open(names[0], "xb") as stream:
            stream.write(data)
        if file.exists():
            _pass_on(os.stat(file), names[0])
        os.replace(names[0], file)
    finally:
        remove_leftovers(names)


def _pass_on(old: os.stat_result, name: Path) -> None:
    """Give a new file the mode and owner of the one whose place it takes."""
    new = os.stat(name)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        with suppress(PermissionError):  # in a shared folder: somebody else's file, that we may write
            os.chown(name, old.st_uid, old.st_gid)
    os.chmod(name, stat.S_IMODE(old.st_mode))
