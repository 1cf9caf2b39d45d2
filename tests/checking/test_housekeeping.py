"""What a run asks of Python itself: when garbage is looked for, and where the frames of deep calls are kept."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from torchfix_codemods.checking.collector import MANY, collect_many, uncollected
from torchfix_codemods.checking.deep_calls import with_room
from torchfix_codemods.checking.stages import check
from torchfix_codemods.findings import Finding, Level
from torchfix_codemods.rules.rule import Rule
from torchfix_codemods.source.inputs import Place, files_of
from torchfix_codemods.source.settings import Settings


class Ring:
    """Something that only the collector lets go of."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    assert gc.isenabled()
    yield
    gc.enable()


def test_nothing_is_looked_for_inside_and_all_as_before_behind():
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyError), uncollected():
        raise KeyError
    assert gc.isenabled()


def test_whoever_had_switched_it_off_finds_it_off():
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()


def test_garbage_goes_when_there_is_much_of_it():
    with uncollected():
        gc.collect()
        ring = weakref.ref(Ring())
        collect_many()
        assert ring() is not None
        new = [[] for _ in range(MANY + 1)]
        collect_many()
        assert ring() is None
        del new


@pytest.mark.parametrize("files", [1, 50])
def test_rules_run_without_it_here_and_in_other_processes(tmp_path: Path, files: int):
    def told(*_: object) -> Iterator[Finding]:
        if gc.isenabled():
            raise AssertionError("it is looked for")
        yield from ()

    for number in range(files):
        (tmp_path / f"a{number:02}.py").write_text("import torch\n")
    inputs = files_of(Place(tmp_path, Settings()), ["."])
    rule = Rule("X1", "x", "", Level.SUGGESTION, told)
    checked = check(inputs, inputs.given, inputs.reader.text, [rule], jobs=2)
    assert (len(inputs.given), checked.problems) == (files, ())
    assert gc.isenabled()


@pytest.mark.skipif(sys.platform != "linux", reason="page faults are counted as on Linux")
def test_calls_across_the_end_of_a_chunk_cost_no_memory():
    def at_depth(depth: int, function: Callable[[], object]) -> None:
        if depth:
            at_depth(depth - 1, function)
        else:
            function()

    def calls() -> None:
        for _ in range(100):
            _leaf()

    def everywhere() -> int:
        before = _page_faults()
        for depth in range(200):
            at_depth(depth, calls)
        return _page_faults() - before

    without, with_ = everywhere(), with_room(everywhere)
    assert with_ * 4 < without or without < 50  # Python 3.10 has no chunks


def test_what_it_calls_gives_and_raises_as_ever():
    assert with_room(lambda: 3) == 3
    with pytest.raises(KeyError):
        with_room(lambda: {}["x"])


def test_the_limit_of_recursion_holds_inside():
    def forever() -> None:
        forever()

    with pytest.raises(RecursionError):
        with_room(forever)


def _leaf() -> None:
    return None


def _page_faults() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
