"""The observer's guard: what it refuses, and what programs do that must go on working."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[2]

START = """
import json, os, sys
sys.path.insert(0, {packages!r})
{before}
from torchfix_codemods.verify.observer import guard
notes, told = [], {{}}
inside, outside = {inside!r}, {outside!r}
os.chdir(inside)
guard.arm([inside], lambda *what: notes.append(what), homes=[outside], **{options!r})
def attempt(name, action):
    try:
        action()
        told[name] = "done"
    except BaseException as error:
        told[name] = type(error).__name__
def write(path, mode="w"):
    with open(path, mode) as file:
        file.write("new")
"""
END = "\nprint(json.dumps([told, notes]))"


class Guarded:
    """Runs texts in which `attempt(name, action)` notes what came of an action; gives what came, and the notes."""

    def __init__(self, folder: Path) -> None:
        self.inside, self.outside = folder / "in", folder / "out"
        for place in (self.inside, self.outside / "folder", self.outside / ".ssh"):
            place.mkdir(parents=True)
        for name in ("old", "folder/a", "folder/b", ".ssh/id_rsa"):
            (self.outside / name).write_text("old")

    def run(self, text: str, before: str = "", **options: object) -> tuple[dict[str, str], list[list[str]]]:
        places = {"packages": str(PACKAGES), "inside": str(self.inside), "outside": str(self.outside)}
        program = START.format(**places, before=before, options=options) + text + END
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
        assert ran.returncode == 0, ran.stderr
        told, notes = json.loads(ran.stdout.splitlines()[-1])
        return told, notes

    def outside_is_as_it_was(self) -> bool:
        found = {str(path.relative_to(self.outside)) for path in self.outside.rglob("*")}
        files = all(path.read_text() == "old" for path in self.outside.rglob("*") if path.is_file())
        return files and found == {"old", "folder", "folder/a", "folder/b", ".ssh", ".ssh/id_rsa"}


@pytest.fixture
def guarded(tmp_path: Path) -> Guarded:
    return Guarded(Path(os.path.realpath(tmp_path)))


REFUSED = """
import pty, shutil, socket, sqlite3, subprocess, tempfile
fd = os.open(outside, os.O_RDONLY)
attempt("write", lambda: write(f"{outside}/new"))
attempt("bytes", lambda: write(os.fsencode(f"{outside}/new")))
attempt("relative", lambda: write("../out/new"))
attempt("append", lambda: write(f"{outside}/old", "a"))
attempt("update", lambda: write(f"{outside}/old", "r+"))
attempt("os.open", lambda: os.open(f"{outside}/old", os.O_WRONLY))
attempt("truncate", lambda: os.truncate(f"{outside}/old", 0))
attempt("remove", lambda: os.remove(f"{outside}/old"))
attempt("remove by folder", lambda: os.remove("old", dir_fd=fd))
attempt("rmtree", lambda: shutil.rmtree(f"{outside}/folder"))
attempt("rename out", lambda: (write("mine"), os.rename("mine", f"{outside}/new")))
attempt("rename in", lambda: os.replace(f"{outside}/old", "mine"))
attempt("copy", lambda: shutil.copy("mine", outside))
attempt("mkdir", lambda: os.makedirs(f"{outside}/x/y", exist_ok=True))
attempt("chmod", lambda: os.chmod(f"{outside}/old", 0))
attempt("touch", lambda: os.utime(f"{outside}/old"))
attempt("hard link", lambda: os.link(f"{outside}/old", "hard"))
attempt("symlink", lambda: os.symlink("x", f"{outside}/new"))
attempt("database", lambda: sqlite3.connect(f"{outside}/new.db"))
attempt("temporary", lambda: tempfile.mkstemp(dir=outside))
attempt("key", lambda: open(f"{outside}/.ssh/id_rsa").read())
attempt("parent's variables", lambda: open(f"/proc/{os.getppid()}/environ"))
attempt("connect", lambda: socket.create_connection(("93.184.216.34", 80), 3))
attempt("local service", lambda: socket.create_connection(("127.0.0.1", 1), 3))
attempt("docker", lambda: socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock"))
attempt("send", lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"", ("8.8.8.8", 53)))
attempt("resolve", lambda: socket.gethostbyname("example.org"))
attempt("shell", lambda: os.system("true"))
attempt("popen", lambda: os.popen("curl x"))
attempt("program", lambda: subprocess.run(["true"]))
attempt("pty", lambda: pty.spawn(["true"]))
attempt("become", lambda: os.execv("/bin/true", ["true"]))
attempt("start", lambda: os.posix_spawn("/bin/true", [b"true"], {}))
attempt("open quote", lambda: os.system("echo '"))
attempt("nothing", lambda: os.system(""))
attempt("kill", lambda: os.kill(os.getppid(), 15))
attempt("mkdir and more", lambda: os.system("mkdir -p a; touch b"))
attempt("mkdir outside", lambda: os.system(f"mkdir -p {outside}/x"))
attempt("git config", lambda: subprocess.run(["git", "-c", "core.fsmonitor=true", "status"]))
"""


def test_what_is_refused(guarded: Guarded):
    told, notes = guarded.run(REFUSED)
    assert set(told.values()) == {"Blocked"}, {name: what for name, what in told.items() if what != "Blocked"}
    assert len(notes) >= len(told) and {kind for kind, _ in notes} == {"blocked"}
    assert ["blocked", f"write {guarded.outside}/new"] in notes and ["blocked", "run curl"] in notes
    assert guarded.outside_is_as_it_was()


ALLOWED = """
import glob, logging, multiprocessing, shutil, socket, sqlite3, subprocess, tempfile
tempfile.tempdir = inside
attempt("write", lambda: (os.makedirs("a/b", exist_ok=True), write("a/b/c"), os.rename("a/b/c", "a/c")))
attempt("rmtree", lambda: shutil.rmtree("a"))
attempt("temporary", lambda: [tempfile.TemporaryDirectory().__exit__(None, None, None), tempfile.TemporaryFile()])
attempt("log", lambda: logging.FileHandler("run.log"))
attempt("database", lambda: [sqlite3.connect(":memory:"), sqlite3.connect("x.db").execute("create table x (a)")])
attempt("null", lambda: write("/dev/null"))
attempt("standard output", lambda: write("/dev/stderr"))
attempt("descriptor", lambda: os.fdopen(os.dup(2), "w").write("x"))
attempt("read", lambda: [open(f"{outside}/old").read(), glob.glob(f"{outside}/*"), os.listdir(outside)])
attempt("own variables", lambda: open("/proc/self/environ").read())
attempt("existing folder", lambda: os.makedirs(f"{outside}/folder", exist_ok=True))
attempt("existing folder, asked", lambda: os.mkdir(f"{outside}/folder"))
attempt("nothing to remove", lambda: os.remove(f"{outside}/nothing"))
attempt("sizes", lambda: subprocess.run("stty size", shell=True, stderr=-3))
attempt("system", lambda: subprocess.check_output(["uname", "-a"]))
attempt("mkdir", lambda: os.system("mkdir -p results/x"))
attempt("free port", lambda: socket.create_server(("localhost", 0)).close())
attempt("own host", lambda: [socket.gethostname(), socket.getaddrinfo("localhost", 80)])
def answer(pipe):
    pipe.send(1)
def ask():
    here, there = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(target=answer, args=(there,))
    process.start(); here.recv(); process.terminate(); process.join()
attempt("workers", ask)
"""


def test_what_programs_do_goes_on_working(guarded: Guarded):
    """Errors that the system itself would raise are those that the program hears."""
    told, notes = guarded.run(ALLOWED)
    natural = {"existing folder, asked": "FileExistsError", "nothing to remove": "FileNotFoundError"}
    assert {name: what for name, what in told.items() if what != "done"} == natural
    assert notes == [] and (guarded.inside / "results" / "x").is_dir()


LINKS = """
attempt("read", lambda: open("data/a").read())
attempt("overwrite", lambda: write("data/a"))
attempt("append", lambda: write("model", "a"))
attempt("new", lambda: write("data/deep/new") if os.mkdir("data/deep") is None else None)
attempt("remove", lambda: os.remove("data/b"))
attempt("remove a link", lambda: os.remove("gone"))
told["names"], told["model"], told["a"] = sorted(os.listdir("data")), open("model").read(), open("data/a").read()
"""


def test_writes_through_links_stay_inside(guarded: Guarded):
    """A copy of a project has links to what was too large to copy; a program may write there all the same."""
    (guarded.inside / "data").symlink_to(guarded.outside / "folder")
    (guarded.inside / "model").symlink_to(guarded.outside / "old")
    (guarded.inside / "gone").symlink_to(guarded.outside / "old")
    told, notes = guarded.run(LINKS)
    assert notes == [] and told.pop("names") == ["a", "deep"]
    assert told.pop("model") == "oldnew" and told.pop("a") == "new"
    assert set(told.values()) == {"done"}
    assert guarded.outside_is_as_it_was() and not (guarded.inside / "gone").is_symlink()


def test_where_the_sandbox_holds_programs_and_itself_are_free(guarded: Guarded):
    text = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    attempt("connect", lambda: socket.create_connection(server.getsockname()).close())
attempt("run", lambda: os.system("cd . && true"))
attempt("resolve", lambda: socket.getaddrinfo("example.org", 80))
attempt("write", lambda: write(outside + "/new"))
"""
    told, notes = guarded.run(text, contained=True)
    assert told == {"connect": "done", "run": "done", "resolve": "Blocked", "write": "Blocked"}
    assert ["program", "cd"] in notes


def test_torch_saves_are_seen_though_they_are_made_in_c(guarded: Guarded):
    (guarded.inside / "old.pt").symlink_to(guarded.outside / "old")
    text = """
import io, pathlib
x = torch.ones(3)
attempt("outside", lambda: torch.save(x, outside + "/new"))
attempt("path", lambda: torch.serialization.save(obj=x, f=pathlib.Path(outside, "new")))
attempt("script", lambda: torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), outside + "/new"))
attempt("inside", lambda: torch.save(x, "new.pt"))
attempt("buffer", lambda: torch.save(x, io.BytesIO()))
attempt("over a link", lambda: torch.save(x, "old.pt"))
told["same"] = bool((torch.load("old.pt") == x).all())
"""
    told, _ = guarded.run(text, before="import torch")
    assert {name for name, what in told.items() if what == "Blocked"} == {"outside", "path", "script"}
    assert told["inside"] == told["buffer"] == told["over a link"] == "done" and told["same"] is True
    assert guarded.outside_is_as_it_was()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_descriptors_and_proc_lead_nowhere(tmp_path: Path):
    guarded = Guarded(tmp_path)
    told, _ = guarded.run("""
old = os.open(os.path.join(outside, "old"), os.O_RDONLY)
folder = os.open(outside, os.O_RDONLY)
own = os.open(inside, os.O_RDONLY)
reading, writing = os.pipe()
for name in ("/proc/self/fd/%d", "/dev/fd/%d"):
    attempt(name, lambda: write(name % old))
    attempt("own " + name, lambda: write(name % writing))
attempt("root", lambda: write("/proc/self/root" + os.path.join(outside, "old")))
attempt("folder", lambda: os.open("old", os.O_WRONLY | os.O_TRUNC, dir_fd=folder))
attempt("own folder", lambda: os.open("new", os.O_WRONLY | os.O_CREAT, dir_fd=own))
attempt("mode", lambda: os.fchmod(old, 0o777))
attempt("own mode", lambda: os.fchmod(os.open("new", os.O_RDWR), 0o600))
attempt("pipe mode", lambda: os.fchmod(writing, 0o600))
attempt("null", lambda: write("/dev/null"))
attempt("name", lambda: write("/proc/self/comm"))
""")
    done = {name for name, what in told.items() if what == "done"}
    assert done == {"own /proc/self/fd/%d", "own /dev/fd/%d", "own folder", "own mode", "pipe mode", "null", "name"}
    assert guarded.outside_is_as_it_was()
