"""The layers of isolation: what each stops, for root and for an ordinary user; a program ends with its family."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.verify.sandbox import layers
from torchfix_codemods.verify.sandbox.environment import environment
from torchfix_codemods.verify.sandbox.layers import LAYERS, Layer
from torchfix_codemods.verify.sandbox.limits import limits_of
from torchfix_codemods.verify.sandbox.processes import descendants
from torchfix_codemods.verify.sandbox.sandbox import Sandbox

HOST = Path(__file__).parent / "sandbox_host.py"
HARMLESS = {"write here", "write ../../data"}
NOBODY = 65534
SYSTEM_PYTHON = "/usr/bin/python3"


def available(name: str) -> bool:
    return any(layers._probe(layer) is None for layer in LAYERS if layer.name == name)


NAMES = [
    pytest.param(name, marks=pytest.mark.skipif(not available(name), reason="not allowed on this machine"))
    for name in ("bubblewrap", "namespaces", "audit-hook")
]


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder with a project, a home folder and files that must stay."""
    (tmp_path / "home" / ".ssh").mkdir(parents=True)
    (tmp_path / "home" / ".ssh" / "id_rsa").write_text("key")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "probe.py").write_text("raise SystemExit(3)\n")
    for name in ("kept", "moved"):
        (tmp_path / name).write_text(name)
    yield tmp_path
    Path("/tmp/torchfix-probe").unlink(missing_ok=True)


def state(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def probe(layer: str, guard: str, outside: Path, python: str = sys.executable, **user: object) -> dict[str, object]:
    run = subprocess.run([python, str(HOST), layer, guard, str(outside)], capture_output=True, text=True, **user)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["status"] == 0, run.stderr
    return told


@pytest.mark.parametrize("guard", ["guard", "no guard"])
@pytest.mark.parametrize("layer", NAMES)
def test_probe(layer: str, guard: str, outside: Path):
    if (layer, guard) == ("audit-hook", "no guard"):
        pytest.skip("nothing is left")
    before = state(outside)
    told = probe(layer, guard, outside)
    check_probe(told, layer, guard, before, outside)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("layer", NAMES)
def test_probe_as_an_ordinary_user(layer: str, tmp_path_factory: pytest.TempPathFactory):
    """With a Python and a folder that this user can read; the layers are probed again for this user."""
    folder = Path(f"/var/tmp/torchfix-probe-nobody-{layer}-{os.getpid()}")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(HOST.parents[2] / "torchfix_codemods", folder / "torchfix_codemods")
    shutil.copytree(HOST.parent, folder / "tests" / "verify")
    (folder / "outside" / "home" / ".ssh").mkdir(parents=True)
    (folder / "outside" / "home" / ".ssh" / "id_rsa").write_text("key")
    (folder / "outside" / "project").mkdir()
    for name in ("kept", "moved"):
        (folder / "outside" / name).write_text(name)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    version = subprocess.run(
        [SYSTEM_PYTHON, "-c", "import sys; print(sys.version_info >= (3, 10))"], capture_output=True
    )
    if version.stdout.strip() != b"True":
        pytest.skip("no Python 3.10 for all users")
    try:
        before = state(folder / "outside")
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        line = [SYSTEM_PYTHON, str(folder / "tests/verify/sandbox_host.py"), layer, "guard", str(folder / "outside")]
        run = subprocess.run(line, capture_output=True, text=True, cwd="/", **user)
        if "does not work here" in run.stderr:
            pytest.skip(run.stderr.splitlines()[-1])
        assert run.returncode == 0, run.stderr
        check_probe(json.loads(run.stdout), layer, "guard", before, folder / "outside")
    finally:
        shutil.rmtree(folder)


def check_probe(told, layer, guard, before, outside):
    results = told["results"]
    assert told["layer"].split(" ")[0] == layer
    done = {name for name, result in results.items() if result == "done"}
    if layer == "audit-hook":  # it doesn't see C code, nor hide anything
        assert done == HARMLESS | {"write by libc", "see other processes"}
        assert set(state(outside)) - set(before) == {str(outside / "by-libc")}
    else:
        assert done == HARMLESS | {"write /tmp"}  # a private one
        assert state(outside) == before
    assert not Path("/tmp/torchfix-probe").exists()
    if guard == "guard":
        kinds = {what.split(" ")[0] for kind, what in told["notes"] if kind == "blocked"}
        assert {"resolve", "read"} <= kinds
        if layer == "audit-hook" or outside.parts[1] != "tmp":  # else the private /tmp may be written
            assert {"write", "remove", "rename", "mkdir"} <= kinds


class Run:
    """One program in a sandbox; `text` of it may use the names below."""

    def __init__(self, sandbox: Sandbox, text: str, **env: str) -> None:
        self.variant = sandbox.variant("run", {"main.py": text.encode()})
        self.program = sandbox.start(
            [sys.executable, "main.py"],
            cwd=self.variant,
            env=environment(os.environ, sandbox.folder, env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def end(self) -> tuple[int, str]:
        out, _ = self.program.communicate(timeout=60)
        return self.program.returncode, out.decode()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "main.py").write_text("print('original')\n")
    return folder


@pytest.mark.parametrize("layer", NAMES)
def test_limits_and_statuses(layer: str, project: Path):
    with Sandbox(project, layer=layer, memory=2) as sandbox:
        assert Run(sandbox, "raise SystemExit(7)").end() == (7, "")
        assert Run(sandbox, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)").end()[0] == 128 + 11
        status, out = Run(sandbox, "bytearray(10 * 2**30)").end()
        assert status == 1 and out.endswith("MemoryError\n")
        big = "f = open('big', 'wb')\nf.truncate(2**31 - 1)\nf.seek(0, 2)\nf.write(b'12')\nf.flush()"
        status, out = Run(sandbox, big).end()
        assert status == 1 and "File too large" in out
        assert "0 0" in Run(sandbox, "import resource as r; print(*r.getrlimit(r.RLIMIT_CORE))").end()[1]


@pytest.mark.parametrize("layer", NAMES)
def test_an_interpreter_and_packages_below_tmp_are_found(layer: str, project: Path, tmp_path: Path):
    """The private /tmp shows what the run needs, and nothing else."""
    place = Path(tempfile.mkdtemp(dir="/tmp", prefix="torchfix-test-"))
    other = Path(tempfile.mkdtemp(dir="/tmp", prefix="torchfix-test-"))
    try:
        venv.create(place / "venv", symlinks=True)
        (place / "packages").mkdir()
        (place / "packages" / "mine.py").write_text("")
        text = f"import mine, os, sys\nprint(sys.prefix, os.path.exists({str(other)!r}))"
        with Sandbox(project, layer=layer) as sandbox:
            variant = sandbox.variant("base", {"main.py": text.encode()})
            env = environment({"PYTHONPATH": str(place / "packages")}, sandbox.folder, {})
            line = [str(place / "venv" / "bin" / "python"), "main.py"]
            stream = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
            out = sandbox.start(line, cwd=variant, env=env, **stream).communicate(timeout=60)[0].decode()
        assert out == f"{place / 'venv'} {layer == 'audit-hook'}\n"
    finally:
        shutil.rmtree(place)
        shutil.rmtree(other)


LEARNS = """
import torch
from torch.utils.data import DataLoader, TensorDataset
model = torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.Dropout(), torch.nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in DataLoader(TensorDataset(torch.randn(32, 8), torch.zeros(32, dtype=torch.long)), 8, num_workers=1):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
torch.save(model.state_dict(), "../../model.pt")
torch.distributed.init_process_group("gloo", init_method="tcp://127.0.0.1:0", rank=0, world_size=1)
print("learned")
"""


@pytest.mark.slow
@pytest.mark.parametrize("layer", NAMES)
def test_a_program_with_torch_learns(layer: str, project: Path):
    """Also with a worker of its own, and with itself as a process group."""
    with Sandbox(project, layer=layer) as sandbox:
        status, out = Run(sandbox, LEARNS).end()
    assert status == 0 and out.endswith("learned\n"), out


@pytest.mark.parametrize("layer", NAMES)
def test_a_program_that_is_not_there(layer: str, project: Path):
    with Sandbox(project, layer=layer) as sandbox:
        variant = sandbox.variant("base", {})
        stream = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        program = sandbox.start(["/no/python", "main.py"], cwd=variant, env={}, **stream)
        out = program.communicate(timeout=60)[0].decode()
        assert program.returncode == 127
        assert "can't start /no/python" in out and "Traceback" not in out


FAMILY = """
import os, subprocess, sys, time
def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(300)
        os._exit(0)
for _ in range(3):
    daemon()
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
print("up", flush=True)
"""


@pytest.mark.parametrize("ending", ["time.sleep(300)", "pass", "[os.fork() for _ in range(4)]; time.sleep(300)"])
@pytest.mark.parametrize("layer", NAMES)
def test_the_whole_family_ends(layer: str, ending: str, project: Path):
    with Sandbox(project, layer=layer) as sandbox:
        run = Run(sandbox, FAMILY + ending)
        assert run.program.stdout.readline() == b"up\n"
        if ending == "pass":
            family = descendants(run.program.pid)
            run.program.wait(30)
            time.sleep(0.3)  # a namespace of processes is torn down by the system
        else:
            family = wait_for_family(run.program.pid)
            sandbox.kill(run.program)
        assert run.program.returncode is not None
        left = [pid for pid in family if is_alive(pid)]
        assert left == []


def wait_for_family(pid: int) -> list[int]:
    limit = time.monotonic() + 20
    while len(family := descendants(pid)) < 5 and time.monotonic() < limit:
        time.sleep(0.01)
    assert len(family) >= 5
    return family


def is_alive(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


HOST_THAT_DIES = """
import os, subprocess, sys
from pathlib import Path
from torchfix_codemods.verify.sandbox.environment import environment
from torchfix_codemods.verify.sandbox.sandbox import Sandbox
sandbox = Sandbox(Path(sys.argv[1]), layer=sys.argv[2])
env = environment(os.environ, sandbox.folder, {})
argv = [sys.executable, "-c", "import os, time; os.fork(); print(os.getpid(), flush=True); time.sleep(300)"]
run = sandbox.start(argv, cwd=sandbox.variant("x", {}), env=env, stdin=-3, stdout=-1, stderr=None)
run.stdout.readline(), run.stdout.readline()
from torchfix_codemods.verify.sandbox.processes import descendants
print(sandbox.folder, *descendants(os.getpid()), flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("layer", NAMES)
def test_nothing_runs_on_when_the_host_is_killed(layer: str, project: Path):
    line = [sys.executable, "-c", HOST_THAT_DIES, str(project), layer]
    run = subprocess.run(line, capture_output=True, text=True, cwd=HOST.parents[2])
    folder, *family = run.stdout.split()
    shutil.rmtree(Path(folder).parent)
    limit = time.monotonic() + 10
    while (left := [pid for pid in family if is_alive(int(pid))]) and time.monotonic() < limit:
        time.sleep(0.05)
    assert len(family) >= 3 and left == []


@pytest.mark.parametrize("layer", NAMES)
def test_descriptors_and_the_next_run_survive_a_program_that_deletes_everything(layer: str, project: Path):
    """The stream of events is a descriptor; a later run finds nothing of an earlier one."""
    reader, writer = os.pipe()
    wreck = f"import os, shutil\nos.write({writer}, b'event')\nshutil.rmtree(os.environ['SANDBOX'], ignore_errors=True)"
    with Sandbox(project, layer=layer) as sandbox:
        env = environment(os.environ, sandbox.folder, {"SANDBOX": str(sandbox.folder)})
        stream = {"stdin": subprocess.DEVNULL, "stdout": None, "stderr": None}
        variant = sandbox.variant("wreck", {"main.py": wreck.encode()})
        argv = [sys.executable, "main.py"]
        assert sandbox.start(argv, cwd=variant, env=env, pass_fds=(writer,), **stream).wait(30) == 0
        os.close(writer)
        assert os.read(reader, 100) == b"event" and not variant.exists()
        os.close(reader)
        assert Run(sandbox, "import os, tempfile\nprint(os.listdir(), tempfile.mkdtemp() > '')").end() == (
            0,
            "['main.py'] True\n",
        )
    assert not sandbox.apart.exists()
    assert (project / "main.py").read_text() == "print('original')\n"


def test_the_folder_goes_even_if_it_is_locked(project: Path):
    (project.parent / "data").mkdir()
    (project / "link").symlink_to(project.parent / "data")
    with Sandbox(project, layer="audit-hook") as sandbox:
        variant = sandbox.variant("base", {})
        (variant / "folder").mkdir()
        (variant / "folder" / "file").write_text("x")
        for path in (variant / "folder" / "file", variant / "folder", variant):
            path.chmod(0)
    assert not sandbox.apart.exists()
    assert (project.parent / "data").stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(not available("namespaces"), reason="not allowed on this machine")
@pytest.mark.parametrize("text", [
    "import ctypes; c = ctypes.CDLL(None, use_errno=True); r = c.mount(None, b'/', None, 32 | 4096, None)",
    "import os; r = os.open('/proc/sys/kernel/domainname', os.O_WRONLY)",
    "import os; r = os.open('/dev/' + os.environ['DEVICE'], os.O_RDWR)",
    "import ctypes; r = ctypes.CDLL(None).umount2(b'/proc', 2)",
])  # fmt: skip
@pytest.mark.parametrize("cuda", [False, True])
@pytest.mark.parametrize("layer", NAMES[:2])
def test_root_cannot_leave(layer: str, cuda: bool, text: str, project: Path):
    """Whoever makes a namespace is its root: what that root could undo must be given up."""
    devices = [name for name in ("fuse", "kvm", "sda") if Path("/dev", name).exists()]
    if "DEVICE" in text and not devices:
        pytest.skip("no device to be seen")
    with Sandbox(project, layer=layer, cuda=cuda) as sandbox:
        said = f"try:\n    {text}\nexcept OSError:\n    r = -1\nprint(r)\n"
        assert Run(sandbox, said, DEVICE="".join(devices[:1])).end() == (0, "-1\n")


#: What the driver of an NVIDIA GPU does when CUDA starts, and all of /proc that somebody else would notice.
NAME_A_THREAD = """
import os, threading
def name():
    with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w") as file:
        file.write("cuda-worker")
    said.append(open(f"/proc/self/task/{threading.get_native_id()}/comm").read().strip())
said = []
thread = threading.Thread(target=name)
thread.start()
thread.join()
writable = []
for entry in os.scandir("/proc"):
    if entry.name.isdigit() or entry.is_symlink():
        continue
    files = [entry.path] if entry.is_file() else []
    for place, _, names in os.walk(entry.path):
        files += [os.path.join(place, name) for name in names]
    for path in files:
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            continue
        writable.append(path)
print(said, writable)
"""


@pytest.mark.parametrize("layer", NAMES[:2])
def test_a_driver_can_name_its_threads_and_change_nothing_else(layer: str, project: Path):
    """CUDA does not start without: "OS call failed or operation not supported on this OS"."""
    with Sandbox(project, layer=layer, cuda=True) as sandbox:
        assert Run(sandbox, NAME_A_THREAD).end() == (0, "['cuda-worker'] []\n")
    with Sandbox(project, layer=layer) as sandbox:
        assert Run(sandbox, NAME_A_THREAD).end()[1].endswith("\n[] []\n")


@pytest.mark.parametrize("cuda", [False, True])
@pytest.mark.parametrize("layer", NAMES[:2])
def test_the_locks_of_others_are_not_seen(layer: str, cuda: bool, project: Path):
    """Each is told with the number of its process."""
    text = "try:\n    print(open('/proc/locks').read().split())\nexcept PermissionError:\n    print([])"
    with (project.parent / "locked").open("w") as file, Sandbox(project, layer=layer, cuda=cuda) as sandbox:
        fcntl.lockf(file, fcntl.LOCK_EX)
        assert str(os.getpid()) in Path("/proc/locks").read_text().split()
        assert Run(sandbox, text).end() == (0, "[]\n")


@pytest.mark.parametrize("layer", NAMES[:2])
def test_modes_of_proc_are_changed_for_nobody_else(layer: str, project: Path):
    """Root owns all of it, and the files that are no process's own are the same in all of its mounts."""
    changes = """
import os
for path in ("/proc", "/proc/net", "/proc/net/dev", "/proc/meminfo", "/proc/sys"):
    try:
        os.chmod(path, 0o700)
    except OSError:
        pass
"""
    paths = [Path("/proc", name) for name in (".", "net", "net/dev", "meminfo", "sys")]
    before = [path.stat().st_mode for path in paths]
    with Sandbox(project, layer=layer, cuda=True) as sandbox:
        assert Run(sandbox, changes).end() == (0, "")
    assert [path.stat().st_mode for path in paths] == before


@pytest.mark.parametrize("layer", NAMES[:2])
def test_a_proc_that_cannot_be_opened_stays_shut(layer: str, project: Path, monkeypatch: pytest.MonkeyPatch):
    """A security module may refuse mounts below /proc: then there is no GPU, and runs there are."""
    monkeypatch.setattr(layers, "_probe", lambda layer, cuda=False: "refused" if cuda else None)
    with Sandbox(project, layer=layer, cuda=True) as sandbox:
        assert Run(sandbox, NAME_A_THREAD).end()[1].endswith("\n[] []\n")


@pytest.mark.parametrize("layer", NAMES[:2])
def test_services_are_not_reached(layer: str, project: Path):
    """A read-only file system would not keep a program from docker's socket."""
    place = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="torchfix-test-"))
    text = f"import socket\nsocket.socket(socket.AF_UNIX).connect({str(place / 'service')!r})"
    try:
        with socket.socket(socket.AF_UNIX) as service, Sandbox(project, layer=layer) as sandbox:
            service.bind(str(place / "service"))
            service.listen()
            assert subprocess.run([sys.executable, "-c", text]).returncode == 0
            status, out = Run(sandbox, text).end()
        assert status == 1 and "ConnectionRefusedError" in out
    finally:
        shutil.rmtree(place)


def test_a_layer_that_is_not_there_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(UsageError, match="choose auto, bubblewrap, namespaces, audit-hook"):
        Sandbox(project, layer="docker")
    with pytest.raises(UsageError, match="not a folder"), Sandbox(project / "main.py", layer="audit-hook") as sandbox:
        sandbox.variant("base", {})
    with pytest.raises(UsageError, match="data: no such file"):
        Sandbox(project, layer="audit-hook", files=["data"])
    monkeypatch.setattr(layers, "_bubblewrap", lambda: None)
    layers._probe.cache_clear()
    with pytest.raises(UsageError, match="'bubblewrap' does not work here: the program bwrap is not installed"):
        Sandbox(project, layer="bubblewrap")
    layers._probe.cache_clear()


def test_auto_falls_back_and_says_what_holds(monkeypatch: pytest.MonkeyPatch):
    weaker = Layer("namespaces", ("network",))
    monkeypatch.setattr(layers, "_probe", lambda layer: None if layer in (weaker, LAYERS[-1]) else "refused")
    assert layers.reach("auto").text == "namespaces (network only)"
    monkeypatch.setattr(layers, "_probe", lambda layer: "refused" if layer.holds else None)
    assert layers.reach("auto").text == "audit-hook"


def test_no_memory_limit_with_cuda_or_on_wish():
    assert limits_of(memory=8, seconds=60, cuda=False, own_count=False)["AS"] == 8 * 2**30
    assert "AS" not in limits_of(memory=8, seconds=60, cuda=True, own_count=False)
    assert "AS" not in limits_of(memory=0, seconds=60, cuda=False, own_count=False)
    assert "NPROC" not in limits_of(memory=0, seconds=60, cuda=False, own_count=False)
