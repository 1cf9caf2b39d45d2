"""By which names an activation of torch may be called in a file, as far as its text tells."""

from __future__ import annotations

import ast
import re

NEEDLE = re.compile(r"oftmax|igmoid|expit")
#: No rule asks where the outputs of these go.
_HARMLESS = re.compile(r"log_?softmax|log_?sigmoid|hard_?sigmoid", re.I)
#: The names that torch itself gives them.
EXACT = frozenset("softmax softmax2d Softmax Softmax2d sigmoid sigmoid_ Sigmoid expit".split())
_CHARACTER = re.compile(r"\w")
_STAR = re.compile(r"import[ \t(]+\*")
_DEFINES = re.compile(r"[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+")
_ASSIGNED = re.compile(r"[ \t]*(?::[^=\n()]*)?=(?!=)")
_ENDS = re.compile(r"\s*[,):]|[ \t]*\n")
_SETTINGS = frozenset("args config cfg options opt hparams".split())


def names_an_activation(name: str, text: str) -> bool:
    """Whether a function or method of this name may be an activation, or another name for one.

    What the file itself defines is none: where that applies one, it is found inside it.
    """
    if name in EXACT:
        return True
    return NEEDLE.search(name) is not None and _HARMLESS.search(name) is None and not _is_own(name, text)


def _is_own(name: str, text: str) -> bool:
    """Whether a file defines a name, and does not assign or import it too, nor have a parameter of that name."""
    if (f"def {name}" not in text and f"class {name}" not in text) or _STAR.search(text):
        return False
    defined = False
    for match in re.finditer(name, text):
        before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        if _CHARACTER.match(before[-1:]) or _CHARACTER.match(text, match.end()):
            continue
        if _DEFINES.fullmatch(before):
            defined = True
        elif _binds(before, text, match.end()):
            return False
    return defined


def _binds(before: str, text: str, end: int) -> bool:
    """Whether a name behind this part of its line may be bound there: assigned, imported, a parameter."""
    if _ASSIGNED.match(text, end) or "import" in before or before.rstrip().endswith(" as"):
        return True
    stripped = before.strip()
    return (stripped == "" or stripped[-1] in "(,*") and _ENDS.match(text, end) is not None


def asks_for_an_activation(call: ast.Call) -> bool:
    """`getattr(F, "softmax")`, but not a setting whose name contains the word."""
    words = [str(a.value) for a in call.args[1:] if isinstance(a, ast.Constant)]
    match call.args[:1]:
        case [ast.Name(id=name) | ast.Attribute(attr=name)] if name in _SETTINGS:
            return not EXACT.isdisjoint(words)
        case _:
            return any(NEEDLE.search(word) for word in words)


__all__ = ["EXACT", "NEEDLE", "asks_for_an_activation", "names_an_activation"]
