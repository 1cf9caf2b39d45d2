"""The cheap gate on bytes: what could a rule find in this file? Most files are never decoded or parsed.

The gate looks for words without which no rule has a finding *located* in the file, and for activations whose output
goes on from the function that applies it; a test compares gated with ungated runs. It never asks for the word `torch`:
star imports need not say it.
"""

from __future__ import annotations

import re
from enum import Flag, auto
from functools import lru_cache


class Topic(Flag):
    """What a file may be about."""

    NOTHING = 0
    ACTIVATION = auto()  # applies softmax or sigmoid
    LOSS = auto()  # uses a loss that contains one
    VOLATILE = auto()
    PHASES = auto()  # trains or evaluates a model
    DROPOUT = auto()  # calls the functional form
    INTERPOLATE = auto()
    RETAIN = auto()  # a backward pass that keeps its graph
    OLD_NAME = auto()  # an argument called async
    INDEX = auto()  # takes or counts numbers by an index of a type that is not the usual one
    TARGET = auto()  # gives a loss its target
    LOG = auto()  # applies log_softmax, or may take the logarithm of a softmax
    LIKELIHOOD = auto()  # uses a loss on (log-)probabilities


# The topics that can have a finding in the file itself; a loss matters only for files with activations.
OWN = (
    Topic.ACTIVATION
    | Topic.VOLATILE
    | Topic.PHASES
    | Topic.DROPOUT
    | Topic.INTERPOLATE
    | Topic.TARGET
    | Topic.LOG
    | Topic.LIKELIHOOD
    | Topic.INDEX
    | Topic.RETAIN
    | Topic.OLD_NAME
)

_NEEDLES: tuple[tuple[Topic, tuple[bytes, ...]], ...] = (
    (Topic.ACTIVATION, (b"oftmax", b"igmoid", b"expit")),
    (Topic.LOSS, (b"ross_entropy", b"rossEntropyLoss", b"nll_loss", b"NLLLoss", b"BCELoss", b"BCEWithLogits")),
    (Topic.LOG, (b"og_softmax", b"ogSoftmax")),
    (Topic.LIKELIHOOD, (b"nll_loss", b"NLLLoss", b"BCELoss")),
    (Topic.VOLATILE, (b"volatile",)),
    (  # cross entropy takes labels, so files that train are enough for the few soft ones
        Topic.TARGET,
        (
            *(b"mse_loss", b"MSELoss", b"l1_loss", b"L1Loss", b"huber_loss", b"HuberLoss", b"kl_div", b"KLDivLoss"),
            *(b"binary_cross_entropy", b"BCELoss", b"BCEWithLogitsLoss", b"cosine_similarity", b"CosineSimilarity"),
            *(b"cosine_embedding_loss", b"CosineEmbeddingLoss", b"riterion(", b".backward("),
        ),
    ),
    (
        Topic.PHASES,
        (b".eval(", b".train(", b".backward(", b"oader", b"load_state_dict(", b".train =", b".training ="),
    ),
)
_LOGARITHM = re.compile(rb"\.log\b|\blog\(|import[^\n]*\blog\b")
_ON_PROBABILITIES = re.compile(rb"inary_cross_entropy(?!_with)")
_PHASE = re.compile(  # `test_...` is the name of tests of code, unless it gets a model
    rb"def (?:eval|val|test\(|infer|predict|score|generate|sample\(|translate"
    rb"|test_\w+\((?:self, *)?(?:net|network|model)\b)"
)
# Each pattern begins with letters: these are looked for many times faster than anything else.
_DROPOUT_NAME = re.compile(rb"dropout(?:1d|2d|3d|_)?\b")
_DROPOUT_MADE = re.compile(  # made where it is called, under another name, or into a name; told its rate
    rb"Dropout(?:1d|2d|3d)?\((?:[^()]|\([^()]*\))*\)\s*\(|Dropout(?:1d|2d|3d)?\s+as\b"
)
_DROPOUT_KEPT = re.compile(rb"Dropout(?:1d|2d|3d)?\(")
_DROPOUT_RATE = re.compile(rb"dropout_p\s*=")
_TO_A_NAME = re.compile(rb"[ \t]+\w+[ \t]*=[ \t]*[\w.]*")
_RESIZES = (re.compile(rb"interpolate\b"), re.compile(rb"upsample(?:_nearest|_bilinear)?\b"))
_UPSAMPLER = re.compile(rb"Upsampl")
_KEEPS = re.compile(rb"retain_graph|retain_variables|backward\s*\([^()]*(?:\([^()]*\)[^()]*)*,\s*True")
_OLD_NAME = re.compile(rb"async[ \t]*=(?!=)")
_OF_SELF = re.compile(rb"(?:\W|\A)self\.\Z")
_CALLED_OR_RENAMED = re.compile(rb"[\s\\]*\(|[\s\\]+as\b")
_TOLD = re.compile(rb"training(?!\s*=\s*True)")
_INDEXES = re.compile(
    rb"one_hot\(|gather\(|scatter_?\(|scatter_add_?\(|mbedding\b|ross_entropy\(|nll_loss\(|EntropyLoss\(|NLLLoss\("
)
#: Without one of these the types of all indices are the usual ones, and no numbers of theirs are written down.
_INDEX_TYPES = re.compile(
    rb"int(?:32|16|8)\b|\.(?:int|short|char|byte)\(|(?:Int|Short|Char|Byte|Bool)Tensor\b"
    rb"|torch\.(?:int|short|bool)\b|ensor\(\["
)
_CALL_TEXT = 400  # a dropout call longer than this is looked at whatever it says


@lru_cache(maxsize=16)  # every rule asks
def topics(raw: bytes) -> Topic:
    """What the bytes of a file may be about; `Topic.NOTHING` for most files."""
    found = Topic.NOTHING
    for topic, needles in _NEEDLES:
        if any(needle in raw for needle in needles):
            found |= topic
    if not found & Topic.PHASES and _PHASE.search(raw):
        found |= Topic.PHASES
    if b"oftmax" in raw and _LOGARITHM.search(raw):
        found |= Topic.LOG
    if b"inary_cross_entropy" in raw and _ON_PROBABILITIES.search(raw):
        found |= Topic.LIKELIHOOD
    if b"Variable" in raw and not found & Topic.VOLATILE and (b"Variable as " in raw or _third_argument(raw)):
        found |= Topic.VOLATILE
    if (b"ropout" in raw or b"dot_product_attention" in raw) and _functional_dropout(raw):
        found |= Topic.DROPOUT
    if (b"interpolate" in raw or b"psampl" in raw) and _resizes(raw):
        found |= Topic.INTERPOLATE
    if b"index_select" in raw or (_INDEXES.search(raw) and _INDEX_TYPES.search(raw)):
        found |= Topic.INDEX
    if b"backward" in raw and _KEEPS.search(raw):
        found |= Topic.RETAIN
    if b"async" in raw and _OLD_NAME.search(raw):
        found |= Topic.OLD_NAME
    return found


def says_phases(code: bytes) -> bool:
    """Whether code says a word of training or evaluation."""
    needles = (needle for topic, words in _NEEDLES if topic is Topic.PHASES for needle in words)
    return any(needle in code for needle in needles) or _PHASE.search(code) is not None


def _resizes(raw: bytes) -> bool:
    """Whether a resize is called by its name, renamed, or an attribute of something other than self."""
    if any(not _is_word_character(raw[match.start() - 1 : match.start()]) for match in _UPSAMPLER.finditer(raw)):
        return True
    return any(_is_resize(raw, match.start(), match.end()) for words in _RESIZES for match in words.finditer(raw))


def _is_resize(raw: bytes, start: int, end: int) -> bool:
    before = raw[max(0, start - 16) : start]
    if _is_word_character(before[-1:]) or before.endswith(b"def "):
        return False
    written = before.rstrip(b" \t\r\n\\")
    if not written or written.endswith(b"."):
        return _OF_SELF.search(written) is None
    return _CALLED_OR_RENAMED.match(raw, end) is not None


def _is_word_character(byte: bytes) -> bool:
    return byte.isalnum() or byte == b"_"


def _functional_dropout(raw: bytes) -> bool:
    """Whether a dropout is mentioned that is neither an attribute of self, a keyword, nor told `training`."""
    return (
        b"dot_product_attention(" in raw
        or _DROPOUT_RATE.search(raw) is not None
        or _DROPOUT_MADE.search(raw) is not None
        or any(_goes_into_a_name(raw, match.start()) for match in _DROPOUT_KEPT.finditer(raw))
        or any(_is_functional(raw, match.start(), match.end()) for match in _DROPOUT_NAME.finditer(raw))
    )


def _goes_into_a_name(raw: bytes, position: int) -> bool:
    start = raw.rfind(b"\n", 0, position) + 1
    return _TO_A_NAME.fullmatch(raw, start, position) is not None


def _is_functional(raw: bytes, start: int, end: int) -> bool:
    """Whether the name of a dropout may be that of the function."""
    for prefix in (b"alpha_", b"feature_"):
        if raw.endswith(prefix, 0, start):
            start -= len(prefix)
    before, after = raw[max(0, start - 5) : start], raw[end : end + _CALL_TEXT]
    if before == b"self." or (before[-1:] in b"_\"'" and before[-1:]):
        return False
    following = after.lstrip()[:1]
    if following in (b"=", b":") or (following == b"(" and before != b"orch." and _TOLD.search(_balanced(after))):
        return False
    return following == b"(" or before[-1:] == b"." or before.endswith((b"rt ", b", ", b"import"))


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
    return any(word in raw for word in (b"torch", b"fastai", b"lightning", b"transformers", b"skorch", b"catalyst"))


def is_candidate(raw: bytes) -> bool:
    """Whether any rule could have a finding in a file of these bytes."""
    return bool(topics(raw) & OWN)
