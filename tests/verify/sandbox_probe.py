"""Tries thirteen things that a program under test must not do, or must; prints what came of each as JSON.

    python sandbox_probe.py GUARD PORT OUTSIDE...

GUARD is the folder of our package to arm the observer's guard (with `contained` after a colon), or "-"; PORT listens
on 127.0.0.1; OUTSIDE is a folder with the files kept, moved and home/.ssh/id_rsa that nobody may touch.
"""

import ctypes
import json
import os
import socket
import subprocess
import sys

GUARD, PORT, OUTSIDE = sys.argv[1], int(sys.argv[2]), sys.argv[3]


def write(path):
    with open(path, "w") as file:
        file.write("x")


def write_by_libc(path):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.open(path.encode(), os.O_CREAT | os.O_WRONLY, 0o644) < 0:
        raise OSError(ctypes.get_errno(), "open")


def see_others():
    seen = [name for name in os.listdir("/proc") if name.isdigit()]
    if os.environ["HOST_PID"] not in seen and len(seen) < 6:
        raise OSError("nobody but us")


def read(path):
    with open(path) as file:
        if not file.read():
            raise OSError("hidden")


def run_a_shell(path):
    subprocess.run(["/bin/sh", "-c", f"echo x > {path}"], check=True, stderr=subprocess.DEVNULL)


ACTIONS = {
    "write here": lambda: write("result.txt"),
    "write ../../data": lambda: write("../../data"),
    "write outside": lambda: write(f"{OUTSIDE}/new"),
    "write at home": lambda: write(os.path.join(os.environ["REAL_HOME"], "torchfix-probe")),
    "write /tmp": lambda: write("/tmp/torchfix-probe"),
    "delete": lambda: os.remove(f"{OUTSIDE}/kept"),
    "rename": lambda: os.rename(f"{OUTSIDE}/moved", "moved"),
    "make a folder": lambda: os.mkdir(f"{OUTSIDE}/folder"),
    "connect": lambda: socket.create_connection(("127.0.0.1", PORT), 5).close(),
    "resolve": lambda: socket.getaddrinfo("example.org", 80),
    "run a program": lambda: run_a_shell(f"{OUTSIDE}/by-shell"),
    "write by libc": lambda: write_by_libc(f"{OUTSIDE}/by-libc"),
    "see other processes": see_others,
    "read a key": lambda: read(f"{OUTSIDE}/home/.ssh/id_rsa"),
}


def outcome(action):
    try:
        action()
    except (OSError, subprocess.CalledProcessError) as error:
        return type(error).__name__
    return "done"


def main():
    notes = []
    if GUARD != "-":
        folder, _, contained = GUARD.partition(":")
        sys.path.insert(0, folder)
        from torchfix_codemods.verify.observer import guard

        sandbox = os.path.dirname(os.environ["HOME"])
        writable = [sandbox, "/tmp"] if contained else [sandbox]
        note = lambda *told: notes.append(told)  # noqa: E731
        guard.arm(writable, note, contained=bool(contained), homes=[f"{OUTSIDE}/home"])
    results = {name: outcome(action) for name, action in ACTIONS.items()}
    print(json.dumps({"results": results, "notes": notes, "environment": dict(os.environ)}))


main()
