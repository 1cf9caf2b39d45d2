"""The cheap gate on bytes: what could a rule find in this file? Most files are never decoded or parsed.

The gate looks for words without which no rule has a finding *located* in the file, and for activations whose output
goes on from the function that applies it; a test compares gated with ungated runs. It never asks for the word `torch`:
star imports need not say it.
"""

from __future__ import annotations

import re
from enum import Flag, auto
from functools import lru_cache

from torchfix_codemods.analysis.departures import activations_leave


class Topic(Flag):
    """What a file may be about."""

    NOTHING = 0
    ACTIVATION = auto()  # applies softmax or sigmoid
    LOSS = auto()  # uses a loss that contains one
    VOLATILE = auto()
    PHASES = auto()  # trains or evaluates a model
    DROPOUT = auto()  # calls the functional form
    INTERPOLATE = auto()


# The topics that can have a finding in the file itself; a loss matters only for files with activations.
OWN = Topic.ACTIVATION | Topic.VOLATILE | Topic.PHASES | Topic.DROPOUT | Topic.INTERPOLATE

_NEEDLES: tuple[tuple[Topic, tuple[bytes, ...]], ...] = (
    (Topic.ACTIVATION, (b"oftmax", b"igmoid")),
    (Topic.LOSS, (b"ross_entropy", b"rossEntropyLoss", b"nll_loss", b"NLLLoss")),
    (Topic.VOLATILE, (b"volatile",)),
    (
        Topic.PHASES,
        (b".eval(", b".train(", b".backward(", b"oader", b"load_state_dict(", b".train =", b".training ="),
    ),
    (
        Topic.PHASES,
        (
            b"def eval",
            b"def val",
            b"def test(",
            b"def infer",
            b"def predict",
            b"def score",
            b"def generate",
            b"def sample(",
            b"def translate",
        ),
    ),
    (Topic.INTERPOLATE, (b"interpolate", b"upsample", b"Upsample")),
)
_DROPOUT = re.compile(
    rb"(?:feature_)?(?:alpha_)?dropout(?:1d|2d|3d|_)?\b"
    rb"|Dropout(?:1d|2d|3d)?\((?:[^()]|\([^()]*\))*\)\s*\(|Dropout(?:1d|2d|3d)?\s+as\b"  # made where it is called
    rb"|^[ \t]+\w+[ \t]*=[ \t]*[\w.]*Dropout(?:1d|2d|3d)?\("
    rb"|dropout_p\s*=|dot_product_attention\(",
    re.M,
)
_TOLD = re.compile(rb"training(?!\s*=\s*True)")
_CALL_TEXT = 400  # a dropout call longer than this is looked at whatever it says


@lru_cache(maxsize=16)  # every rule asks
def topics(raw: bytes) -> Topic:
    """What the bytes of a file may be about; `Topic.NOTHING` for most files."""
    found = Topic.NOTHING
    for topic, needles in _NEEDLES:
        if any(needle in raw for needle in needles):
            found |= topic
    if found & Topic.ACTIVATION and not activations_leave(raw.decode("utf-8", "replace")):
        found &= ~Topic.ACTIVATION
    if b"Variable" in raw and not found & Topic.VOLATILE and (b"Variable as " in raw or _third_argument(raw)):
        found |= Topic.VOLATILE
    if (b"ropout" in raw or b"dot_product_attention" in raw) and _functional_dropout(raw):
        found |= Topic.DROPOUT
    return found


def says_phases(code: bytes) -> bool:
    """Whether code says a word of training or evaluation."""
    return any(needle in code for topic, needles in _NEEDLES if topic is Topic.PHASES for needle in needles)


def _functional_dropout(raw: bytes) -> bool:
    """Whether a dropout is mentioned that is neither an attribute of self, a keyword, nor told `training`."""
    for match in _DROPOUT.finditer(raw):
        before, after = (
            raw[max(0, match.start() - 5) : match.start()],
            raw[match.end() : match.end() + _CALL_TEXT],
        )
        if b"Dropout" in match[0] or match[0][-1:] in b"=(":
            return True
        if before == b"self." or (before[-1:] in b"_\"'" and before[-1:]):
            continue
        following = after.lstrip()[:1]
        if following in (b"=", b":") or (following == b"(" and before != b"orch." and _TOLD.search(_balanced(after))):
            continue
        if following == b"(" or before[-1:] == b"." or before.endswith((b"rt ", b", ", b"import")):
            return True
    return False


def _third_argument(raw: bytes) -> bool:
    """Whether a `Variable(...)` has three arguments: the third is `volatile`, without the word."""
    for match in re.finditer(rb"Variable\(", raw):
        depth = commas = 0
        for char in _balanced(raw[match.end() - 1 : match.end() + _CALL_TEXT]):
            depth += (char in b"([{") - (char in b")]}")
            commas += depth == 1 and char == ord(",")
        if commas >= 2:
            return True
    return False


def _balanced(text: bytes) -> bytes:
    depth = 0
    for index, char in enumerate(text):
        depth += (char == 40) - (char == 41)
        if depth == 0 and char == 41:
            return text[: index + 1]
    return b""


def speaks_of_torch(raw: bytes) -> bool:
    """Whether a file names torch, or a library through which star imports give it; one in a project is enough."""
    return b"torch" in raw or b"fastai" in raw or b"lightning" in raw


def is_candidate(raw: bytes) -> bool:
    """Whether any rule could have a finding in a file of these bytes."""
    return bool(topics(raw) & OWN)
