"""The rules as SARIF describes them: a summary, the page's reasons as help, and how bad a finding is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torchfix_codemods.findings import Level
from torchfix_codemods.report.outcome import Outcome
from torchfix_codemods.rules.registry import all_rules, builtin
from torchfix_codemods.rules.rule import Rule

HOME = "https://github.com/torchfix/torchfix-codemods"

#: What is wrong now, or will be in numbers, before what is only untidy or needs its author.
LEVELS = {
    Level.CRASH_FIX: "error",
    Level.BEHAVIOR: "warning",
    Level.EQUIVALENT: "note",
    Level.SUGGESTION: "note",
}
#: Sections of a page that help whoever sees a finding.
_HELP = ("Why", "What changes", "Safety")
_LONGEST = 1000  # characters; GitHub takes 1,024 of a description


def descriptors(results: Iterable[Outcome]) -> list[dict[str, Any]]:
    """All rules there are, in their order; then those that only the findings name."""
    known = [_descriptor(rule) for rule in all_rules()]
    codes = {rule["id"] for rule in known}
    others = {outcome.finding.code: outcome.finding for outcome in results if outcome.finding.code not in codes}
    return known + [_unknown(code, finding.rule) for code, finding in others.items()]


def _descriptor(rule: Rule) -> dict[str, Any]:
    level = LEVELS[rule.level]
    sections = _sections(rule)
    reasons = sections.get("Why", rule.summary)
    text = "\n\n".join(f"## {name}\n\n{sections[name]}" for name in _HELP if sections.get(name)) or rule.summary
    page = {"helpUri": f"{HOME}/blob/HEAD/torchfix_codemods/rules/{rule.page_path.name}"} if builtin(rule) else {}
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": _sentence(rule.summary)},
        "fullDescription": {"text": _cut(reasons.split("\n\n")[0].replace("\n", " "))},
        "help": {"text": reasons, "markdown": text},
        **page,
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["pytorch", rule.level.label], "problem.severity": _severity(level)},
    }


def _unknown(code: str, name: str) -> dict[str, Any]:
    """A rule that is not installed here: its name is all that is known, and GitHub wants these texts of every rule."""
    text = {"text": _sentence(name)}
    return {"id": code, "name": name, "shortDescription": text, "fullDescription": text, "help": text}


def _sections(rule: Rule) -> dict[str, str]:
    try:
        return rule.page().sections
    except OSError:  # somebody else's rule may have no page
        return {}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].removesuffix(".") + "."


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3].rstrip() + "..."


def _severity(level: str) -> str:
    """GitHub's word for a level."""
    return "recommendation" if level == "note" else level
