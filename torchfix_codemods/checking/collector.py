"""When Python looks for garbage during a run.

Nearly all that a check makes goes by reference count: trees, traces and what machines know are in no cycles. Walking
through them to find that out took a third of a long run.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 200_000  # objects more than at the last look: what was kept has grown, or there is garbage after all


@contextmanager
def uncollected() -> Iterator[None]:
    """Within this context, and in processes that are forked there, garbage is looked for by `collect_many` alone."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def collect_many() -> None:
    """Look for garbage if there are many new objects. Asked between files, where little is in use."""
    if gc.get_count()[0] > MANY:
        gc.collect()
