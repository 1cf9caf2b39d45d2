"""One pull request for each rule: their branches, how many are open, and what happens to those without a fix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from forge_tools import git
from forge_world import CODES, FIXES, MISTAKES, PROGRAM, RETAIN, SOFTMAX, World

from torchfix_codemods.delivery.model import Operation
from torchfix_codemods.delivery.pulls import publish
from torchfix_codemods.delivery.pulls.publish import Looked, branch_of_rule
from torchfix_codemods.findings import Level

TWO = {"train.py": SOFTMAX, "gan.py": RETAIN}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with World(tmp_path, TWO) as made:
        yield made
        assert made.forge.violations == []


def told(world: World, **terms: object) -> dict[str, Operation]:
    return {result.branch: result.operation for result in world.run(by_rule=True, **terms)}  # type: ignore[arg-type]


def test_each_rule_has_its_branch_and_pull_request(world: World) -> None:
    assert told(world) == {f"{FIXES}-tfc101": Operation.CREATED, f"{FIXES}-tfc203": Operation.CREATED}
    assert world.show("train.py", f"{FIXES}-tfc101") + "\n" == PROGRAM
    assert world.show("train.py", f"{FIXES}-tfc203") + "\n" == SOFTMAX
    assert world.show("gan.py", f"{FIXES}-tfc203") + "\n" == PROGRAM
    assert [pull.title.split(":")[0] for pull in world.forge.pulls.values()] == ["torchfix TFC101", "torchfix TFC203"]
    assert set(told(world).values()) == {Operation.UNCHANGED}


def test_one_is_declined_without_the_other(world: World) -> None:
    world.run(by_rule=True)
    world.forge.pulls[1].state = "closed"
    assert told(world) == {f"{FIXES}-tfc203": Operation.UNCHANGED}


def test_one_ends_without_the_other(world: World) -> None:
    world.run(by_rule=True)
    world.commit({"gan.py": PROGRAM})
    assert told(world) == {f"{FIXES}-tfc101": Operation.UPDATED, f"{FIXES}-tfc203": Operation.CLOSED}
    assert world.head(f"{FIXES}-tfc203") is None


def test_rules_that_did_not_look_end_nothing(world: World) -> None:
    world.run(by_rule=True)
    publisher = world.publisher(by_rule=True)
    (proposal,) = [each for each in world.proposals(publisher) if each.rule and each.rule.code == "TFC101"]
    results = publisher.publish([proposal], Looked(frozenset(["TFC101"])))
    assert [result.operation for result in results] == [Operation.UNCHANGED]
    assert world.forge.pulls[2].state == "open"


def test_no_more_are_opened_than_can_be_read(world: World) -> None:
    """Six rules find something."""
    world.commit({f"{code.lower()}.py": text for code, text in MISTAKES.items()})
    results = world.run(by_rule=True, up_to=Level.SUGGESTION)
    assert [result.operation for result in results] == [*[Operation.CREATED] * 5, Operation.SKIPPED_CAP]
    assert "5 pull requests are open" in results[-1].detail and world.head(results[-1].branch) is None


def test_those_that_stay_although_nothing_is_left_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "MOST_OPEN", 1)
    first, second = f"{FIXES}-tfc101", f"{FIXES}-tfc203"
    world.commit({"train.py": PROGRAM})
    assert told(world) == {second: Operation.CREATED}
    world.push(second, {"note.txt": "mine\n"})
    world.commit({"gan.py": PROGRAM, "train.py": SOFTMAX})
    assert told(world) == {first: Operation.SKIPPED_CAP, second: Operation.SKIPPED_EDITED}


def test_a_branch_that_is_taken_stops_that_rule_alone(world: World) -> None:
    first, second = f"{FIXES}-tfc101", f"{FIXES}-tfc203"
    git(world.work, "push", "-q", str(world.bare), f"main:refs/heads/{first}")
    theirs = world.push(first, {"note.txt": "mine\n"})
    for _ in range(2):
        results = {result.branch: result for result in world.run(by_rule=True)}
        assert results[first].operation is Operation.SKIPPED_TAKEN and first in results[first].warnings[0]
        assert results[second].number == 1
    assert world.head(first) == theirs


def test_a_branch_below_that_of_one_rule_stops_that_rule_alone(world: World) -> None:
    first, second = f"{FIXES}-tfc101", f"{FIXES}-tfc203"
    git(world.work, "push", "-q", str(world.bare), f"main:refs/heads/{first}/mine/too")
    assert told(world) == {first: Operation.SKIPPED_TAKEN, second: Operation.CREATED}


def test_there_is_room_again_when_one_is_closed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "MOST_OPEN", 1)
    first, second = f"{FIXES}-tfc101", f"{FIXES}-tfc203"
    assert told(world) == {first: Operation.CREATED, second: Operation.SKIPPED_CAP}
    assert told(world) == {first: Operation.UNCHANGED, second: Operation.SKIPPED_CAP}
    world.forge.pulls[1].state = "closed"
    assert told(world) == {second: Operation.CREATED}


def test_from_one_for_all_to_one_for_each_and_back(world: World) -> None:
    world.run()
    both = {f"{FIXES}-tfc101": Operation.CREATED, f"{FIXES}-tfc203": Operation.CREATED}
    assert told(world) == {FIXES: Operation.CLOSED, **both}
    assert "proposed in other pull requests now" in world.forge.pulls[1].comments[0][1]
    back = {result.branch: result.operation for result in world.run()}
    assert back == {FIXES: Operation.CREATED, **dict.fromkeys(both, Operation.CLOSED)}


def test_other_branches_with_a_name_like_ours_are_left_alone(world: World) -> None:
    for name in (f"{FIXES}-mine", f"{FIXES}-tfc999", f"{FIXES}-tfc101-more"):
        git(world.work, "push", "-q", str(world.bare), f"main:refs/heads/{name}")
        world.push(name, {"a.txt": name})
        world.forge.open("Mine", None, name, "main")
    before = git(world.bare, "for-each-ref")
    world.commit({"train.py": PROGRAM, "gan.py": PROGRAM})
    assert [result.operation for result in world.run(by_rule=True)] == [Operation.NONE]
    assert all(pull.state == "open" for pull in world.forge.pulls.values())
    assert [line for line in before.splitlines() if FIXES in line] == [
        line for line in git(world.bare, "for-each-ref").splitlines() if FIXES in line
    ]


def test_names_of_branches_hold_nothing_but_letters_digits_and_dashes() -> None:
    assert branch_of_rule(FIXES, "TFC101") == f"{FIXES}-tfc101"
    assert branch_of_rule(FIXES, "My Rule;$(id)") == f"{FIXES}-my-rule-id-"
    assert len({branch_of_rule(FIXES, code) for code in CODES}) == len(CODES)
