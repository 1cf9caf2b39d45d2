"""Linux namespaces without a tool: `unshare`, mounts and loss of privileges by ctypes, in a process of our own.

Everything here changes the calling process for good, so only the launcher calls it. Each step raises `OSError` that
names it. Read-only mounts need Linux 5.12 (`mount_setattr`); user namespaces may be forbidden (Ubuntu 24.04's AppArmor
lets `unshare` pass and refuses the mounts): both are found out by trying.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Collection, Sequence
from contextlib import suppress

_NEW = {  # what holds, by the namespaces that make it hold
    "files": 0x00020000,  # CLONE_NEWNS
    "network": 0x40000000,  # CLONE_NEWNET
    "processes": 0x20000000 | 0x08000000,  # CLONE_NEWPID, CLONE_NEWIPC
}
_NEW_USER = 0x10000000
_MS_READONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_BIND, _MS_RECURSIVE, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_MOUNT_SETATTR = 442  # the same number on every architecture that torch runs on
_AT_HERE, _AT_RECURSIVE = -100, 0x8000
_READONLY, _NODEV = 1, 4  # MOUNT_ATTR_*
_SET_PDEATHSIG, _CAPBSET_DROP, _SET_SUBREAPER, _NO_NEW_PRIVS = 1, 24, 36, 38
_INTERFACE_FLAGS, _UP = 0x8914, 1  # SIOCSIFFLAGS, IFF_UP
_PRIVATE_SIZE = "size=2g,mode=1777"
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def enter(holds: Collection[str]) -> None:
    """Go into namespaces of our own, as the same user; the network has a loopback and nothing else.

    A namespace of processes holds only for children of the calling process.
    """
    user, group = os.geteuid(), os.getegid()
    flags = _NEW_USER
    for what in holds:
        flags |= _NEW[what]
    _call("unshare", flags)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)
    if "network" in holds:
        _start_loopback()


def lock_files(
    writable: str, *, temporary: str, keep: Sequence[str], hide: Sequence[str], devices: Sequence[str]
) -> None:
    """Make all files read-only but for those of `writable`, and shut all devices but for the harmless and `devices`.

    `temporary` (as in /tmp) becomes an empty private folder in which only the paths of `keep` are seen, read-only;
    `hide` are files and folders whose content nobody shall see, sockets that nobody shall reach.
    """
    _mount("", "/", _MS_RECURSIVE | _MS_PRIVATE)
    handles = {path: os.open(path, os.O_PATH) for path in (*keep, writable)}  # the new /tmp covers them
    _set_attributes("/", add=_READONLY | _NODEV, recursive=True)
    for folder in (temporary, "/dev/shm"):
        if os.path.isdir(folder):
            _mount("tmpfs", folder, _MS_NOSUID | _MS_NODEV, kind="tmpfs", data=_PRIVATE_SIZE)
    for path, handle in handles.items():
        _bind(handle, path)
    _set_attributes(writable, remove=_READONLY)
    for path in filter(os.path.exists, (*_DEVICES, *devices)):
        _mount(path, path, _MS_BIND)
        _set_attributes(path, remove=_READONLY | _NODEV)
    for path in filter(os.path.exists, hide):
        _hide(path)


def show_own_processes(*, cuda: bool) -> None:
    """A /proc of this namespace of processes; read-only, since root's sandbox could set the kernel's parameters.

    With `cuda` processes can write what is their own, and nothing else can be written: the driver (570 and newer)
    names its threads in /proc/self/task/*/comm, and does not start where it can't.
    """
    _mount("proc", "/proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC | (0 if cuda else _MS_READONLY), kind="proc")
    for path in shared_of_proc() if cuda else ():
        _mount(path, path, _MS_BIND | _MS_RECURSIVE)
        _set_attributes(path, add=_READONLY, recursive=True)


def shared_of_proc() -> list[str]:
    """All of /proc that is no process's own: the kernel's parameters, switches and drivers."""
    names = (entry.name for entry in os.scandir("/proc") if not entry.is_symlink() and not entry.name.isdigit())
    return [f"/proc/{name}" for name in sorted(names)]


def drop_privileges() -> None:
    """Give up for good what a user namespace gave: with it the mounts could be made writable again."""
    _prctl(_NO_NEW_PRIVS, 1)
    for capability in range(64):
        with suppress(OSError):  # this kernel has fewer
            _prctl(_CAPBSET_DROP, capability)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _prctl(_SET_SUBREAPER, 1)


def signal_at_parents_death(number: int) -> None:
    """Get this signal when the thread that started this process ends."""
    _prctl(_SET_PDEATHSIG, number)


def _bind(handle: int, path: str) -> None:
    """Show what `handle` is at `path`, which may be below a new and empty folder; the mount keeps its attributes."""
    if os.path.isdir(f"/proc/self/fd/{handle}"):
        os.makedirs(path, exist_ok=True)
    elif not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT, 0o600))
    _mount(f"/proc/self/fd/{handle}", path, _MS_BIND | _MS_RECURSIVE)
    os.close(handle)


def _hide(path: str) -> None:
    if os.path.isdir(path):
        _mount("tmpfs", path, _MS_READONLY | _MS_NOSUID | _MS_NODEV, kind="tmpfs")
    else:
        _mount("/dev/null", path, _MS_BIND)


def _start_loopback() -> None:
    """Programs that talk to themselves (a process group of one) need 127.0.0.1."""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as some:
        fcntl.ioctl(some, _INTERFACE_FLAGS, struct.pack("16sh14x", b"lo", _UP))


def _mount(source: str, target: str, flags: int, *, kind: str = "", data: str = "") -> None:
    texts = [text.encode(errors="surrogateescape") or None for text in (source, target, kind)]
    _call("mount", *texts, ctypes.c_ulong(flags), data.encode() or None, step=f"mount of {target}")


def _set_attributes(path: str, *, add: int = 0, remove: int = 0, recursive: bool = False) -> None:
    attributes = struct.pack("=4Q", add, remove, 0, 0)
    arguments = (_MOUNT_SETATTR, _AT_HERE, os.fsencode(path), _AT_RECURSIVE * recursive, attributes, len(attributes))
    wide = (ctypes.c_long(value) if isinstance(value, int) else value for value in arguments)
    _call("syscall", *wide, step=f"attributes of {path}")


def _prctl(option: int, value: int) -> None:
    _call("prctl", option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3, step=f"prctl {option}")


def _call(name: str, *arguments: object, step: str = "") -> None:
    """Call a function of the C library. Raises `OSError` that names the step."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, name)(*arguments) == -1:
        error = ctypes.get_errno()
        raise OSError(error, f"{step or name}: {os.strerror(error)}")
