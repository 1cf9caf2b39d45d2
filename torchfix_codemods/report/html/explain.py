"""Why a rule is a rule: that section of its page, from Markdown to HTML that holds neither foreign HTML nor images."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from torchfix_codemods.report.html.markup import Markup, tag
from torchfix_codemods.report.places import printable_code
from torchfix_codemods.rules.registry import all_rules
from torchfix_codemods.rules.rule import Rule

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

#: Headings within a finding stand below those of the page.
_HEADING = "h5"


def explanations(names: Iterable[str]) -> dict[str, Markup]:
    """The explanation of each of these rules, by name; of one that is not known here there is none."""
    wanted = set(names)
    return {rule.name: _explanation(rule) for rule in all_rules() if rule.name in wanted}


def _explanation(rule: Rule) -> Markup:
    try:
        why = rule.page().sections.get("Why", "")
    except (OSError, UnicodeDecodeError):  # a third party's rule may have no page
        why = ""
    return rendered(why) if why else tag("p", rule.summary)


def rendered(markdown: str) -> Markup:
    """Markdown as HTML: HTML in it is shown as text, images are left as their Markdown."""
    lines = (printable_code(line) for line in markdown.splitlines())
    return Markup(_renderer().render("\n".join(lines)))


def _renderer() -> MarkdownIt:
    # With rich, whose own Markdown it is, it is always there.
    from markdown_it import MarkdownIt

    renderer = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")

    def heading(self: object, tokens: list[object], index: int, *_: object) -> str:
        return f"<{_HEADING}>" if tokens[index].nesting > 0 else f"</{_HEADING}>\n"  # type: ignore[attr-defined]

    renderer.add_render_rule("heading_open", heading)
    renderer.add_render_rule("heading_close", heading)
    return renderer
