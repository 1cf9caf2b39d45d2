"""Filters, the switch between groups, and the help for keys: all that needs scripts, hidden where there are none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from torchfix_codemods.findings import Level
from torchfix_codemods.report.html.markup import Markup, tag
from torchfix_codemods.report.html.shown import NO_VERDICT, verdict_name, verdict_word
from torchfix_codemods.report.outcome import Outcome, Status
from torchfix_codemods.verify.model import VerdictName

_KEYS = (
    ("/", "search"),
    ("j", "next finding"),
    ("k", "previous finding"),
    ("Enter, Space", "open or close a finding"),
    ("g", "group by rule or by file"),
    ("t", "light or dark"),
    ("Esc", "leave the search, close this help"),
    ("?", "this help"),
)


def toolbar(results: Sequence[Outcome]) -> Markup:
    """The search, the filters with how many findings each choice has, and the buttons."""
    return tag(
        "form",
        _search(),
        *_filters(results),
        _groups(),
        tag(
            "div",
            tag("p", "", id="shown", role="status"),
            tag("button", "Clear filters", type="button", id="clear", class_="quiet"),
            tag("button", "Open all", type="button", id="toggle-all", class_="quiet"),
            tag("button", "Keys", type="button", id="show-keys", class_="quiet", aria_haspopup="dialog"),
            class_="state",
        ),
        id="toolbar",
        role="search",
        aria_label="Findings",
        hidden=True,
    )


def keys_dialog() -> Markup:
    """What the keys do; they can be switched off, for those whose aids use them."""
    rows = (tag("div", tag("dt", *_keycaps(keys)), tag("dd", does)) for keys, does in _KEYS)
    switch = tag("label", tag("input", type="checkbox", id="use-keys", checked=True), " Use single keys")
    close = tag("form", tag("button", "Close"), method="dialog")
    heading = tag("h2", "Keys", id="keys-heading")
    return tag("dialog", heading, tag("dl", *rows), tag("p", switch), close, id="keys", aria_labelledby="keys-heading")


def _keycaps(keys: str) -> Iterator[Markup]:
    for number, key in enumerate(keys.split(", ")):
        yield from ([Markup(" or ")] if number else [])
        yield tag("kbd", key)


def _search() -> Markup:
    hint = "message, file, code"
    box = tag("input", type="search", id="search", placeholder=hint, autocomplete="off", spellcheck="false")
    return tag("label", tag("span", "Search"), box, class_="field search")


def _filters(results: Sequence[Outcome]) -> Iterator[Markup]:
    rules = Counter((outcome.finding.code, outcome.finding.rule) for outcome in results)
    yield _select("rule", "Rule", [(rule, f"{code} {rule}", rules[code, rule]) for code, rule in sorted(rules)])
    levels = Counter(outcome.finding.level for outcome in results)
    yield _select("level", "Level", [(level.label, level.label, levels[level]) for level in Level])
    names = Counter(verdict_name(outcome.shown) for outcome in results)
    order = [*(name.value for name in VerdictName), NO_VERDICT]
    yield _select("verdict", "Verdict", [(name, verdict_word(name), names[name]) for name in order])
    states = Counter(outcome.status for outcome in results)
    yield _select("status", "Status", [(state.value, state.value, states[state]) for state in Status])


def _select(name: str, label: str, choices: Sequence[tuple[str, str, int]]) -> Markup:
    """A choice of value, text and number; what no finding has is no choice."""
    options = (tag("option", f"{text} ({number:,})", value=value) for value, text, number in choices if number)
    # An empty value is written out: left out, it would be the text of the option.
    every = Markup('<option value="">all</option>')
    return tag("label", tag("span", label), tag("select", every, *options, name=name), class_="field")


def _groups() -> Markup:
    choices = (
        tag("label", tag("input", type="radio", name="group", value=kind, checked=kind == "rule"), tag("span", kind))
        for kind in ("rule", "file")
    )
    return tag("fieldset", tag("legend", "Group by"), *choices, class_="switch")
