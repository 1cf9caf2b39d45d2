"""What the tests of files share: a journal of their own, and a user without special rights."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

NOBODY = 65534


@pytest.fixture(autouse=True)
def state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The journal never touches the one of the person who runs the tests."""
    folder = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("TORCHFIX_STATE_DIR", str(folder))
    return folder


@pytest.fixture
def unprivileged(tmp_path: Path) -> Callable[[], AbstractContextManager[None]]:
    """A context in which permissions count, also where the tests run as root."""
    for folder in (tmp_path, *tmp_path.parents[:3]):  # one more level under pytest-xdist
        if folder.stat().st_uid == os.geteuid() and folder != Path(tempfile.gettempdir()):
            folder.chmod(0o755)

    @contextmanager
    def enter() -> Iterator[None]:
        before = os.geteuid()
        if before == 0:
            os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(before)

    return enter
