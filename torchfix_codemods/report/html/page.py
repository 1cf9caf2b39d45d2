"""The page as a whole: a head whose policy lets nothing in, the findings in groups, and what belongs to them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files

from torchfix_codemods.report.html.appendix import appendix
from torchfix_codemods.report.html.explain import explanations
from torchfix_codemods.report.html.finding import finding
from torchfix_codemods.report.html.markup import Markup, join, tag
from torchfix_codemods.report.html.overview import group_name, overview
from torchfix_codemods.report.html.toolbar import keys_dialog, toolbar
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome

_STYLES = ("style.css", "parts.css")
_SCRIPT = "script.js"
#: So few findings are shown open.
_OPEN = 3
#: From so many on, what is out of sight is laid out only when it comes into sight.
_MANY = 50


def write_html(report: Report, results: Sequence[Outcome]) -> str:
    """The report as one HTML page with a final newline."""
    body = tag("body", *_body(report, results), Markup(f"<script>{_asset(_SCRIPT)}</script>"))
    return f"<!doctype html>\n{tag('html', _head(report), body, lang='en')}\n"


@cache
def _asset(*names: str) -> str:
    """Files of this folder, which go into the page as they stand."""
    folder = files("torchfix_codemods.report.html")
    return "".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names)


def _head(report: Report) -> Markup:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy()),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="generator", content=f"torchfix-codemods {report.version}"),
        tag("title", "torchfix report"),
        Markup(f"<style>{_asset(*_STYLES)}</style>"),
    )


def policy() -> str:
    """The content security policy: our style and our script by their hashes, and nothing else from anywhere."""
    style, script = _digest(_asset(*_STYLES)), _digest(_asset(_SCRIPT))
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _digest(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode("ascii")


def _body(report: Report, results: Sequence[Outcome]) -> Iterator[Markup]:
    yield tag("a", "Skip to the findings", href="#findings", class_="skip")
    yield _header(report)
    yield tag("main", overview(report, results), *_findings(report, results), appendix(report, results))
    yield tag("footer", tag("p", f"Written by torchfix-codemods {report.version}. This page loads nothing."))
    yield keys_dialog()


def _header(report: Report) -> Markup:
    theme = tag("button", "Theme: system", type="button", id="theme", class_="quiet", hidden=True)
    title = tag("h1", tag("span", "torchfix", class_="name"), " report")
    return tag("header", title, theme, class_="top")


def _findings(report: Report, results: Sequence[Outcome]) -> Iterator[Markup]:
    if not results:
        nothing = "Nothing was found." if report.analysed else "Nothing was analysed."
        yield tag("p", nothing, id="findings", class_="empty", tabindex=-1)
        return
    yield toolbar(results)
    heading = tag("h2", "Findings", id="findings-heading", class_="aside")
    why = explanations(outcome.finding.rule for outcome in results)
    groups = _groups(report, results, why)
    size = "many" if len(results) > _MANY else ""
    yield tag("section", heading, *groups, id="findings", class_=size, tabindex=-1, aria_labelledby="findings-heading")
    yield tag("p", "No finding fits these filters.", id="no-match", class_="empty", hidden=True)


def _groups(report: Report, results: Sequence[Outcome], why: Mapping[str, Markup]) -> Iterator[Markup]:
    """The findings by rule; a script can group them by file."""
    groups: dict[tuple[str, str], list[Markup]] = {}
    for number, outcome in enumerate(results, 1):
        found = outcome.finding
        one = finding(outcome, report, number, why.get(found.rule, ""), opened=len(results) <= _OPEN)
        groups.setdefault((found.code, found.rule), []).append(one)
    for (code, rule), members in sorted(groups.items()):
        name = group_name(code, rule)
        amount = tag("span", f"{len(members):,}", class_="amount")
        heading = tag("h3", tag("span", code, class_="code"), " ", rule, " ", amount)
        yield tag("section", heading, join(members), class_="group", id=name, data_group=rule, aria_label=rule)
