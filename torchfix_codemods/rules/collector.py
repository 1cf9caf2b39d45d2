"""How often Python looks for garbage: a fifth of a long run goes into walking trees that are all in use."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: New objects, and collections of each generation, before the next one. Trees go by reference count, and what is in
#: cycles (a machine and the frames that it ran) is found after a few files.
RARELY = (50_000, 3, 1)


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Within this context objects in cycles are looked for seldom."""
    before = gc.get_threshold()
    gc.set_threshold(*RARELY)
    try:
        yield
    finally:
        gc.set_threshold(*before)
