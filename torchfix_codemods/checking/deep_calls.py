"""Room for deep calls: an interpreter of programs calls itself a hundred frames deep, millions of times.

CPython keeps frames in chunks of 16 KB, and gives a chunk back to the system as soon as its first frame returns. A
loop whose calls cross the end of a chunk asks for a new one in every round; that was an eighth of a long run, page
faults mostly. A frame that needs more gets a chunk of the next power of two, and the calls below it use the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T_ = TypeVar("T_")

#: Slots of eight bytes, a little more than a megabyte: of the two megabytes of the chunk nearly half is left, which
#: holds more frames than Python's limit of recursion allows. Memory that nobody touches is none of the process's.
_SLOTS = 140_000


def with_room(function: Callable[[], T_]) -> T_:
    """What a function gives, called from a frame with room for all frames below it."""
    return function()


with_room.__code__ = with_room.__code__.replace(co_stacksize=_SLOTS)
