"""Rules that find words, so that everything around the rules can be tested without torch's mistakes."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Edit, Finding, Fix, Level, Step
from torchfix_codemods.rules.rule import Rule


def _names(file: ParsedFile, name: str) -> Iterator[ast.Name]:
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Name) and node.id == name:
            yield node


def _replace(file: ParsedFile, node: ast.expr, new: str) -> Fix:
    return Fix(f"replace {file.source(node)} by {new}", (Edit(file.path, *file.span(node), new),))


def check_old(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """`old_word` -> `new_word`."""
    for node in _names(file, "old_word"):
        where = file.location(node)
        steps = (Step(where, "the old word is said here"),)
        fix = _replace(file, node, "new_word")
        yield Finding("toy-old-word", "TOY101", Level.BEHAVIOR, where, "the word is old", steps, fix)


def check_chain(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """`chain_3` -> `chain_2` -> ... -> `chain_0`: needs a fixed point."""
    for number in (3, 2, 1):
        for node in _names(file, f"chain_{number}"):
            fix = _replace(file, node, f"chain_{number - 1}")
            yield Finding("toy-chain", "TOY102", Level.EQUIVALENT, file.location(node), "counts down", (), fix)


def check_pair(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """`pair_here` in this file together with `pair_there` in `there.py` beside it: one fix in two files."""
    folder = file.path.rpartition("/")[0]
    other = project.parse(f"{folder}/there.py" if folder else "there.py")
    if other is None:
        return
    for node in _names(file, "pair_here"):
        for twin in _names(other, "pair_there"):
            edits = (Edit(file.path, *file.span(node), "one"), Edit(other.path, *other.span(twin), "two"))
            steps = (Step(other.location(twin), "the twin"),)
            yield Finding(
                "toy-pair", "TOY103", Level.CRASH_FIX, file.location(node), "a pair", steps, Fix("both", edits)
            )


def check_maybe(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """`maybe_word`: only the author knows."""
    for node in _names(file, "maybe_word"):
        fix = _replace(file, node, "sure_word")
        yield Finding("toy-maybe", "TOY201", Level.SUGGESTION, file.location(node), "perhaps", (), fix)


def check_hopeless(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """`hopeless_word`: no fix."""
    for node in _names(file, "hopeless_word"):
        yield Finding(
            "toy-hopeless",
            "TOY202",
            Level.SUGGESTION,
            file.location(node),
            "no hope",
            no_fix_reason="nobody knows the cure",
        )


def check_breaking(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """`break_word`: a fix that breaks the syntax."""
    for node in _names(file, "break_word"):
        fix = _replace(file, node, "(((")
        yield Finding("toy-breaking", "TOY301", Level.BEHAVIOR, file.location(node), "breaks", (), fix)


def check_raising(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """`raise_word`: the rule itself is broken. `deep_word`: it recurses for ever."""
    for node in _names(file, "raise_word"):
        raise LookupError(f"lost at line {node.lineno}")
    if any(_names(file, "deep_word")):
        yield from check_raising(file, project)
    yield from ()


OLD_WORD = Rule("TOY101", "toy-old-word", "old words", Level.BEHAVIOR, check_old)
CHAIN = Rule("TOY102", "toy-chain", "chains", Level.EQUIVALENT, check_chain)
PAIR = Rule("TOY103", "toy-pair", "pairs over files", Level.CRASH_FIX, check_pair)
MAYBE = Rule("TOY201", "toy-maybe", "doubtful words", Level.SUGGESTION, check_maybe)
HOPELESS = Rule("TOY202", "toy-hopeless", "words without a cure", Level.SUGGESTION, check_hopeless)
BREAKING = Rule("TOY301", "toy-breaking", "fixes that break", Level.BEHAVIOR, check_breaking)
RAISING = Rule("TOY302", "toy-raising", "rules that raise", Level.BEHAVIOR, check_raising)

TOYS = (OLD_WORD, CHAIN, PAIR, MAYBE, HOPELESS, BREAKING, RAISING)
