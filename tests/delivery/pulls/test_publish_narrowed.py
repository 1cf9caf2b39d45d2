"""Runs over some paths, with some rules, or past broken files: they close and shrink nothing that they did not see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from forge_tools import git
from forge_world import CODES, FIXES, PROGRAM, RETAIN, SOFTMAX, World, only

from torchfix_codemods.delivery.model import Operation
from torchfix_codemods.delivery.pulls.publish import Looked


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, {"train.py": SOFTMAX, "gan.py": RETAIN}) as made:
        yield made
        assert made.forge.violations == []


NARROW = {
    "a path": {"paths": ["gan.py"]},
    "a path with nothing in it": {"paths": ["README"]},
    "a rule": {"paths": ["."], "codes": {"TFC203"}},
    "a rule that finds nothing": {"paths": ["."], "codes": {"TFC301"}},
}


@pytest.mark.parametrize("name", NARROW)
def test_what_was_not_looked_at_stays_as_it_is(world: World, name: str) -> None:
    world.run()
    head, body, written = world.head(), world.pull.body, world.forge.written()
    narrow = NARROW[name]
    codes = frozenset(narrow.get("codes", CODES))
    result = only(world.run_on(*narrow["paths"], codes=codes))
    assert (result.operation, result.number) == (Operation.SKIPPED_NARROWED, 1)
    assert result.detail.startswith("this run did not look at all that is proposed already")
    assert (world.head(), world.pull.body, world.pull.state) == (head, body, "open")
    assert world.forge.written() == written
    assert only(world.run()).operation is Operation.UNCHANGED


def test_what_was_narrow_from_the_beginning_goes_on(world: World) -> None:
    assert only(world.run_on("gan.py", codes={"TFC203"})).operation is Operation.CREATED
    assert only(world.run_on("gan.py", codes={"TFC203"})).operation is Operation.UNCHANGED
    world.commit({"more.py": RETAIN})
    assert only(world.run_on("gan.py", "more.py", codes={"TFC203"})).operation is Operation.UPDATED
    assert only(world.run_on("gan.py")).operation is Operation.SKIPPED_NARROWED
    world.commit({"gan.py": PROGRAM, "more.py": PROGRAM})
    assert only(world.run_on("gan.py", "more.py", codes={"TFC203"})).operation is Operation.CLOSED


def test_a_file_that_is_gone_needs_no_look(world: World) -> None:
    world.run_on("gan.py", "train.py")
    git(world.work, "rm", "-q", "gan.py")
    world.commit({"train.py": PROGRAM})
    assert only(world.run_on("train.py")).operation is Operation.CLOSED


def test_a_narrow_run_adds_to_what_it_looked_at(world: World) -> None:
    world.run()
    world.commit({"more.py": RETAIN})
    assert only(world.run_on(".")).operation is Operation.UPDATED
    assert "more.py" in (world.pull.body or "")


def test_a_dry_run_says_that_nothing_is_sent(world: World) -> None:
    world.run()
    world.commit({"train.py": PROGRAM, "gan.py": PROGRAM})
    (said,) = world.planned("gan.py")
    assert said.startswith(f"nothing for {FIXES} (skipped-narrowed): this run did not look at all")
    assert len(world.planned()) == 3


def test_the_rules_of_the_settings_are_all_there_are(world: World) -> None:
    """A whole run looks for what the settings want now: it may shrink."""
    world.run()
    publisher = world.publisher()
    (proposal,) = world.proposals(publisher)
    kept = tuple(chapter for chapter in proposal.chapters if chapter.rule.code == "TFC203")
    result = only(publisher.publish([replace(proposal, chapters=kept)], Looked(frozenset(["TFC203"]))))
    assert result.operation is Operation.UPDATED and world.show("train.py") + "\n" == SOFTMAX


BROKEN = "def f(:\n"


@pytest.mark.parametrize("others", [{"gan.py": PROGRAM}, {"gan.py": RETAIN}], ids=["nothing left", "something left"])
def test_what_cannot_be_parsed_any_more_is_not_mended(world: World, others: dict[str, str]) -> None:
    world.run()
    head, body = world.head(), world.pull.body
    world.commit({"train.py": BROKEN, **others})
    result = only(world.run())
    assert (result.operation, result.number) == (Operation.SKIPPED_NARROWED, 1)
    assert result.detail == f"train.py cannot be read or parsed: the pull request of {FIXES} is left as it is"
    assert (world.head(), world.pull.body, world.pull.state) == (head, body, "open")
    (said,) = world.planned()
    assert said == f"nothing for {FIXES} (skipped-narrowed): {result.detail}"


def test_a_file_that_was_broken_for_a_while_goes_on(world: World) -> None:
    world.run()
    world.commit({"train.py": BROKEN})
    world.run()
    world.commit({"train.py": PROGRAM})
    assert only(world.run()).operation is Operation.UPDATED
    world.commit({"train.py": BROKEN, "gan.py": PROGRAM})
    assert only(world.run()).operation is Operation.CLOSED  # nothing of the broken file was proposed any more
