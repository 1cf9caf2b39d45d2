from __future__ import annotations

from collections.abc import Iterator

import pytest
from running import Programs


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """The observer, with torch imported once."""
    made = Programs(tmp_path_factory.mktemp("observer"))
    yield made
    made.close()
