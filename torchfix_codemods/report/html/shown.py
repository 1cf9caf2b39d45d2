"""What runs of the program before and after a fix showed: the verdict, the numbers, the pictures, how to repeat it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torchfix_codemods.report.html.chart import chart
from torchfix_codemods.report.html.markup import Markup, join, tag
from torchfix_codemods.verify.model import Evidence, Series, Verdict

#: The name under which findings without a verdict are filtered.
NO_VERDICT = "none"


def verdict_name(verdict: Verdict | None) -> str:
    """The name of a verdict as other reports write it."""
    return NO_VERDICT if verdict is None else verdict.name.value


def verdict_word(name: str) -> str:
    """The name of a verdict as people read it: `changed as intended`."""
    return name.lower().replace("_", " ")


def verdict_badge(verdict: Verdict | None) -> Markup:
    """The verdict as a badge, nothing where there is none."""
    if verdict is None:
        return Markup("")
    return tag("span", verdict_word(verdict.name.value), class_=f"badge verdict {verdict_kind(verdict)}")


def verdict_kind(verdict: Verdict) -> str:
    """Whether runs speak for a fix (`good`), against it (`bad`), or neither (`open`)."""
    return "good" if verdict.verified else "bad" if verdict.withheld else "open"


def shown(verdict: Verdict, name: str) -> Markup:
    """All about a verdict. `name` is the id of its finding on the page."""
    return join(_parts(verdict, name))


def repeat(command: str) -> Markup:
    """A command that makes runs again."""
    return tag("p", "Run it again: ", tag("code", command, class_="command"), class_="repeat")


def _parts(verdict: Verdict, name: str) -> Iterator[Markup]:
    yield tag("p", verdict_badge(verdict), " ", verdict.reason, class_="reason")
    if verdict.evidence:
        yield _evidence(verdict.evidence)
    if verdict.series:
        yield _charts(verdict.series, name)
    yield from (tag("p", f"Note: {caveat}", class_="caveat") for caveat in verdict.caveats)
    if verdict.script:
        yield tag("p", *_circumstances(verdict), class_="circumstances")
    if verdict.repeat:
        yield repeat(verdict.repeat)


def _evidence(evidence: Sequence[Evidence]) -> Markup:
    heads = (tag("th", name, scope="col", class_=name) for name in ("observed", "before", "after"))
    rows = (
        tag("tr", tag("th", item.what, scope="row"), tag("td", item.before), tag("td", item.after))
        if item.before
        else tag("tr", tag("th", item.what, scope="row"), tag("td", item.after, colspan=2))
        for item in evidence
    )
    return tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows), class_="numbers-table")


def _charts(series: Sequence[Series], name: str) -> Markup:
    """What a fix changed comes first, then what it left as it was."""
    ordered = sorted(series, key=lambda one: one.same)
    return tag("div", *(chart(one, f"{name}-chart-{n}") for n, one in enumerate(ordered, 1)), class_="charts")


def _circumstances(verdict: Verdict) -> Iterator[str]:
    yield tag("code", verdict.script)
    if verdict.device:
        yield f" on {verdict.device}"
    if verdict.sandbox:
        yield f", isolated by {verdict.sandbox}"
    yield f", {verdict.seconds:.1f} s for all its runs"
