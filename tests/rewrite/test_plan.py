"""Plans of toy rules: what is made, what waits, what is dropped, and that it always comes to an end."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.findings import Edit, Finding, Fix, Level, Location
from torchfix_codemods.rewrite.edits import apply_edits, by_path
from torchfix_codemods.rewrite.plan import (
    DOES_NOT_CONVERGE,
    INVALID_EDITS,
    WOULD_NOT_PARSE,
    Plan,
    make_plan,
    parses_as_python,
)

Rule = Callable[[Mapping[str, str]], list[Finding]]


def finding(code: str, path: str, span: tuple[int, int], edits: Sequence[Edit], id_: str = "") -> Finding:
    return Finding(
        rule=code.lower(),
        code=code,
        level=Level.BEHAVIOR,
        location=Location(path, *span),
        message="",
        fix=Fix(code, tuple(edits)),
        id=id_ or f"{code}-{path}-{span[0]}",
    )


def words(old: str, new: str, code: str = "W1") -> Rule:
    """Replaces a word; the ids count occurrences, as fingerprints do."""

    def find(files: Mapping[str, str]) -> list[Finding]:
        return [
            finding(code, path, match.span(), [Edit(path, *match.span(), new)], f"{code}-{path}-{number}")
            for path, text in files.items()
            for number, match in enumerate(re.finditer(rf"\b{old}\b", text))
        ]

    return find


def lines_before(word: str, new: str, code: str) -> Rule:
    """Inserts a line before each line that begins with a word, unless that line is there already."""

    def find(files: Mapping[str, str]) -> list[Finding]:
        return [
            finding(code, path, match.span(), [Edit(path, match.start(), match.start(), new)])
            for path, text in files.items()
            for match in re.finditer(rf"^{word}\b", text, re.MULTILINE)
            if not re.search(rf"^{re.escape(new)}([^\n]*\n)*?\Z", text[: match.start()], re.MULTILINE)
        ]

    return find


@dataclass
class Planner:
    """Plans toy rules on toy files."""

    files: dict[str, str]
    rules: list[Rule]
    parses: Callable[[str, str], bool] = parses_as_python
    accepts: Callable[[Finding], bool] = lambda finding: True
    limit: int = 10
    looked_at: list[dict[str, str]] = field(default_factory=list)

    def find(self, changed: Mapping[str, str]) -> list[Finding]:
        self.looked_at.append(dict(changed))
        return [found for rule in self.rules for found in rule({**self.files, **changed})]

    def plan(self) -> Plan:
        files = self.files.__getitem__
        return make_plan(self.find({}), files, self.find, self.accepts, self.parses, self.limit)

    def subset(self, ids: set[str]) -> Plan:
        files = self.files.__getitem__
        return make_plan(self.find({}), files, self.find, lambda f: f.id in ids, self.parses, self.limit)


def check(plan: Plan, files: Mapping[str, str]) -> None:
    """What holds of every plan."""
    edits = by_path(item.edit for item in plan.edits)
    assert set(edits) == set(plan.texts)
    for path, (before, after) in plan.texts.items():
        assert before == files[path] != after
        assert apply_edits(before, edits[path]) == after
    made = {accepted.finding.id for accepted in plan.accepted}
    assert all(item.fixes <= made for item in plan.edits)
    others = [item.finding.id for item in (*plan.blocked, *plan.superseded)] + [
        item.finding.id for item in plan.dropped
    ]
    assert made.isdisjoint(others)
    assert made.isdisjoint(held.id for held in plan.held_back)


def made(plan: Plan) -> list[tuple[str, int]]:
    return [(accepted.finding.id, accepted.in_pass) for accepted in plan.accepted]


def test_nothing_to_do() -> None:
    plan = Planner({"a.py": "x\n"}, [words("y", "z")]).plan()
    assert plan == Plan((), (), (), (), (), 0, {}, ())


def test_fixes_are_made_in_the_order_of_their_places() -> None:
    planner = Planner({"b.py": "x\n", "a.py": "y; x\n"}, [words("x", "u", "W2"), words("y", "v", "W1")])
    plan = planner.plan()
    check(plan, planner.files)
    assert made(plan) == [("W1-a.py-0", 1), ("W2-a.py-0", 1), ("W2-b.py-0", 1)]
    assert {path: after for path, (_, after) in plan.texts.items()} == {"a.py": "v; u\n", "b.py": "u\n"}
    assert planner.looked_at[-1] == {"a.py": "v; u\n", "b.py": "u\n"}
    assert plan.passes == 1


def test_a_conflicting_fix_waits_and_is_made_in_the_next_pass() -> None:
    rules = [lines_before("loop", "no_grad\n", "L2"), lines_before("loop", "evaluate\n", "L1")]
    planner = Planner({"a.py": "loop\n"}, rules)
    plan = planner.plan()
    check(plan, planner.files)
    assert made(plan) == [("L1-a.py-0", 1), ("L2-a.py-0", 2)]
    assert plan.texts["a.py"][1] == "evaluate\nno_grad\nloop\n"
    assert [item.fixes for item in plan.edits] == [{"L1-a.py-0", "L2-a.py-0"}]
    assert not plan.blocked and not plan.superseded


def test_a_fix_that_is_still_waiting_at_the_limit_is_blocked() -> None:
    rules = [lines_before("loop", "no_grad\n", "L2"), lines_before("loop", "evaluate\n", "L1")]
    plan = Planner({"a.py": "loop\n"}, rules, limit=1).plan()
    assert [(item.finding.id, item.by) for item in plan.blocked] == [("L2-a.py-0", "L1-a.py-0")]


def test_a_finding_that_another_fix_resolves_is_superseded() -> None:
    plan = Planner({"a.py": "x\n"}, [words("x", "y", "W1"), words("x", "z", "W2")]).plan()
    assert plan.texts["a.py"][1] == "y\n"
    assert [(item.finding.id, item.by) for item in plan.superseded] == [("W2-a.py-0", "W1-a.py-0")]


def test_what_is_not_wished_is_held_back() -> None:
    planner = Planner({"a.py": "x; y\n"}, [words("x", "u", "W1"), words("y", "v", "W2")])
    planner.accepts = lambda found: found.code == "W1"
    plan = planner.plan()
    check(plan, planner.files)
    assert plan.texts["a.py"][1] == "u; y\n"
    assert [held.id for held in plan.held_back] == ["W2-a.py-0"]


def test_a_repaired_finding_is_not_held_back_for_what_remains_at_its_place() -> None:
    def remains(files: Mapping[str, str]) -> list[Finding]:
        return [finding("W1", "a.py", (0, 1), [Edit("a.py", 0, 1, "z")], "W1-a.py-0")] if "y" in files["a.py"] else []

    planner = Planner({"a.py": "x\n"}, [words("x", "y"), remains])
    planner.accepts = lambda found: found.fix is not None and found.fix.edits[0].new == "y"
    plan = planner.plan()
    check(plan, planner.files)
    assert made(plan) == [("W1-a.py-0", 1)] and not plan.held_back


def test_a_fix_over_two_files_is_made_wholly_or_not_at_all() -> None:
    def both(files: Mapping[str, str]) -> list[Finding]:
        if "X" not in files["a.py"] or "X" not in files["b.py"]:
            return []
        edits = [Edit(path, files[path].index("X"), files[path].index("X") + 1, "f(") for path in files]
        return [finding("B1", "a.py", (0, 1), edits)]

    planner = Planner({"a.py": "X)\n", "b.py": "X]\n"}, [both])
    plan = planner.plan()
    assert [(item.finding.code, item.reason) for item in plan.dropped] == [("B1", WOULD_NOT_PARSE)]
    assert plan.texts == {}
    planner.files["b.py"] = "X)\n"
    plan = planner.plan()
    check(plan, planner.files)
    assert [item.edit.path for item in plan.edits] == ["a.py", "b.py"]


def test_a_fix_that_breaks_the_text_is_dropped_alone() -> None:
    planner = Planner({"a.py": "x; y; x; z\n", "b.py": "x\n"}, [words("x", "u", "W1"), words("y", "(", "W2")])
    plan = planner.plan()
    check(plan, planner.files)
    assert plan.texts["a.py"][1] == "u; y; u; z\n"
    assert plan.texts["b.py"][1] == "u\n"
    assert [(item.finding.id, item.reason) for item in plan.dropped] == [("W2-a.py-0", WOULD_NOT_PARSE)]


def test_a_fix_that_fails_beside_another_is_judged_again_after_it() -> None:
    planner = Planner({"a.py": "x; y\n"}, [words("x", "u", "W1"), words("y", "v", "W2")])
    planner.parses = lambda path, text: text != "u; v\n"
    plan = planner.plan()
    assert plan.texts["a.py"][1] == "u; y\n"
    assert [(item.finding.id, item.reason) for item in plan.dropped] == [("W2-a.py-0", WOULD_NOT_PARSE)]


def test_edits_that_overlap_within_one_fix_are_dropped() -> None:
    def broken(files: Mapping[str, str]) -> list[Finding]:
        return [
            finding("B1", "a.py", (0, 2), [Edit("a.py", 0, 2, "u"), Edit("a.py", 1, 3, "v")]),
            finding("B2", "a.py", (3, 4), [Edit("a.py", 90, 91, "u")]),
        ]

    plan = Planner({"a.py": "abcd\n"}, [broken]).plan()
    assert [(item.finding.code, item.reason) for item in plan.dropped] == [
        ("B1", INVALID_EDITS),
        ("B2", INVALID_EDITS),
    ]


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param([words("x", "y", "W1"), words("y", "x", "W2")], id="two rules that fight"),
        pytest.param([words("x", "x", "W1")], id="a fix that changes nothing"),
        pytest.param([words("x", "x; x", "W1")], id="a fix that multiplies its finding"),
        pytest.param([words("x", "(x)", "W1")], id="a fix that wraps its finding again and again"),
    ],
)
def test_what_does_not_converge_is_not_made_at_all(rules: list[Rule]) -> None:
    planner = Planner({"a.py": "x; z\n"}, [*rules, words("z", "w", "W9")])
    plan = planner.plan()
    check(plan, planner.files)
    assert plan.texts["a.py"][1] == "x; w\n"
    assert [(item.finding.id, item.reason) for item in plan.dropped] == [("W1-a.py-0", DOES_NOT_CONVERGE)]


def test_a_line_that_is_inserted_again_and_again_is_not_made_at_all() -> None:
    def forever(files: Mapping[str, str]) -> list[Finding]:
        at = files["a.py"].index("loop")
        return [finding("F1", "a.py", (at, at + 4), [Edit("a.py", at, at, "again\n")], f"F1-{at}")]

    planner = Planner({"a.py": "start\nloop\n"}, [forever])
    plan = planner.plan()
    assert plan.texts == {} and [item.reason for item in plan.dropped] == [DOES_NOT_CONVERGE]


def test_a_chain_of_ever_new_findings_is_not_made_at_all() -> None:
    def counts(files: Mapping[str, str]) -> list[Finding]:
        number = int(files["a.py"])
        return [finding("C1", "a.py", (0, 1), [Edit("a.py", 0, len(files["a.py"]), str(number + 1))], f"C1-{number}")]

    plan = Planner({"a.py": "1", "b.py": "x"}, [counts, words("x", "y")]).plan()
    assert set(plan.texts) == {"b.py"}
    assert [item.reason for item in plan.dropped] == [DOES_NOT_CONVERGE]


def test_a_repair_in_two_steps_comes_to_an_end() -> None:
    planner = Planner({"a.py": "x\n"}, [words("x", "y", "W1"), words("y", "z", "W2")])
    plan = planner.plan()
    check(plan, planner.files)
    assert plan.texts["a.py"][1] == "z\n"
    assert [(item.finding.code, item.in_pass) for item in plan.accepted] == [("W1", 1), ("W2", 2)]


def test_what_comes_up_later_has_the_same_id_in_every_plan() -> None:
    # Without the fix that breaks the text, W2 repairs the first word earlier and so counts the second one anew.
    rules = [words("a", "(", "W0"), words("b", "a", "W1"), words("a", "c", "W2")]
    planner = Planner({"a.py": "a; b\n"}, rules)
    whole = planner.plan()
    assert whole.texts["a.py"][1] == "c; c\n"
    assert planner.subset({item.finding.id for item in whole.accepted}).texts == whole.texts


def test_a_rejected_fix_is_not_made_under_the_id_of_its_repaired_neighbour() -> None:
    planner = Planner({"a.py": "x\nx\nx\n"}, [words("x", "yy")])
    plan = planner.subset({"W1-a.py-0", "W1-a.py-2"})
    check(plan, planner.files)
    assert plan.texts["a.py"][1] == "yy\nx\nyy\n"
    assert [held.id for held in plan.held_back] == ["W1-a.py-1"]


def test_a_finding_inside_a_rewritten_range_keeps_its_id() -> None:
    def wrap(files: Mapping[str, str]) -> list[Finding]:
        text = files["a.py"]
        new = "if 1:\n" + "".join(f"    {line}\n" for line in text.splitlines())
        return [] if text.startswith("if") else [finding("R1", "a.py", (0, 1), [Edit("a.py", 0, len(text), new)])]

    planner = Planner({"a.py": "a\nx\nx\n"}, [wrap, words("x", "y")])
    plan = planner.subset({"R1-a.py-0", "W1-a.py-0", "W1-a.py-1"})
    check(plan, planner.files)
    assert plan.texts["a.py"][1] == "if 1:\n    a\n    y\n    y\n"
    assert made(plan) == [("R1-a.py-0", 1), ("W1-a.py-0", 2), ("W1-a.py-1", 2)]


def test_findings_with_the_same_id_are_told_apart() -> None:
    def alike(files: Mapping[str, str]) -> list[Finding]:
        return [replace(found, id="same") for found in words("x", "y")(files)]

    planner = Planner({"a.py": "x\nx\n"}, [alike])
    plan = planner.plan()
    check(plan, planner.files)
    assert made(plan) == [("same", 1), ("same~2", 1)]


def test_an_import_that_two_fixes_need_is_added_once() -> None:
    def with_import(files: Mapping[str, str]) -> list[Finding]:
        new = "" if "import t\n" in files["a.py"] else "import t\n"
        wanted = [Edit("a.py", 0, 0, new)] if new else []
        return [
            finding("I1", "a.py", match.span(), [*wanted, Edit("a.py", *match.span(), "t.x")])
            for match in re.finditer(r"(?<!\.)\bx\b", files["a.py"])
        ]

    planner = Planner({"a.py": "x\nx\n"}, [with_import])
    plan = planner.plan()
    check(plan, planner.files)
    assert plan.texts["a.py"][1] == "import t\nt.x\nt.x\n"
    assert plan.passes == 1


VOCABULARY = st.sampled_from(["a", "b", "c", "(", ")", "a b", "b; a", "", "c\n"])
RULES = st.lists(st.tuples(st.sampled_from("abc"), VOCABULARY), max_size=4)
TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=8).map("; ".join)
FILES = st.fixed_dictionaries({"a.py": TEXTS, "b.py": TEXTS})


def toy(files: dict[str, str], rules: list[tuple[str, str]]) -> Planner:
    return Planner(files, [words(old, new, f"W{number}") for number, (old, new) in enumerate(rules)])


@given(FILES, RULES)
def test_every_plan_ends_and_is_sound(files: dict[str, str], rules: list[tuple[str, str]]) -> None:
    planner = toy(files, rules)
    plan = planner.plan()
    check(plan, files)
    assert all(parses_as_python(path, after) for path, (_, after) in plan.texts.items())
    assert plan == planner.plan()


@given(FILES, RULES)
def test_a_second_run_finds_nothing_that_was_not_reported(files: dict[str, str], rules: list[tuple[str, str]]) -> None:
    planner = toy(files, rules)
    plan = planner.plan()
    known = {(item.finding.code, item.finding.location.path) for item in plan.dropped}
    left = planner.find({path: after for path, (_, after) in plan.texts.items()})
    assert {(found.code, found.location.path) for found in left} <= known


@given(FILES, RULES, st.data())
def test_a_subset_makes_nothing_else(files: dict[str, str], rules: list[tuple[str, str]], data: st.DataObject) -> None:
    planner = toy(files, rules)
    ids = sorted({accepted.finding.id for accepted in planner.plan().accepted})
    wished = {id_ for id_ in ids if data.draw(st.booleans())}
    plan = planner.subset(wished)
    check(plan, files)
    assert {accepted.finding.id for accepted in plan.accepted} <= wished
    if wished == set(ids):
        assert plan.texts == planner.plan().texts


def test_parsing() -> None:
    assert parses_as_python("a.py", "x = '\\d'\n")
    assert not parses_as_python("a.py", "x = (\n")
    assert not parses_as_python("a.py", "x = '\0'\n")
    assert not parses_as_python("a.py", "(" * 5000)
