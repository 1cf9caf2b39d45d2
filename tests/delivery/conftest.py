"""What the tests of deliveries share: a person without settings of git."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

NAMED = ("GIT_", "XDG_", "SSH_ASKPASS", "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home: nothing that the machine's git settings or the surroundings say has a part in a test."""
    for name in [name for name in os.environ if name.startswith(NAMED)]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return folder
