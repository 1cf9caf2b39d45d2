"""The first step of the Action: which Python it takes, where it installs to, and what can't get in its way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "action_install.py"


def install(
    environ: Mapping[str, str], *arguments: str, cwd: Path, seconds: int = 60
) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-I", "-S", str(SCRIPT), *arguments]
    return subprocess.run(line, env=dict(environ), cwd=cwd, capture_output=True, text=True, timeout=seconds)


@pytest.fixture
def job(tmp_path: Path) -> dict[str, str]:
    """The variables of a runner, with the folders that they name."""
    for name in ("work", "temp", "tools"):
        (tmp_path / name).mkdir()
    return {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), "/usr/bin", "/bin")),
        "GITHUB_WORKSPACE": str(tmp_path / "work"),
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "RUNNER_TOOL_CACHE": str(tmp_path / "tools"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
    }


def prepare(folder: Path, key: str) -> Path:
    """What a prepared environment looks like from outside."""
    place = folder / "torchfix-codemods" / key
    (place / "bin").mkdir(parents=True)
    (place / "complete").touch()
    return place


def fake_python(file: Path, version: str) -> None:
    """A program that says that it is this version, and leaves a trace."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\ntrue > '{file}.ran'\necho {version}\n")
    file.chmod(0o755)


def test_the_key_changes_with_the_sources_and_the_version_alone(job: dict[str, str], tmp_path: Path):
    key = install(job, "--key", cwd=tmp_path).stdout.strip()
    version = ".".join(map(str, sys.version_info[:2]))
    assert key.startswith(f"py{version}-") and key == install(job, "--key", cwd=tmp_path).stdout.strip()
    copy = tmp_path / "copy"
    (copy / "scripts").mkdir(parents=True)
    shutil.copy(SCRIPT, copy / "scripts")
    shutil.copy(ROOT / "pyproject.toml", copy)
    (copy / "torchfix_codemods").mkdir()
    (copy / "torchfix_codemods" / "__init__.py").write_text("")
    line = [sys.executable, "-I", "-S", str(copy / "scripts" / SCRIPT.name), "--key"]
    other = subprocess.run(line, env=job, capture_output=True, text=True)
    assert other.stdout.strip() != key and other.stdout.startswith(f"py{version}-")


def test_a_prepared_environment_is_used(job: dict[str, str], tmp_path: Path):
    key = install(job, "--key", cwd=tmp_path).stdout.strip()
    in_temp = prepare(tmp_path / "temp", key)
    assert install(job, cwd=tmp_path).returncode == 0
    assert (tmp_path / "output").read_text() == f"python={in_temp}/bin/python\n"
    in_tools = prepare(tmp_path / "tools", key)
    assert install(job, cwd=tmp_path).returncode == 0
    assert (tmp_path / "output").read_text().splitlines()[1] == f"python={in_tools}/bin/python"


def test_pythons_that_are_too_old_are_passed_over(job: dict[str, str], tmp_path: Path):
    fake_python(tmp_path / "old" / "python3", "3.9")
    fake_python(tmp_path / "new" / "python3", "3.12")
    key = install(job | {"PATH": f"{tmp_path}/old:{tmp_path}/new"}, "--key", cwd=tmp_path).stdout
    assert key.startswith("py3.12-") and (tmp_path / "old" / "python3.ran").exists()


def test_without_a_python_the_error_says_what_to_do(job: dict[str, str], tmp_path: Path):
    fake_python(tmp_path / "old" / "python3", "3.9")
    done = install(job | {"PATH": f"{tmp_path}/old"}, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout.startswith("::error title=torchfix::there is no Python 3.10") and "setup-python" in done.stdout


def test_the_workspace_provides_no_python(job: dict[str, str], tmp_path: Path):
    work = tmp_path / "work"
    fake_python(work / "bin" / "python3", "3.99")
    (tmp_path / "link").symlink_to(work / "bin")
    path = f"{work}/bin:{tmp_path}/link:work/bin:.:{job['PATH']}"
    key = install(job | {"PATH": path}, "--key", cwd=tmp_path).stdout
    assert not key.startswith("py3.99-") and not (work / "bin" / "python3.ran").exists()


@pytest.mark.parametrize(("mode", "used"), [("verify", True), ("check", False), ("pr", False)])
def test_the_python_that_was_given_counts_where_code_is_run(job: dict[str, str], tmp_path: Path, mode: str, used: bool):
    fake_python(tmp_path / "elsewhere" / "python", "3.13")
    given = {"PATH": str(tmp_path), "TORCHFIX_MODE": mode, "TORCHFIX_PYTHON": str(tmp_path / "elsewhere" / "python")}
    done = install(job | given, "--key", cwd=tmp_path)
    assert (done.returncode == 0) is used and (tmp_path / "elsewhere" / "python.ran").exists() is used


def test_nothing_happens_outside_of_a_runner(job: dict[str, str], tmp_path: Path):
    done = install({"PATH": job["PATH"]}, cwd=tmp_path)
    assert done.returncode == 2 and "RUNNER_TEMP is not set" in done.stdout
    inside = install(job | {"RUNNER_TEMP": str(tmp_path / "work" / "temp")}, cwd=tmp_path)
    assert inside.returncode == 2 and "RUNNER_TEMP lies in the workspace" in inside.stdout


HOSTILE = "import pathlib; pathlib.Path({trace!r}).touch()\n"


@pytest.mark.slow
def test_a_real_installation_in_a_hostile_workspace(job: dict[str, str], tmp_path: Path):
    """From the registry, with a `pip.py`, a `sitecustomize.py` and variables that would lead elsewhere."""
    work = tmp_path / "work"
    for name in (
        "pip",
        "venv",
        "sitecustomize",
        "usercustomize",
        "hashlib",
        "subprocess",
        "torchfix_codemods",
        "libcst",
    ):
        (work / f"{name}.py").write_text(HOSTILE.format(trace=str(tmp_path / f"{name}.ran")))
    (work / "pip.conf").write_text("[global]\nindex-url = http://127.0.0.1:9/simple\n")
    hostile = {
        "PYTHONPATH": str(work),
        "PYTHONSTARTUP": str(work / "pip.py"),
        "PYTHONHOME": str(work),
        "PIP_CONFIG_FILE": str(work / "pip.conf"),
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_TARGET": str(work / "target"),
        "HOME": str(work),
    }
    done = install(job | hostile, cwd=work, seconds=300)
    if done.returncode != 0 and "No matching distribution" in done.stderr:
        pytest.skip(f"no package registry can be reached: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stdout + done.stderr
    python = (tmp_path / "output").read_text().strip().removeprefix("python=")
    assert python.startswith(job["RUNNER_TEMP"])
    line = [python, "-I", "-m", "torchfix_codemods.delivery.action"]
    run = subprocess.run(line, cwd=work, env=job | hostile, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
    assert list(tmp_path.glob("*.ran")) == [] and not (work / "target").exists()
    listed = subprocess.run([python, "-I", "-m", "pip", "list"], env=job, capture_output=True, text=True).stdout
    assert "libcst" in listed and "torch " not in listed
    again = install(job | hostile, cwd=work)
    assert again.returncode == 0 and "Successfully" not in again.stdout
    assert sysconfig.get_paths()["purelib"] not in python


# --- the step itself, as action.yml has it ---------------------------------------------------------------------------


def run_step(job: Mapping[str, str], *folders: str) -> subprocess.CompletedProcess[str]:
    """Run the words of the first step as a runner does, in the workspace, with `folders` ahead on PATH."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    script = Path(job["RUNNER_TEMP"], "step.sh")
    script.write_text(action["runs"]["steps"][0]["run"])
    path = ":".join((*folders, job["PATH"])) if job["PATH"] else ":".join(folders)
    environ = {**job, "PATH": path, "TORCHFIX_ACTION_PATH": str(ROOT), "TORCHFIX_MODE": "check", "TORCHFIX_PYTHON": ""}
    line = [str(shutil.which("bash")), "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)]
    return subprocess.run(line, env=environ, cwd=job["GITHUB_WORKSPACE"], capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(shutil.which("bash") is None, reason="a composite step needs bash")
def test_the_step_starts_no_program_of_the_workspace(job: dict[str, str], tmp_path: Path):
    """A step before may have put such a folder on PATH, by its name, by a link, relative, or as an empty entry."""
    place = prepare(tmp_path / "temp", install(job, "--key", cwd=tmp_path).stdout.strip())
    work = tmp_path / "work"
    names = ("python3", "python", "readlink", "realpath", "dirname")
    for file in [folder / name for folder in (work, work / "bin") for name in names]:
        fake_python(file, "3.12")
    (tmp_path / "linked").symlink_to(work / "bin")
    (work / "*").mkdir()
    done = run_step(job, "", ".", "bin", str(work), f"{work}/bin/", f"{work}/x/../bin", str(tmp_path / "linked"), "*")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "output").read_text() == f"python={place}/bin/python\n"
    assert list(work.rglob("*.ran")) == []
    job["PATH"] = ""
    done = run_step(job, str(work), f"{work}/bin")
    assert done.returncode == 2 and "::error title=torchfix::there is no python3 on this runner" in done.stdout
    assert list(work.rglob("*.ran")) == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="a composite step needs bash")
def test_the_step_takes_the_first_python3_and_else_python(job: dict[str, str], tmp_path: Path):
    """`work-other` beside the workspace `work` is no part of it; folders may have blanks in their names."""
    beside = tmp_path / "work-other"
    fake_python(beside / "python", "3.12")
    job["PATH"] = ""
    run_step(job, str(beside))
    assert (beside / "python.ran").exists()
    (beside / "python.ran").unlink()
    fake_python(tmp_path / "two words" / "python3", "3.12")
    run_step(job, str(beside), str(tmp_path / "two words"))
    assert (tmp_path / "two words" / "python3.ran").exists() and not (beside / "python.ran").exists()
