"""Workflows run by the real `act`, without a container: the README's own text, our Action from this working tree.

`act` differs from GitHub in four ways that matter here, and each is put right:

* It copies the working tree instead of fetching a commit, so `actions/checkout` is left to it.
* It puts the job's token into every step as GITHUB_TOKEN, and inputs as INPUT_*. GitHub does neither for a composite
  action, so the `bash` that it finds first on PATH takes these variables away.
* It keeps its files below the home folder, which is one of the test.
* It enforces no `permissions:`. No test here says that they hold.

The Action's first step would install the package for each job. It finds an environment in the runner's tool cache
instead, as a self-hosted runner may have one: ours sees this working tree and the packages of the tests.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import site
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
README = ROOT / "README.md"
OURS = "torchfix/torchfix-codemods"
STAND_INS = ("upload-artifact", "download-artifact", "setup-python")
SECONDS = 120
_USES = re.compile(r"uses: ([\w.-]+/[\w.-]+)@([0-9a-f]{40})")


def workflow(name: str) -> str:
    """The text of a workflow in the README, word for word."""
    found = re.search(
        rf"<!-- workflow: {re.escape(name)} -->\n```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.S
    )
    assert found is not None, name
    return found[1]


@dataclass(frozen=True)
class Ran:
    """How a workflow ended: its exit code, and each entry of act's log."""

    code: int
    entries: tuple[Mapping[str, Any], ...]
    raw: str

    @cached_property
    def text(self) -> str:
        """What the log shows to people."""
        return "\n".join(str(entry.get("msg", "")).rstrip("\n") for entry in self.entries)

    def commands(self, *names: str) -> list[tuple[str, Mapping[str, str], str]]:
        """The commands of these names that the runner obeyed: name, properties, value."""
        found = [e for e in self.entries if e.get("command") in names]
        return [(e["command"], e.get("kvPairs") or {}, e.get("arg", "")) for e in found]

    @property
    def summary(self) -> str:
        """What the steps wrote into the summary of their jobs."""
        return "\n".join(str(e.get("content", "")) for e in self.entries if e.get("command") == "summary")

    def output(self, name: str) -> str:
        """The value of an output of our step that was set last."""
        values = [e.get("arg", "") for e in self.entries if e.get("command") == "set-output" and e.get("name") == name]
        assert values, f"no output {name}"
        return values[-1]


@dataclass
class Bench:
    """What runs of workflows share: a folder, the shell in front, and the cache with the prepared environment."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        programs = self.folder / "programs"
        programs.mkdir(parents=True)
        _shell(programs / "bash")
        path = os.pathsep.join((str(programs), str(Path(sys.executable).parent), os.environ["PATH"]))
        self.environ = {"PATH": path, "HOME": str(self.folder), "LANG": "C.UTF-8"}
        _copy_action(self.action)
        _prepare_environment(self.cache / "tool_cache", self.environ)

    @property
    def action(self) -> Path:
        """The files of our Action, without tests and caches: act copies them for each step."""
        return self.folder / "action"

    @property
    def cache(self) -> Path:
        """What act is told to keep its files in."""
        return self.folder / "cache"

    def act(
        self,
        repository: Path,
        text: str,
        *,
        event: str = "workflow_dispatch",
        payload: Mapping[str, Any] | None = None,
        token: str = "",
        variables: Mapping[str, str] | None = None,
        seconds: int = SECONDS,
    ) -> Ran:
        """Run a workflow in a repository. `variables` are those of the runner, such as GITHUB_API_URL."""
        file = self.folder / "workflow.yml"
        file.write_text(text, encoding="utf-8")
        line = ["act", event, "-W", str(file), "-P", "ubuntu-latest=-self-hosted", "--json", "--strict"]
        line += ["--no-cache-server", "--artifact-server-addr", "127.0.0.1", "--action-cache-path", str(self.cache)]
        for used in sorted(set(_USES.findall(text))):
            line += self._local(*used)
        if payload is not None:
            (self.folder / "event.json").write_text(json.dumps(payload))
            line += ["-e", str(self.folder / "event.json")]
        line += ["-s", "GITHUB_TOKEN"] if token else []
        for name, value in (variables or {}).items():
            line += ["--env", f"{name}={value}"]
        environ = self.environ | ({"GITHUB_TOKEN": token} if token else {})
        done = subprocess.run(line, cwd=repository, env=environ, capture_output=True, text=True, timeout=seconds)
        raw = done.stdout + done.stderr
        entries = [json.loads(entry) for entry in raw.splitlines() if entry.startswith("{")]
        return Ran(done.returncode, tuple(entries), raw)

    def _local(self, action: str, ref: str) -> list[str]:
        """Where act finds an action instead of fetching it; checkout it does itself."""
        name = action.removeprefix("actions/")
        folder = self.action if action == OURS else HERE / "actions" / name if name in STAND_INS else None
        return [] if folder is None else ["--local-repository", f"{action}@{ref}={folder}"]


def _copy_action(folder: Path) -> None:
    """What a release holds, as far as the Action needs it."""
    shutil.copytree(
        ROOT / "torchfix_codemods", folder / "torchfix_codemods", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("action.yml", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)


def _shell(file: Path) -> None:
    """The real bash, without the variables that GitHub does not set."""
    real = shutil.which("bash")
    file.write_text(
        textwrap.dedent(f"""\
            #!{real}
            for name in GITHUB_TOKEN ${{!INPUT_@}}; do unset "$name"; done
            exec {real} "$@"
            """)
    )
    file.chmod(0o755)


def _prepare_environment(tools: Path, environ: Mapping[str, str]) -> None:
    """An environment under the key that the first step will ask for."""
    script = ROOT / "scripts" / "action_install.py"
    asked = subprocess.run(
        [sys.executable, "-I", "-S", str(script), "--key"],
        env=dict(environ),
        capture_output=True,
        text=True,
        check=True,
    )
    place = tools / "torchfix-codemods" / asked.stdout.strip()
    subprocess.run([sys.executable, "-I", "-m", "venv", "--without-pip", str(place)], check=True)
    packages = next(place.glob("lib/python*/site-packages"))
    (packages / "tests.pth").write_text("\n".join((str(ROOT), *site.getsitepackages())) + "\n")
    (place / "complete").touch()
