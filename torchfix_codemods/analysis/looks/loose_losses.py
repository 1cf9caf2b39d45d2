"""Does a project hand torch's losses around? Most libraries make one where they call it, or in an attribute.

Where none is handed around, what is called `criterion` in a parameter is no loss of torch.
"""

from __future__ import annotations

import re

from torchfix_codemods.analysis.looks.functions import Functions, Unclear
from torchfix_codemods.analysis.looks.uses import is_code
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.torch_api import TARGET_LOSSES

LOSS_CLASSES = sorted({name.rpartition(".")[2] for name in TARGET_LOSSES if ".functional." not in name})
_FUNCTIONS = sorted({name.rpartition(".")[2] for name in TARGET_LOSSES if ".functional." in name})
_WORDS = re.compile(rf"(?:{'|'.join([*LOSS_CLASSES, *sorted(_FUNCTIONS, reverse=True)])})\b")
_ASKED_FOR = re.compile(r"getattr\(\s*(?:nn|F|torch\.nn|functional|torch\.nn\.functional)\b")
_PARTS = ("Loss", "_loss", "kl_div", "entropy", "imilarity")
_GIVEN = re.compile(r"[ \t]*(self\.)?(\w+)[ \t]*(?::[^=\n]*)?=[ \t]*(?:[^\n(]*\belse[ \t]+)?(?:\w+\.)*\Z")
_IMPORTED = re.compile(r"[ \t]*(?:from\b|import\b|[\w, \t]*\Z)")
_FROM_TORCH = re.compile(r"from[ \t]+torch[\w.]*[ \t]+import[ \t]*(\((?:[^)#]|#[^\n]*)*\)|[^\n]*)")
_RENAMED = re.compile(r"\s+as\b")
_CALLED_OR_SET = r"(?![ \t]*\(|[ \t]*(?::[^=\n]*)?=(?!=))"


class Losses:
    """The losses of torch in one project: the attributes that hold one, and whether one goes elsewhere."""

    def __init__(self, project: Project) -> None:
        self.attributes: set[str] = set()
        self.loose = False
        for path in sorted(project.paths):
            self.loose |= self._are_loose(project.read(path) or "")

    def _are_loose(self, text: str) -> bool:
        if not any(part in text for part in _PARTS):
            return False
        if "getattr" in text and _ASKED_FOR.search(text):
            return True
        functions = Functions(text)
        found = [self._is_loose(functions, match) for match in _WORDS.finditer(text)]  # all, for the attributes
        return any(found)

    def _is_loose(self, functions: Functions, match: re.Match[str]) -> bool:
        """Whether a mention of a loss is neither its call, nor a name or attribute that is only called."""
        text, start = functions.text, match.start()
        before, after = text[text.rfind("\n", 0, start) + 1 : start], text[match.end() : match.end() + 1]
        if before[-1:].isalnum() or before[-1:] in ("_", "`") or not is_code(text, start):
            return False
        if before[-1:] in ("'", '"') or before.lstrip().startswith("class "):
            return "getattr(" in before
        if _IMPORTED.match(before) is not None and after != "(":
            return _RENAMED.match(text, match.end()) is not None or self._is_handed_on(text, match[0])
        if match[0] in _FUNCTIONS:
            return after != "(" and before[-1:] == "."
        if after != "(":
            return True
        return self._goes_on(functions, match.end(), before)

    def _is_handed_on(self, text: str, name: str) -> bool:
        """Whether a plain name, imported from torch, is said without being called."""
        lists = " ".join(match[1] for match in _FROM_TORCH.finditer(text))
        if name not in lists and "*" not in lists:
            return False
        said = re.compile(rf"(?<![\w.'\"`]){name}\b(?!['\"`]){_CALLED_OR_SET}")
        lines = (text[text.rfind("\n", 0, m.start()) + 1 : m.start()] for m in said.finditer(text))
        return name in _FUNCTIONS and any(_IMPORTED.match(line) is None for line in lines)

    def _goes_on(self, functions: Functions, end: int, before: str) -> bool:
        """Whether an object that is made at a place is used otherwise than by calls."""
        if _is_called_at_once(functions.text, end):
            return False
        given = _GIVEN.match(before)
        if given is None:
            return True
        if given[1]:
            self.attributes.add(given[2])
            return re.search(rf"(?<!\bfrom )\.{given[2]}\b{_CALLED_OR_SET}", functions.text) is not None
        try:
            function = functions.around(end)
        except Unclear:  # asked of every file of a project: one that is unclear must not cost it the answer
            return True
        said = re.compile(rf"(?<![\w.]){given[2]}\b{_CALLED_OR_SET}")
        return function is None or said.search(function.text) is not None


def _is_called_at_once(text: str, position: int) -> bool:
    """`nn.MSELoss()(a, b)`."""
    depth = 0
    for place in range(position, min(len(text), position + 400)):
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return text[place + 1 : place + 2] == "("
    return False


def losses_of(project: Project) -> Losses:
    """The losses of a project, remembered with it."""
    known = project.memory.get("losses")
    if known is None:
        known = project.memory["losses"] = Losses(project)
    assert isinstance(known, Losses)
    return known
