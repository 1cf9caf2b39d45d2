"""The cheap gate on bytes: what could a rule find in this file? Most files are never decoded or parsed.

The gate looks for words without which no rule has a finding *located* in the file; a test compares gated with ungated
runs. It never asks for the word `torch`: star imports need not say it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import Flag, auto


class Topic(Flag):
    """What a file may be about."""

    NOTHING = 0
    ACTIVATION = auto()  # applies softmax or sigmoid
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


def _ending_in(end: bytes, *words: bytes) -> re.Pattern[bytes]:
    """Finds each of the words, which all end so."""
    return re.compile(end + b"(?:" + b"|".join(b"(?<=%s)" % word for word in words) + b")")


def _patterns(*texts: bytes) -> tuple[re.Pattern[bytes], ...]:
    return tuple(map(re.compile, texts))


# Most files are only searched, so each search must be fast. That of plain bytes is, and of a pattern that begins with
# letters or with a rare character; one that begins with a choice takes twenty times as long. Of many words those come
# first that most files say.
_ACTIVATIONS = (b"oftmax", b"igmoid", b"expit")
_LOG_SOFTMAX = _ending_in(b"oftmax", b"og_softmax", b"ogSoftmax")
_LOGARITHMS = _patterns(rb"\.log\b", rb"log\((?<!\wlog\()", rb"import[^\n]*\blog\b")
_SOFT = (b"MSE", b"L1", b"Huber", b"KLDiv", b"BCE", b"BCEWithLogits", b"CosineEmbedding")
_LIKELIHOODS = (_ending_in(b"Loss", b"NLLLoss", b"BCELoss"), *_patterns(rb"nll_loss"))
_ON_PROBABILITIES = re.compile(rb"inary_cross_entropy(?!_with)")
_TARGETS = (  # cross entropy takes labels, so files that train are enough for the few soft ones
    _ending_in(b"_loss", b"mse_loss", b"l1_loss", b"huber_loss", b"cosine_embedding_loss"),
    _ending_in(b"Loss", *(kind + b"Loss" for kind in _SOFT)),
    _ending_in(b"imilarity", b"cosine_similarity", b"CosineSimilarity"),
)
_TARGET_WORDS = (b".backward(", b"binary_cross_entropy", b"riterion(", b"kl_div")
_FEEDS = (b"oader", b"load_state_dict(")
_SWITCHES = re.compile(rb"\.(?:eval\(|backward\(|train(?:\(| =|ing =))")
_PHASE = re.compile(  # `test_...` is the name of tests of code, unless it gets a model
    rb"def (?:eval|val|test\(|infer|predict|score|generate|sample\(|translate"
    rb"|test_\w+\((?:self, *)?(?:net|network|model)\b)"
)
_DROPOUT_NAME = re.compile(rb"dropout(?:1d|2d|3d|_)?\b")
_DROPOUT_MADE = re.compile(  # made where it is called, under another name, or into a name; told its rate
    rb"Dropout(?:1d|2d|3d)?\((?:[^()]|\([^()]*\))*\)\s*\(|Dropout(?:1d|2d|3d)?\s+as\b"
)
_DROPOUT_KEPT = re.compile(rb"Dropout(?:1d|2d|3d)?\(")
_DROPOUT_RATE = re.compile(rb"dropout_p\s*=")
_TO_A_NAME = re.compile(rb"[ \t]+\w+[ \t]*=[ \t]*[\w.]*")
_RESIZES = (re.compile(rb"interpolate\b"), re.compile(rb"upsample(?:_nearest|_bilinear)?\b"))
_UPSAMPLER = re.compile(rb"Upsampl")
_KEEPS = _patterns(rb"retain_(?:graph|variables)", rb"backward\s*\([^()]*(?:\([^()]*\)[^()]*)*,\s*True")
_OLD_NAME = re.compile(rb"async[ \t]*=(?!=)")
_OF_SELF = re.compile(rb"(?:\W|\A)self\.\Z")
_CALLED_OR_RENAMED = re.compile(rb"[\s\\]*\(|[\s\\]+as\b")
_TOLD = re.compile(rb"training(?!\s*=\s*True)")
_INDEXES = _patterns(
    *(rb"mbedding\b", rb"gather\(", rb"scatter(?:_add)?_?\(", rb"one_hot\("),
    *(rb"EntropyLoss\(", rb"NLLLoss\(", rb"ross_entropy\(", rb"nll_loss\("),
)
#: Without one of these or a quotient the types of all indices are the usual ones, and no numbers of theirs are written
#: down. An index of zeros or of random numbers would be found too: whoever has run such a program knows.
_INDEX_TYPES = _patterns(
    rb"ensor(?:\(\[|\b(?:(?<=IntTensor)|(?<=ShortTensor)|(?<=CharTensor)|(?<=ByteTensor)|(?<=BoolTensor)))",
    rb"int(?:32|16|8)\b",
    rb"\.(?:(?:int|short|char|byte)\(|(?<=torch\.)(?:int|short|bool)\b)",
)
_DIVISION = rb"[\w\])][ \t]*/[ \t]*[\w(]|\bdiv\(|true_divide\("
_DIVIDES = re.compile(_DIVISION)
_QUOTIENTS = re.compile(rb"^[ \t]*(\w+)[ \t]*(?:/=|=(?!=)[^\n#]*(?:" + _DIVISION + rb"))", re.M)
_INDEXED = re.compile(  # with what is given, as far as a call is short
    rb"(?:gather|scatter(?:_add)?_?|one_hot|\bemb\w*|[eE]mbeddings?(?:\([^()]*\))?)\(((?:[^()]|\([^()]*\)){0,400})\)"
)
_WORDS = re.compile(rb"\w+")
_CALL_TEXT = 400  # a dropout call longer than this is looked at whatever it says


def topics(raw: bytes) -> Topic:
    """What the bytes of a file may be about; `Topic.NOTHING` for most files."""
    found = Topic.NOTHING
    for topic, is_about in _TESTS:
        if is_about(raw):
            found |= topic
    return found


def says_phases(code: bytes) -> bool:
    """Whether code says a word of training or evaluation."""
    return _says_any(code, (_SWITCHES, _PHASE)) or any(word in code for word in _FEEDS)


def _says_any(raw: bytes, patterns: Iterable[re.Pattern[bytes]]) -> bool:
    return any(pattern.search(raw) for pattern in patterns)


def _takes_logarithms(raw: bytes) -> bool:
    return b"oftmax" in raw and (_LOG_SOFTMAX.search(raw) is not None or _says_any(raw, _LOGARITHMS))


def _uses_likelihoods(raw: bytes) -> bool:
    on_probabilities = b"inary_cross_entropy" in raw and _ON_PROBABILITIES.search(raw) is not None
    return on_probabilities or _says_any(raw, _LIKELIHOODS)


def _is_volatile(raw: bytes) -> bool:
    return b"volatile" in raw or (b"Variable" in raw and (b"Variable as " in raw or _third_argument(raw)))


def _takes_by_index(raw: bytes) -> bool:
    if b"index_select" in raw:
        return True
    return _says_any(raw, _INDEXES) and (_says_any(raw, _INDEX_TYPES) or _takes_by_a_quotient(raw))


def _takes_by_a_quotient(raw: bytes) -> bool:
    """Whether an index is divided where it is used, or is a name that gets a quotient: `gather(1, ids / beams)`."""
    if b"/" not in raw and b"div" not in raw:
        return False
    quotients = set(_QUOTIENTS.findall(raw))
    given = [match[1] for match in _INDEXED.finditer(raw)]
    return any(_DIVIDES.search(text) or not quotients.isdisjoint(_WORDS.findall(text)) for text in given)


def _resizes(raw: bytes) -> bool:
    """Whether a resize is called by its name, renamed, or an attribute of something other than self."""
    if b"interpolate" not in raw and b"psampl" not in raw:
        return False
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
    if b"ropout" not in raw and b"dot_product_attention" not in raw:
        return False
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


_TESTS: tuple[tuple[Topic, Callable[[bytes], bool]], ...] = (
    (Topic.ACTIVATION, lambda raw: any(word in raw for word in _ACTIVATIONS)),
    (Topic.LOG, _takes_logarithms),
    (Topic.LIKELIHOOD, _uses_likelihoods),
    (Topic.VOLATILE, _is_volatile),
    (Topic.TARGET, lambda raw: any(word in raw for word in _TARGET_WORDS) or _says_any(raw, _TARGETS)),
    (Topic.PHASES, says_phases),
    (Topic.DROPOUT, _functional_dropout),
    (Topic.INTERPOLATE, _resizes),
    (Topic.INDEX, _takes_by_index),
    (Topic.RETAIN, lambda raw: b"backward" in raw and _says_any(raw, _KEEPS)),
    (Topic.OLD_NAME, lambda raw: b"async" in raw and _OLD_NAME.search(raw) is not None),
)
