"""The pictures of the page and of a pull request."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "screenshots.py"
CHROMIUM = os.environ.get("TORCHFIX_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on PATH, or TORCHFIX_CHROMIUM")
def test_pictures_of_a_verified_program(tmp_path: Path):
    subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], check=True, timeout=300)
    pictures = sorted(path.name for path in tmp_path.glob("*.png"))
    assert pictures == ["page-dark.png", "page-light.png", "page-narrow.png", "pull-request.png"]
    assert len({(tmp_path / name).read_bytes() for name in pictures}) == 4
    body = (tmp_path / "pull-request.md").read_text()
    assert all(f"**{code}**" in body for code in ("TFC101", "TFC202", "TFC302")) and "```diff" in body
