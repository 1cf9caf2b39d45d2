"""The environment of a run: what is needed is there, what is secret is not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.verify.sandbox.environment import environment

BASE = {
    "PATH": "/usr/bin",
    "LC_ALL": "C.UTF-8",
    "CUDA_VISIBLE_DEVICES": "1",
    "VIRTUAL_ENV": "/venv",
    "CONDA_PREFIX": "/conda",
    "HF_TOKEN": "hf_x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "GITHUB_TOKEN": "x",
    "CONDA_TOKEN": "x",
    "NVIDIA_API_KEY": "x",
    "SSH_AUTH_SOCK": "/tmp/agent",
    "WANDB_API_KEY": "x",
    "DATABASE_URL": "postgres://user:pw@host",
    "LD_PRELOAD": "/lib/x.so",
    "PYTHONSTARTUP": "/x.py",
    "HTTPS_PROXY": "http://user:pw@host",
}


def test_what_is_kept_and_what_is_not(tmp_path: Path):
    env = environment(BASE, tmp_path, {"MASTER_ADDR": "localhost", "OMP_NUM_THREADS": "2"})
    assert {name for name in BASE if name in env} == {
        "PATH",
        "LC_ALL",
        "CUDA_VISIBLE_DEVICES",
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
    }
    assert env["MASTER_ADDR"] == "localhost" and env["OMP_NUM_THREADS"] == "2"
    assert env["HOME"] == str(tmp_path / "home") and env["TMPDIR"] == str(tmp_path / "tmp")
    assert env["PYTHONHASHSEED"] == "0" and env["WANDB_MODE"] == "disabled" and env["HF_HUB_OFFLINE"] == "1"


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,8}(TOKEN|SECRET|PASSWORD|API_KEY)", fullmatch=True), st.text()))
def test_nothing_that_sounds_secret_comes_through(base: dict[str, str]):
    env = environment({f"CUDA_{name}": value for name, value in base.items()} | base, Path("/sandbox"), {})
    assert not [name for name in env if re.search("TOKEN$|SECRET$|PASSWORD$|API_KEY", name)]


def test_what_is_found_by_the_home_folder_is_still_found(tmp_path: Path):
    (tmp_path / ".local").mkdir()
    (tmp_path / ".cache" / "torch").mkdir(parents=True)
    env = environment({"HOME": str(tmp_path)}, Path("/sandbox"), {})
    assert env["PYTHONUSERBASE"] == str(tmp_path / ".local") and env["TORCH_HOME"] == str(tmp_path / ".cache/torch")
    assert "HF_HOME" not in env and "PYENV_ROOT" not in env
    assert environment({"HOME": str(tmp_path), "TORCH_HOME": "/t"}, Path("/s"), {})["TORCH_HOME"] == "/t"
    assert environment({}, Path("/sandbox"), {})["HOME"] == "/sandbox/home"


def test_packages_of_the_user_are_imported(tmp_path: Path):
    site = tmp_path / ".local/lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    site.mkdir(parents=True)
    (site / "mine_alone.py").write_text("print('found')")
    env = environment({"HOME": str(tmp_path)}, tmp_path / "sandbox", {})
    base = os.path.realpath(sys.executable)  # a virtual environment hides them anyway
    assert subprocess.run([base, "-c", "import mine_alone"], env=env, capture_output=True).stdout == b"found\n"
