"""Refuses what a program does outside its folders, as far as Python sees it: a second line behind the sandbox.

An audit hook sees what Python's own functions do, on every system and without privileges. It does not see C code
(`ctypes`, HDF5, OpenCV), so it is no border against hostile code; torch's own writers are wrapped here. Where the
sandbox has no layer below, this is the only line, and the report says so.

Inside the writable folders a link may lead out, to a large file or a data folder that was not copied. A program may
write there all the same, so the link gives way to a real thing first (`detach`).
"""

import errno
import functools
import os
import re
import shlex
import shutil
import sys

#: Below a home folder: what no program under test needs, and whose content could end in a report.
SECRETS = (
    ".ssh .aws .azure .gnupg .kube .docker .kaggle .oci .password-store .config/gcloud .config/gh .config/hub "
    ".netrc _netrc .git-credentials .config/git/credentials .pypirc .npmrc .pgpass .my.cnf .boto .s3cfg .vault-token "
    ".huggingface/token .cache/huggingface/token .cache/huggingface/stored_tokens .bash_history .zsh_history "
    ".python_history .config/google-chrome .mozilla"
).split()

_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_COPIED_AT_MOST = 512 * 2**20  # bytes; appending to a larger linked file is refused
#: Harmless to write, and they are other places once resolved.
_DEVICES = tuple("/dev/null /dev/zero /dev/full /dev/tty /dev/stdout /dev/stderr /dev/fd /dev/shm /proc/self".split())
_OTHERS_MEMORY = re.compile(r"/proc/\d+/(environ|mem)")
#: Asking costs nothing and many programs do: the whole command, without folders, pipes or redirections.
_ASKING = re.compile(
    r"nvidia-smi( (-L|-q|--query\S*|--format\S*|-i \d+|--id=\d+))*|git (rev-parse|describe|status)( [\w@.^~/={}-]+)*"
    r"|stty size|tput (cols|lines)|uname( -\w+)*|lscpu|hostname|ldconfig -p"
)
_LOCAL = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "", None)
#: Which arguments of an event are a name in a folder (made, removed, renamed), each with that of its folder descriptor.
_NAMES = {
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((0, 2), (1, 3)),
    "os.symlink": ((1, 2),),
}
#: The same for events that change what a path leads to.
_CONTENTS = {
    "os.truncate": None,
    "os.chmod": 2,
    "os.chown": 3,
    "os.utime": 3,
    "os.setxattr": None,
    "os.removexattr": None,
}
_REMOVING = ("os.remove", "os.rmdir", "os.rename", "os.link")
#: Which argument of an event is the command.
_PROGRAMS = {
    "os.system": 0,
    "os.exec": 1,
    "os.posix_spawn": 1,
    "subprocess.Popen": 1,
    "pty.spawn": 0,
}


class Blocked(PermissionError):
    """Refused by the guard; a `PermissionError`, since that is what a program may be ready for."""


def arm(writable, note, contained=False, homes=()):
    """Guard this process and its forks from now on, for good; call it after `import torch`.

    `writable` are the folders that may be written. `note("blocked", what)` is called for each refusal. `contained` says
    that the sandbox itself stops writes and the network, so that starting programs is harmless: then they are
    allowed, with `note("program", name)`. `homes` are further home folders whose secrets are not read.
    """
    guard = _Guard(writable, note, contained, homes)
    guard.watch_torch()
    guard.watch_folders()
    sys.addaudithook(guard.look)


def detach(path: str, root: str, keep: bool = True) -> None:
    """Replace the links on the way from `root` to `path` that lead out of `root`, so that writing stays below it.

    A folder becomes one of links to each of its entries, a file its copy (an empty place without `keep`). `path` is
    absolute, and nothing happens if it is not below `root`. Raises `OSError` for what can't be read or is too large.
    """
    parts = os.path.relpath(path, root).split(os.sep)
    if os.pardir in parts:
        return
    place = root
    for part in parts:
        place = os.path.join(place, part)
        if os.path.islink(place) and not _is_below(os.path.realpath(place), root):
            _replace_link(place, keep or place != path)


def _replace_link(link, keep):
    target = os.path.realpath(link)
    if os.path.isdir(target):
        names = os.listdir(target)
        os.remove(link)
        os.mkdir(link)
        for name in names:
            os.symlink(os.path.join(target, name), os.path.join(link, name))
    elif not keep or not os.path.exists(target):
        os.remove(link)
    elif os.path.getsize(target) <= _COPIED_AT_MOST:
        os.remove(link)
        shutil.copyfile(target, link)
    else:
        raise Blocked(errno.EFBIG, "too large to copy before writing", link)


class _Guard:
    def __init__(self, writable, note, contained, homes):
        self.roots = tuple(os.path.realpath(folder) for folder in writable)
        self.note = note
        self.contained = contained
        self.secrets = tuple(os.path.join(home, name) for home in _homes(homes) for name in SECRETS)
        self.handlers = {"open": self.open, "sqlite3.connect": self.database, "os.kill": self.kill}
        self.handlers.update((event, functools.partial(self.names, event)) for event in _NAMES)
        self.handlers.update((event, functools.partial(self.contents, event)) for event in _CONTENTS)
        self.handlers.update((event, functools.partial(self.program, event)) for event in _PROGRAMS)
        self.handlers.update((f"socket.{name}", self.connect) for name in ("connect", "sendto", "sendmsg"))
        self.handlers.update((f"socket.{name}", self.resolve) for name in ("getaddrinfo", "gethostbyname"))

    def look(self, event, arguments):
        """The audit hook: most events (imports, reads) end here."""
        handler = self.handlers.get(event)
        if handler is not None:
            handler(arguments)

    def watch_torch(self):
        """torch writes files from C++, which no audit hook sees."""
        torch = sys.modules.get("torch")
        for owner in (torch, getattr(torch, "serialization", None), getattr(torch, "jit", None)):
            original = getattr(owner, "save", None)
            if original is not None:
                owner.save = self.checked(original)

    def watch_folders(self):
        """The event of `os.open` does not tell the folder that a path is relative to."""
        original = os.open

        @functools.wraps(original)
        def checked_open(path, flags, mode=0o777, *, dir_fd=None):
            if dir_fd is not None and flags & _WRITE:
                self.content(path, "write", dir_fd, keep=not flags & os.O_TRUNC)
            return original(path, flags, mode, dir_fd=dir_fd)

        os.supports_dir_fd.add(checked_open)
        os.open = checked_open

    def checked(self, save):
        @functools.wraps(save)
        def checked_save(obj, f, *args, **kwargs):
            if isinstance(f, (str, os.PathLike)):
                self.content(f, "write", keep=False)
            return save(obj, f, *args, **kwargs)

        return checked_save

    def open(self, arguments):
        path, _, flags = arguments
        if isinstance(path, int):  # opened before, as is the stream of events
            return
        if flags & _WRITE:
            self.content(path, "write", keep=not flags & os.O_TRUNC)
            return
        full = _absolute(path)
        if full.startswith(self.secrets) or _OTHERS_MEMORY.fullmatch(full):
            self.refuse("read", full)

    def database(self, arguments):
        name = os.fsdecode(arguments[0])
        if name and name != ":memory:" and not name.startswith("file:"):
            self.content(name, "write")

    def names(self, event, arguments):
        for index, folder in _NAMES[event]:
            full = _absolute(arguments[index], arguments[folder])
            parent, name = os.path.split(full)
            self.detach(parent)
            place = os.path.join(os.path.realpath(parent), name)
            # Where the system itself will say that it is there already, or is not, that is what the program shall hear.
            will_fail = os.path.lexists(place) != (event in _REMOVING and index == 0)
            if not self.allows(place) and not (will_fail and event != "os.rename"):
                self.refuse(event[3:], place)

    def contents(self, event, arguments):
        folder = _CONTENTS[event]
        path = _path_of(arguments[0]) if isinstance(arguments[0], int) else arguments[0]  # `pipe:[1]`: no file of ours
        self.content(path, event[3:], -1 if folder is None else arguments[folder])

    def content(self, path, what, folder=-1, keep=True):
        """Refuse to change what `path` leads to, if that is outside."""
        full = _absolute(path, folder)
        self.detach(full, keep)
        place = os.path.realpath(full)  # /proc/self/fd and /proc/self/root lead anywhere
        if not self.allows(place) and not _is_below(place, f"/proc/{os.getpid()}"):
            self.refuse(what, place)

    def detach(self, path, keep=True):
        for root in self.roots:
            detach(path, root, keep)

    def allows(self, place):
        return _is_below_any(place, self.roots) or _is_below_any(place, _DEVICES)

    def connect(self, arguments):
        address = arguments[1] if len(arguments) > 1 else None
        if not address:  # connected before
            return
        if isinstance(address, tuple):
            if not (self.contained and address[0] in _LOCAL):
                self.refuse("connect", "{}:{}".format(*address[:2]))
        elif not self.contained and not self.allows(os.path.realpath(os.fsdecode(address).replace("\0", "@"))):
            self.refuse("connect", os.fsdecode(address))

    def resolve(self, arguments):
        host = arguments[0].decode() if isinstance(arguments[0], bytes) else arguments[0]
        if host not in _LOCAL:
            self.refuse("resolve", host)

    def program(self, event, arguments):
        words = _words(event, arguments)
        name = words[0] if words else ""
        if self.contained:
            self.note("program", name)
        elif not _ASKING.fullmatch(" ".join(words)) and not self.makes_folder(words):
            self.refuse("run", name)

    def makes_folder(self, words):
        """`os.system("mkdir -p results")` stands in many a script."""
        folders = [word for word in words[1:] if word != "-p"]
        plain = not re.search(r"[^\w./ =+-]", " ".join(words))
        return words[:1] == ["mkdir"] and plain and all(self.allows(os.path.realpath(folder)) for folder in folders)

    def kill(self, arguments):
        if arguments[0] in (-1, 1, os.getppid()) and arguments[1] and not self.contained:
            self.refuse("kill", arguments[0])

    def refuse(self, what, whom):
        self.note("blocked", f"{what} {whom}")
        raise Blocked(errno.EACCES, f"{what} refused outside the sandbox of the verification", whom)


def _words(event, arguments):
    """The command that a program is started with, the shell round it taken off."""
    given = arguments[_PROGRAMS[event]]
    words = [os.fsdecode(word) for word in ([given] if isinstance(given, (str, bytes)) else given)]
    if event != "os.system" and not (words[1:2] == ["-c"] and os.path.basename(words[0]) in ("sh", "bash")):
        return _without_folder(words)
    command = words[0] if event == "os.system" else words[2]
    try:
        return _without_folder(shlex.split(command.replace("2>/dev/null", "")))
    except ValueError:  # an open quote
        return [command]


def _without_folder(words):
    return [os.path.basename(words[0]), *words[1:]] if words else []


def _absolute(path, folder=-1):
    """`path` as an absolute one, `..` resolved; `folder` is a descriptor that it is relative to, -1 for the cwd."""
    text = os.fsdecode(path)
    if folder is not None and folder != -1 and not os.path.isabs(text):
        text = os.path.join(_path_of(folder), text)
    return os.path.abspath(text)


def _path_of(descriptor):
    import fcntl

    if hasattr(fcntl, "F_GETPATH"):  # macOS
        return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    return os.readlink(f"/proc/self/fd/{descriptor}")


def _is_below(place, root):
    return place == root or place.startswith(os.path.join(root, ""))


def _is_below_any(place, roots):
    return any(_is_below(place, root) for root in roots)


def _homes(further):
    """The user's home folders: HOME is the sandbox's by now."""
    import pwd

    try:
        own = [pwd.getpwuid(os.getuid()).pw_dir]
    except KeyError:  # a container without an entry for its user
        own = []
    return [os.path.abspath(home) for home in (*own, *further) if home]
