"""Old calls that today's Python, torch or numpy refuses, answered as they were: else nothing of that age runs at all.

The same for a program before and after a fix, and each use counted. Left alone is what a rule of ours is about: what
`volatile` does, what `F.interpolate` and `index_select` refuse, graphs that are used twice, tensors changed in place.
"""

import codecs
import functools
import inspect
import io
import tokenize

import torch

from . import legacy_names
from .retry import retry

#: How a use of the first shim is told.
ASYNC_AS_A_NAME = "async as a name"
#: After `async` these make it the keyword that it is today.
_AFTER_KEYWORD = frozenset(("def", "for", "with"))


def source(raw, note=lambda kind, what: None):
    """The bytes of a module with names that have become keywords since renamed: `async` to `non_blocking`.

    `x.cuda(async=True)` then says what torch calls it now; `note("legacy", what)` is called for each. Lines stay where
    they are, columns don't. What can't be read as tokens is given back as it is, and fails where it is compiled.
    """
    if b"async" not in raw:
        return raw
    mark = codecs.BOM_UTF8 if raw.startswith(codecs.BOM_UTF8) else b""
    try:
        tokens = list(tokenize.tokenize(io.BytesIO(raw).readline))
    except (tokenize.TokenError, SyntaxError, UnicodeDecodeError):
        return raw
    encoding = tokens[0].string
    lines = raw[len(mark) :].decode(encoding).split("\n")
    for token in reversed(_old_names(tokens)):
        row, start = token.start
        line = lines[row - 1]
        lines[row - 1] = line[:start] + "non_blocking" + line[start + len("async") :]
        note("legacy", ASYNC_AS_A_NAME)
    return mark + "\n".join(lines).encode(encoding)


def _old_names(tokens):
    """The tokens `async` that are names: not before `def`, no attribute, not in an import."""
    found, importing = [], False
    for before, token, behind in zip(tokens, tokens[1:], tokens[2:]):
        if before.type in (tokenize.NEWLINE, tokenize.ENCODING, tokenize.INDENT, tokenize.DEDENT, tokenize.NL):
            importing = token.string in ("import", "from")
        if token.string != "async" or token.type not in (tokenize.NAME, getattr(tokenize, "ASYNC", tokenize.NAME)):
            continue
        if not importing and before.string != "." and behind.string not in _AFTER_KEYWORD:
            found.append(token)
    return found


def install(note):
    """Put all shims in place; `note("legacy", what)` is called at each use."""

    def used(what):
        note("legacy", what)

    _index_numbers(used)
    _view_anything(used)
    _take_byte_masks(used)
    _subtract_masks(used)
    _match_targets(used)
    _load_objects(used)
    _step_iterators(used)
    _take_verbose(used)
    legacy_names.install(used)


def _index_numbers(used):
    """`loss.data[0]`: a loss was a vector of one. With a graph it stays a tensor, as `loss[0]` was."""

    def number(tensor, index):
        if type(index) is not int or index not in (0, -1):
            raise IndexError("invalid index of a 0-dim tensor")
        return tensor if tensor.requires_grad else tensor.item()

    retry(torch.Tensor, "__getitem__", "invalid index of a 0-dim tensor", number, used, "0-dim [0]")


def _view_anything(used):
    """`correct[:k].view(-1)`: more tensors were contiguous."""

    def reshaped(tensor, *shape, **kwargs):
        return tensor.reshape(*shape, **kwargs)

    retry(torch.Tensor, "view", "view size is not compatible", reshaped, used, "non-contiguous .view")


def _take_byte_masks(used):
    """Comparisons gave bytes, and masks were made of bytes."""
    for owner, name, message in (
        (torch.Tensor, "masked_fill", "only supports boolean masks"),
        (torch.Tensor, "masked_fill_", "only supports boolean masks"),
        (torch.Tensor, "masked_scatter", "only supports boolean masks"),
        (torch.Tensor, "masked_scatter_", "only supports boolean masks"),
        (torch.Tensor, "masked_select", "expected BoolTensor"),
        (torch, "masked_fill", "only supports boolean masks"),
        (torch, "masked_select", "expected BoolTensor"),
    ):
        genuine = getattr(owner, name)
        retry(owner, name, message, functools.partial(_with_bool_mask, genuine), used, "byte mask")


def _with_bool_mask(genuine, tensor, *args, **kwargs):
    if "mask" in kwargs:
        return genuine(tensor, *args, **dict(kwargs, mask=kwargs["mask"].bool()))
    return genuine(tensor, args[0].bool(), *args[1:], **kwargs)


def _subtract_masks(used):
    """`1 - (x == pad)`: the mask was of bytes, and so is the result."""

    def inverted(mask, other):
        return other - mask.to(torch.uint8)

    retry(torch.Tensor, "__rsub__", "with a bool tensor is not supported", inverted, used, "1 - mask")


def _match_targets(used):
    """`nn.BCELoss` of (N, 1) and a target of N: as many values, taken in their order. And `criterion(scores, y[i])`
    of the scores of one item: a vector's element was a vector of one."""
    functional = torch.nn.functional
    genuine = functional.binary_cross_entropy

    def matched(input, target, *args, **kwargs):
        return genuine(input, target.reshape(input.shape), *args, **kwargs)

    retry(
        functional, "binary_cross_entropy", "different to the input size", matched, used, "BCE target of another shape"
    )

    _match_one_target(used, "cross_entropy")
    _match_one_target(used, "nll_loss")


def _match_one_target(used, name):
    genuine = getattr(torch.nn.functional, name)

    def matched(input, target, *args, **kwargs):
        return genuine(input, target.reshape(1), *args, **kwargs)

    message = "Expected input batch_size (1) to match target batch_size (0)"
    retry(torch.nn.functional, name, message, matched, used, "target without dimensions")


def _load_objects(used):
    """`torch.load` of whole objects, where the program doesn't say that it wants weights only."""
    genuine = torch.load

    @functools.wraps(genuine)
    def load(f, *args, **kwargs):
        if "weights_only" in kwargs:
            return genuine(f, *args, **kwargs)
        start = f.tell() if hasattr(f, "tell") else None
        try:
            return genuine(f, *args, **kwargs)
        except Exception as error:  # of pickle, whose class has changed its name
            if "weights_only" not in str(error) and "weights only" not in str(error).lower():
                raise
        if start is not None:
            f.seek(start)
        used("torch.load weights_only=False")
        return genuine(f, *args, weights_only=False, **kwargs)

    torch.load = load


def _step_iterators(used):
    """`iter(loader).next()`."""
    iterator = torch.utils.data.dataloader._BaseDataLoaderIter
    if hasattr(iterator, "next"):
        return

    def next_(self):
        used("iterator.next()")
        return next(self)

    iterator.next = next_


def _take_verbose(used):
    """`verbose=` of the schedulers, which printed the learning rate."""
    module = torch.optim.lr_scheduler
    bases = (getattr(module, "LRScheduler", module._LRScheduler), module.ReduceLROnPlateau)
    for scheduler in vars(module).values():
        if not isinstance(scheduler, type) or not issubclass(scheduler, bases):
            continue
        parameters = inspect.signature(scheduler.__init__).parameters
        if "__init__" in vars(scheduler) and "verbose" not in parameters:
            scheduler.__init__ = _without_verbose(scheduler.__init__, len(parameters), used)


def _without_verbose(genuine, most, used):
    """The constructor of a scheduler that takes `most` arguments with `self`; `verbose` used to be the one after."""

    @functools.wraps(genuine)
    def init(self, *args, **kwargs):
        if "verbose" in kwargs or len(args) == most:
            used("scheduler verbose=")
            kwargs.pop("verbose", None)
            args = args[: most - 1]
        return genuine(self, *args, **kwargs)

    return init
