"""Callbacks of a trainer, which get the module that it trains: nobody follows what they read of it."""

from __future__ import annotations

import re

from torchfix_codemods.analysis.mentions import paths_with
from torchfix_codemods.analysis.project import Project

_HOOK = re.compile(r"\bdef on_\w+\(\s*self,\s*(?:trainer|_)\b[^,()]*,\s*(\w+)")
#: Where the name of a module stands without being asked: in the head of a hook, and where a base gets it.
_PASSED_ON = re.compile(r"\bdef \w+\([^()]*\)|\bsuper\([^()]*\)\.\w+\([^()]*\)")
#: What a callback asks a module for without looking at what it gives.
_HARMLESS = (
    r"log|log_dict|logger|print|trainer|eval|train|training|freeze|unfreeze|to|cpu|cuda|device|dtype|zero_grad|hparams"
    r"|parameters|named_parameters|state_dict|load_state_dict|modules|named_modules|children|named_children"
    r"|current_epoch|global_step|optimizers|lr_schedulers|save_hyperparameters"
)


def run_by_callbacks(project: Project) -> bool:
    """Whether a callback of the project may run the module that it gets, or a part of it. It stays so."""
    known: dict[str, bool] = project.memory.setdefault("run by callbacks", {})
    if "" not in known:
        known[""] = any(_runs_its_module(project.read(path) or "") for path in paths_with(project, "ightning"))
    return known[""]


def _runs_its_module(text: str) -> bool:
    """Whether a text calls what is called so in its hooks, or hands it on to who may."""
    code = _PASSED_ON.sub("", text)
    for name in sorted({*_HOOK.findall(text), "pl_module", r"\w+\.lightning_module", r"trainer\.model"}):
        parts = rf"(?<![\w.]){name}(?:\.(?!(?:{_HARMLESS})\b)\w+)*"
        if re.search(rf"{parts}\(|[(,=]\s*{parts}\s*(?:[,)]|$)", code, re.M):
            return True
    return False


__all__ = ["run_by_callbacks"]
