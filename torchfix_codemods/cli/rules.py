"""`rules` and `explain`: what there is, and the page of one rule."""

from __future__ import annotations

import sys

import click

from torchfix_codemods.cli.console import Terminal
from torchfix_codemods.rules.registry import all_rules, find_rule
from torchfix_codemods.rules.rule import Rule


@click.command()
def rules() -> int:
    """List the rules: code, name, highest level of a default fix, summary."""
    known = all_rules()
    width = max((len(rule.name) for rule in known), default=0)
    for rule in known:
        Terminal().out(f"{rule.code}  {rule.name:{width}}  {rule.level.label:10}  {rule.summary}")
    return 0


@click.command()
@click.argument("rule")
def explain(rule: str) -> int:
    """Show the page of RULE (a name or a code): why, what changes, how safe it is, examples."""
    show_page(find_rule(all_rules(), rule), Terminal(), on_stderr=False)
    return 0


def show_page(rule: Rule, terminal: Terminal, *, on_stderr: bool) -> None:
    """A rule's page, rendered on a terminal and as it stands in a pipe. A rule without a page gives its summary."""
    stream = sys.stderr if on_stderr else sys.stdout
    try:
        text = rule.page().text
    except OSError:
        text = f"# {rule.name} ({rule.code})\n\n{rule.summary} (this rule has no page)\n"
    if on_stderr:  # in the middle of a review: without the examples, which fill many screens
        text = text.partition("\n## Examples\n")[0].rstrip() + f"\n\nExamples: `torchfix explain {rule.name}`\n"
    if terminal.decorated(stream):
        from rich.markdown import Markdown

        terminal.console(stream).print(Markdown(text), soft_wrap=False)
    else:
        stream.write(text)
