"""Can the output of an activation reach a loss? Most are attention weights and gates: multiplied, summed, gone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from torchfix_codemods.analysis.looks.files import File
from torchfix_codemods.analysis.looks.functions import Unclear
from torchfix_codemods.analysis.looks.sources import ACTIVATIONS, LOG_SOFTMAXES, LOGARITHMS, Sources
from torchfix_codemods.analysis.looks.spread import Spread
from torchfix_codemods.analysis.project import Project

_DEFINITION = re.compile(r"[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+\w+\Z")
_WORD = re.compile(r"\w+")
_IMPORTED = re.compile(r"import[ \t]*(?:\([^)]*|[^\n(]*)")


def activations_meet_losses(project: Project, path: str) -> bool:
    """Whether the output of some softmax or sigmoid of a file may get into a loss that wants none, or another."""
    return _meet(project, path, ACTIVATIONS)


def logarithms_meet_losses(project: Project, path: str) -> bool:
    """Whether a log_softmax of a file may get into cross entropy, or the logarithm of a softmax into NLL."""
    return _meet(project, path, LOG_SOFTMAXES) or _meet(project, path, LOGARITHMS)


def _meet(project: Project, path: str, sources: Sources) -> bool:
    """Most stay in their function, which the plain text tells; the others are followed without comments."""
    return _leave(project, path, sources, alone=True) and _leave(project, path, sources, alone=False)


def _leave(project: Project, path: str, sources: Sources, *, alone: bool) -> bool:
    try:
        spread = Spread(project, path, sources, alone=alone)
        spread.run(list(_applied(spread.file, sources)))
    except (Unclear, RecursionError):
        return True
    return False


def _applied(file: File, sources: Sources) -> Iterator[int]:
    """The places in a text where one of the sources may be applied, or named."""
    text = file.text
    for match in sources.words.finditer(text):
        start = text.rfind("\n", 0, match.start()) + 1
        end = text.find("\n", match.start())
        line, place = text[start : end if end >= 0 else len(text)], match.start() - start
        if _DEFINITION.match(line, 0, place + 1) or not _is_mention(line, place, text, sources):
            continue  # the name of a function or class; its body and its users are looked at
        content = line.lstrip()
        if not line[:1].isspace() and content.startswith(("import ", "from ", ")")) and " as " not in content:
            continue
        yield match.start()


def _is_mention(line: str, position: int, text: str, sources: Sources) -> bool:
    """Whether a word is called, an attribute, imported, or asked for by its name: not prose."""
    word = next(found for found in _WORD.finditer(line) if found.end() > position)
    if not sources.is_said(word[0], text):
        return False
    if line[word.end() : word.end() + 1] == "(" or line[word.start() - 1 : word.start()] == ".":
        return True
    if line[word.end() :].lstrip()[:1] == "(" and line[: word.start()].rstrip()[-1:] == ".":
        return True
    return "getattr(" in line or (word[0] in sources.exact and _is_imported(text, word[0]))


def _is_imported(text: str, name: str) -> bool:
    return any(name in match[0] for match in _IMPORTED.finditer(text))
