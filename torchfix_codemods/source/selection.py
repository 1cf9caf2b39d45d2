"""Which rules a list of names, codes and code prefixes means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torchfix_codemods.source.errors import UsageError
from torchfix_codemods.source.nearest import did_you_mean

_FAMILY = "TFC"
_EXACT = 1_000  # more specific than any prefix is long


def select_rules(
    rules: Sequence[tuple[str, str]], select: Iterable[str], ignore: Iterable[str], *, origin: str = ""
) -> tuple[str, ...]:
    """The names of the selected rules, in the order of `rules` (pairs of name and code).

    An empty `select` means all. The most specific selector decides (a name or a code before a prefix, a
    longer prefix before a shorter one); of equally specific ones `ignore`. Raises `UsageError` for a selector
    that means no rule; `origin` (a file, an option) then begins the line.
    """
    chosen, dropped = split_selectors(select), split_selectors(ignore)
    check_selectors(rules, (*chosen, *dropped), origin=origin)
    return tuple(
        name for name, code in rules if (_best(chosen, name, code) if chosen else 0) > _best(dropped, name, code)
    )


def check_selectors(rules: Sequence[tuple[str, str]], selectors: Iterable[str], *, origin: str = "") -> None:
    """Raises `UsageError` for the first of `selectors` that means none of `rules`."""
    for selector in selectors:
        if not any(means(selector, name, code) for name, code in rules):
            hint = did_you_mean(selector, (word for rule in rules for word in rule))
            raise UsageError(f"{origin + ': ' if origin else ''}unknown rule '{selector}'{hint}")


def means(selector: str, name: str, code: str) -> bool:
    """Whether `selector` (a kebab-case name, a code, or the beginning of a code) means this rule."""
    return _specificity(selector, name, code) >= 0


def split_selectors(values: Iterable[str]) -> tuple[str, ...]:
    """Each value may hold several selectors with commas between them."""
    return tuple(part.strip() for value in values for part in value.split(","))


def _best(selectors: Sequence[str], name: str, code: str) -> int:
    return max((_specificity(selector, name, code) for selector in selectors), default=-1)


def _specificity(selector: str, name: str, code: str) -> int:
    """-1: it does not mean this rule."""
    upper = selector.upper()
    if selector.lower() == name or upper == code:
        return _EXACT
    return len(upper) if upper.startswith(_FAMILY) and code.startswith(upper) else -1
