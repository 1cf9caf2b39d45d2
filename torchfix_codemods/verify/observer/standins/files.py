"""Files and the terminal: folders that a program writes into, texts that it reads, the size of the screen."""

import builtins
import io
import os
import sys

import torch

from . import text


class _Inside:
    """Whether a path lies below the sandbox's project folder, and its name for people."""

    def __init__(self, root):
        self.root = os.path.realpath(root)

    def holds(self, path):
        if not isinstance(path, (str, os.PathLike)):
            return False
        return (os.path.realpath(os.fspath(path)) + os.sep).startswith(self.root + os.sep)

    def name(self, path):
        return os.path.relpath(os.path.realpath(os.fspath(path)), self.root)


def install_folders(root, note):
    """Writing into a folder that is missing makes it: programs expect `results/` to be there from an earlier day."""
    inside = _Inside(root)

    def make_folder_of(path):
        """Whether the folder of this path was missing and has been made."""
        if not inside.holds(path):
            return False
        folder = os.path.dirname(os.path.abspath(os.fspath(path)))
        if os.path.isdir(folder):
            return False
        os.makedirs(folder, exist_ok=True)
        note("folder", inside.name(folder))
        return True

    def writes(mode):
        return isinstance(mode, str) and any(letter in mode for letter in "wax")

    def recover(path, mode):
        return writes(mode) and make_folder_of(path)

    _retry_open(recover)
    _make_folders_for_mkdir(make_folder_of)
    _make_folders_for_save(make_folder_of)


def install_text(root, seed, note):
    """A missing `.txt` or `.tokens` file below `root` is written when the program looks for it or reads it."""
    inside = _Inside(root)

    def make_text(path):
        if not inside.holds(path) or not os.fspath(path).endswith((".txt", ".tokens")) or os.path.lexists(path):
            return False
        os.makedirs(os.path.dirname(os.path.abspath(os.fspath(path))), exist_ok=True)
        text.write(os.fspath(path), seed)
        note("text", inside.name(path))
        return True

    _retry_open(lambda path, mode: isinstance(mode, str) and mode.startswith("r") and make_text(path))
    for name in ("exists", "isfile"):
        setattr(os.path, name, _or_made(getattr(os.path, name), make_text))


def _or_made(question, make):
    return lambda path: question(path) or make(path)


def _retry_open(recover):
    """`open` once more after a FileNotFoundError, if `recover(path, mode)` has done something about it."""
    genuine = builtins.open

    def open_(file, mode="r", *args, **kwargs):
        try:
            return genuine(file, mode, *args, **kwargs)
        except FileNotFoundError:
            if not recover(file, mode):
                raise
        return genuine(file, mode, *args, **kwargs)

    # `pathlib` asks `io`, everybody else the builtins.
    builtins.open = io.open = open_


def _make_folders_for_mkdir(make_folder_of):
    genuine = os.mkdir

    def mkdir(path, *args, **kwargs):
        try:
            return genuine(path, *args, **kwargs)
        except FileNotFoundError:
            # Inside `makedirs` the parent is there, so this can't go round in circles.
            if not make_folder_of(path):
                raise
        return genuine(path, *args, **kwargs)

    os.mkdir = mkdir


def _make_folders_for_save(make_folder_of):
    """`torch.save` opens its file in C++ and doesn't pass through `open`."""
    genuine = torch.save

    def save(obj, f, *args, **kwargs):
        make_folder_of(f)
        return genuine(obj, f, *args, **kwargs)

    torch.save = save


#: Lines and columns of the screen that there isn't.
LINES, COLUMNS = 24, 80


def install_terminal(note):
    """Answer those who ask how wide the terminal is: progress bars that would crash without one."""
    popen, size = os.popen, os.get_terminal_size

    def answered(command, *args, **kwargs):
        words = command.split() if isinstance(command, str) else []
        if words[:2] == ["stty", "size"]:
            reply = f"{LINES} {COLUMNS}\n"
        elif words[:2] in (["tput", "cols"], ["tput", "lines"]):
            reply = "{}\n".format(COLUMNS if words[1] == "cols" else LINES)
        else:
            return popen(command, *args, **kwargs)
        note("terminal", "size")
        return _Reply(reply)

    def get_terminal_size(*args):
        try:
            return size(*args)
        except OSError:
            if sys._getframe(1).f_globals.get("__name__") == "shutil":
                raise  # which has an answer of its own
            note("terminal", "size")
            return os.terminal_size((COLUMNS, LINES))

    os.popen, os.get_terminal_size = answered, get_terminal_size


class _Reply(io.StringIO):
    """What a command has printed; closing it gives the exit status of `os.popen`: None for success."""
