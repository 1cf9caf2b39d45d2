"""Which rules there are: ours in their order, then those of other distributions; and which of them were asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path

from torchfix_codemods.rules.rule import Rule
from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.nearest import did_you_mean
from torchfix_codemods.source.selection import check_selectors, select_rules, split_selectors
from torchfix_codemods.source.settings import Settings

ENTRY_POINT_GROUP = "torchfix_codemods.rules"


@cache
def all_rules() -> tuple[Rule, ...]:
    """Our rules, then third parties'. Raises `UsageError` for one that clashes or cannot be loaded."""
    from torchfix_codemods.rules import RULES

    rules = list(RULES)
    for origin, target in entry_points(sys.path):
        for rule in _load(origin, target):
            _refuse_clash(rule, rules, origin)
            rules.append(rule)
    return tuple(rules)


def builtin(rule: Rule) -> bool:
    """Whether the rule is one of ours: the byte gate knows nothing of the others."""
    from torchfix_codemods.rules import RULES

    return rule in RULES


def entry_points(search_path: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Distribution folder and `module:attribute` of every entry point of our group.

    Reads the installed `entry_points.txt` files directly: a few milliseconds, where `importlib.metadata` costs more
    than the whole start of this program. The working folder is left out: analysing a repository never runs its code.
    """
    here = os.getcwd()
    for folder in dict.fromkeys(os.path.abspath(entry) for entry in search_path if entry):
        if folder != here and os.path.isdir(folder):
            for name in sorted(os.listdir(folder)):
                if name.endswith((".dist-info", ".egg-info")):
                    yield from ((name, target) for target in _targets(Path(folder, name, "entry_points.txt")))


def _targets(path: Path) -> Iterator[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    section = ""
    for line in map(str.strip, lines):
        if line.startswith("["):
            section = line.strip("[] ")
        elif section == ENTRY_POINT_GROUP and "=" in line and not line.startswith("#"):
            yield line.split("=", 1)[1].split("[")[0].strip()


def _load(origin: str, target: str) -> tuple[Rule, ...]:
    """The rules behind one entry point: a `Rule`, or a sequence of them."""
    module, _, attribute = target.partition(":")
    try:
        loaded = getattr(import_module(module), attribute)
        rules = (loaded,) if isinstance(loaded, Rule) else tuple(loaded)
    except Exception as error:
        # Foreign code at import time can raise anything; without its rules the run would be silently incomplete.
        raise UsageError(f"cannot load the rules {target} of {origin}: {error!r}") from error
    if not all(isinstance(rule, Rule) for rule in rules):
        raise UsageError(f"{target} of {origin} is not a Rule or a sequence of rules")
    return rules


def _refuse_clash(rule: Rule, known: Iterable[Rule], origin: str) -> None:
    for other in known:
        if rule.code == other.code or rule.name == other.name:
            raise UsageError(f"rule {rule.code} {rule.name} of {origin} clashes with {other.code} {other.name}")


def find_rule(rules: Sequence[Rule], wanted: str) -> Rule:
    """The rule of this name or code. Raises `UsageError`, with what may have been meant."""
    for rule in rules:
        if wanted.lower() == rule.name or wanted.upper() == rule.code:
            return rule
    words = [word for rule in rules for word in (rule.name, rule.code)]
    raise UsageError(f"unknown rule '{wanted}'{did_you_mean(wanted, words)}")


def pairs(rules: Iterable[Rule]) -> list[tuple[str, str]]:
    """Name and code of each rule, as selectors and suppressions want them."""
    return [(rule.name, rule.code) for rule in rules]


def chosen_rules(rules: Sequence[Rule], select: Sequence[str], ignore: Sequence[str]) -> tuple[Rule, ...]:
    """The rules asked for, in their order; an empty `select` means all. Raises `UsageError` for an unknown one."""
    names = set(select_rules(pairs(rules), select, ignore))
    return tuple(rule for rule in rules if rule.name in names)


def wished_rules(settings: Settings, select: Sequence[str] = (), ignore: Sequence[str] = ()) -> tuple[Rule, ...]:
    """The rules of a run, what it asks for over the settings. Raises `UsageError` for an unknown one, there too.

    Whoever selects says all: what the settings ignore does not count then.
    """
    known = all_rules()
    for _, selectors in settings.per_file_ignores:
        check_selectors(pairs(known), split_selectors(selectors), origin=f"{settings.file}: per-file-ignores")
    return chosen_rules(known, select or settings.select, (*ignore, *(() if select else settings.ignore)))
