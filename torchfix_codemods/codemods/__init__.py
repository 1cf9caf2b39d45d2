"""Every rule as a libcst codemod command: `python -m libcst.tool codemod -x torchfix_codemods.codemods.<Name> PATHS`.

`<Name>` is the rule's name in capitals: softmax-before-cross-entropy is `SoftmaxBeforeCrossEntropy`. The classes are
made when they are asked for, so importing this costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torchfix_codemods.rules.registry import all_rules
from torchfix_codemods.rules.rule import Rule

if TYPE_CHECKING:
    from torchfix_codemods.codemods.adapter import RuleCodemod


def class_name(rule: Rule) -> str:
    """What the codemod of a rule is called."""
    return "".join(word.capitalize() for word in rule.name.split("-"))


def __dir__() -> list[str]:
    return sorted([*globals(), *map(class_name, all_rules())])


def __getattr__(name: str) -> type[RuleCodemod]:
    for rule in all_rules():
        if class_name(rule) == name:
            from torchfix_codemods.codemods.adapter import codemod_of

            # Kept: the class must be the same one wherever libcst's processes look for it.
            globals()[name] = codemod_of(rule, name, __name__)
            return globals()[name]  # type: ignore[no-any-return]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
