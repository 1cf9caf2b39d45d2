"""The first step of the Action: install this package into an environment of its own, and say where its Python is.

    python3 -I -S scripts/action_install.py

Runs before the package can be imported, on whatever Python is there (its syntax is that of 3.6), with the standard
library alone. The environment lies in $RUNNER_TEMP, which a runner empties before each job. One that somebody has put
into $RUNNER_TOOL_CACHE/torchfix-codemods/KEY is used instead (`--key` prints the key); nothing is ever written there.

Nothing of the workspace takes part: no interpreter in it is used, no module or configuration of it is read, and pip
sees neither the user's configuration nor PIP_* and PYTHON* variables. The machine's own pip.conf counts.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST = (3, 10)
NEWEST_TRIED = 15
NAME = "torchfix-codemods"
#: What pip and the interpreter may know of the job: how to find programs, a home for nothing, and the way out.
PASSED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TEMP", "SYSTEMROOT", "SSL_CERT_FILE", "SSL_CERT_DIR")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
SOURCES = ("pyproject.toml", "torchfix_codemods")
PROBE = "import sys; print('%d.%d' % sys.version_info[:2])"
SECONDS = 600


class Failed(Exception):
    """Why there is no environment: one line."""


def main(arguments):
    """Print or hand on the Python of the environment; the exit code is 2 where there is none."""
    try:
        python, version = suitable_python(os.environ)
        key = key_of(ROOT, version)
        if arguments == ["--key"]:
            print(key)
            return 0
        installed = environment_python(python, key, os.environ)
    except (Failed, OSError, subprocess.TimeoutExpired) as error:
        print("::error title=torchfix::" + escaped(str(error)))
        return 2
    tell("python", str(installed), os.environ)
    return 0


def suitable_python(environ):
    """The path of a Python that is new enough, and its version: of PATH, else the one that the Action was given.

    Raises `Failed` where there is none.
    """
    workspace = environ.get("GITHUB_WORKSPACE", "")
    names = ["python3", "python"] + [f"python3.{minor}" for minor in range(NEWEST_TRIED, OLDEST[1] - 1, -1)]
    folders = [folder for folder in environ.get("PATH", "").split(os.pathsep) if os.path.isabs(folder)]
    candidates = [
        os.path.join(folder, name + ending) for name in names for folder in folders for ending in ("", ".exe")
    ]
    given = environ.get("TORCHFIX_PYTHON", "").strip()
    if environ.get("TORCHFIX_MODE", "").strip() == "verify" and os.path.isabs(given):
        candidates.append(given)
    for path in candidates:
        if os.path.isfile(path) and os.access(path, os.X_OK) and not is_inside(path, workspace):
            version = version_of(path, environ)
            if version >= OLDEST:
                return path, version
    oldest = ".".join(map(str, OLDEST))
    raise Failed(f"there is no Python {oldest} or newer on this runner: add a step with actions/setup-python")


def is_inside(path, workspace):
    """Whether a path lies in the workspace, as it is written or as it is meant."""
    if not workspace:
        return False
    tops = {os.path.abspath(workspace), os.path.realpath(workspace)}
    places = {os.path.abspath(path), os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))}
    return any(place == top or place.startswith(top + os.sep) for place in places for top in tops)


def version_of(python, environ):
    """Its version as two numbers; (0, 0) where it does not start."""
    try:
        done = subprocess.run(
            [python, "-I", "-S", "-c", PROBE],
            env=clean(environ),
            cwd=os.path.dirname(python),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )
        major, _, minor = done.stdout.decode("ascii", "replace").strip().partition(".")
        return int(major), int(minor)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return 0, 0


def key_of(root, version):
    """What tells one environment from another: a hash of the package's sources, and the Python's version."""
    digest = hashlib.sha256()
    for top in SOURCES:
        path = root / top
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(file.relative_to(root).as_posix().encode() + b"\0")
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return f"py{version[0]}.{version[1]}-{digest.hexdigest()[:20]}"


def environment_python(python, key, environ):
    """The Python of an environment with this key: a prepared one, that of an earlier step, or a new one."""
    temporary = environ.get("RUNNER_TEMP", "")
    if not os.path.isabs(temporary):
        raise Failed("RUNNER_TEMP is not set: this runs as a step of GitHub Actions")
    places = [Path(temporary, NAME, key)]
    if os.path.isabs(environ.get("RUNNER_TOOL_CACHE", "")):
        places.insert(0, Path(environ["RUNNER_TOOL_CACHE"], NAME, key))
    for place in places:
        if (place / "complete").is_file():
            return executable(place)
    return install(python, places[-1], environ)


def install(python, place, environ):
    """A new environment at `place` with the package and what it needs at run time; torch is not among that."""
    if is_inside(str(place), environ.get("GITHUB_WORKSPACE", "")):
        raise Failed("RUNNER_TEMP lies in the workspace, whose files must not take part")
    place.mkdir(parents=True, exist_ok=True)
    run([python, "-I", "-m", "venv", "--clear", str(place)], place, environ, "the venv module (Debian: python3-venv)")
    pip = [str(executable(place)), "-I", "-m", "pip", "--isolated", "--disable-pip-version-check", "--no-input"]
    run([*pip, "install", "--quiet", "--no-cache-dir", str(ROOT)], place, environ, "pip")
    (place / "complete").write_text("")
    return executable(place)


def executable(place):
    """The Python of an environment, on this and that system."""
    return place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(command, folder, environ, what):
    """Run a command in a folder of ours; what it says goes to the log. Raises `Failed` where it fails."""
    done = subprocess.run(command, env=clean(environ), cwd=str(folder), stdin=subprocess.DEVNULL, timeout=SECONDS)
    if done.returncode != 0:
        raise Failed(f"the installation failed: {what} ended with exit code {done.returncode}")


def clean(environ):
    """The variables for a child: none of Python's, none of pip's, no token."""
    kept = {name: value for name, value in environ.items() if name in PASSED or name.upper() in PROXIES}
    return dict(kept, PYTHONDONTWRITEBYTECODE="1", PIP_NO_INPUT="1")


def tell(name, value, environ):
    """Hand a value to the next step, or print it where there is none."""
    file = environ.get("GITHUB_OUTPUT")
    if not file:
        print(value)
        return
    with open(file, "a", encoding="utf-8") as stream:
        stream.write(f"{name}={value}\n")


def escaped(text):
    """As the data of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
