"""Calls of torch's functions that rules are about: losses, dropout, interpolation, indexing."""

import contextlib
import functools
import sys

import torch
import torch.nn.functional as F
from torch import nn

from . import checksum
from .activations import are_logarithms, last_activation, logit_of, logits_of
from .trees import number

_FIRST = 8  # calls of a site that are looked at; later every sixteenth
_ROWS = 16  # of an index that are told
_TARGETED = "mse_loss l1_loss smooth_l1_loss huber_loss kl_div binary_cross_entropy binary_cross_entropy_with_logits"
_PAIRED = {"cosine_similarity": "x2", "cosine_embedding_loss": "input2"}  # by the names of their second arguments
_CLASSIFYING = ("cross_entropy", "nll_loss")
_BINARY = {"binary_cross_entropy": "bce", "binary_cross_entropy_with_logits": "bce_logits"}
_VALUED = "gt ge lt le __gt__ __ge__ __lt__ __le__ log round multinomial"
_NATIVE_DROPOUTS = "dropout dropout_ alpha_dropout alpha_dropout_ feature_dropout feature_alpha_dropout"
_DROPOUTS = "dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout"


class Functions:
    """Replaces functions in `torch.nn.functional`, which modules call too, and their twins on tensors."""

    def __init__(self, recorder):
        self.recorder = recorder
        self._calls = {}
        self._originals = {name: getattr(F, name) for name in (*_CLASSIFYING, *_BINARY)}
        self._dropouts = {}  # (site, active, training) -> how often

    def install(self):
        for name in _CLASSIFYING:
            self._replace(F, name, self._classifying(name))
        for name, kind in _BINARY.items():
            self._replace(F, name, self._deciding(kind))
        for name in _TARGETED.split():
            self._replace(F, name, self._with_target(name, "target"))
        for name, second in _PAIRED.items():
            self._replace(F, name, self._with_target(name, second))
        for name in _DROPOUTS.split():
            self._replace(F, name, self._dropping)
        for name in _NATIVE_DROPOUTS.split():
            self._replace(torch, name, self._dropping_natively)
        for owner in (F, torch, torch.Tensor):
            self._replace(owner, "log_softmax", self._taking_logarithms)
        self._replace(F, "scaled_dot_product_attention", self._attending)
        for name in ("interpolate", "upsample"):
            self._replace(F, name, self._resizing)
        for name in _VALUED.split():
            for owner in (torch, torch.Tensor):
                self._replace(owner, name, self._valued)
        for name in ("index_select", "gather"):
            for owner in (torch, torch.Tensor):
                self._replace(owner, name, self._indexing)
        self._replace(F, "embedding", self._embedding)

    def _replace(self, owner, name, watched):
        original, recorder = getattr(owner, name, None), self.recorder
        if original is None:
            return

        @functools.wraps(original)
        def wrapper(*args, **kwargs):
            return original(*args, **kwargs) if recorder.asking else watched(original, args, kwargs)

        setattr(owner, name, wrapper)
        with contextlib.suppress(Exception):  # scripted functions know functions of torch by their identity
            builtins = torch.jit._builtins
            known = builtins._find_builtin(original)
            if known is not None:
                builtins._register_builtin(wrapper, known)

    def _tell(self, kind, site, **fields):
        """An event for a call, unless the site was seen often enough."""
        key = (kind, tuple(site))
        count = self._calls[key] = self._calls.get(key, 0) + 1
        if count <= _FIRST or count % 16 == 0:
            self.recorder.stream.event("call", k=kind, site=site, n=count, **fields)

    # --- losses -----------------------------------------------------------------------------------------------------

    def _classifying(self, kind):
        """Cross entropy wants logits, NLL logarithms of probabilities; neither a target that learns."""

        def watched(original, args, kwargs):
            scores, target = _argument(args, kwargs, 0, "input"), _argument(args, kwargs, 1, "target")
            loss = original(*args, **kwargs)
            if isinstance(scores, torch.Tensor) and scores.dim():
                value = loss.detach()
                self._tell(
                    "ce" if kind == "cross_entropy" else "nll",
                    self.recorder.site(3),
                    activation=last_activation(scores),
                    logs=are_logarithms(scores.detach()),
                    classes=scores.shape[1] if scores.dim() > 1 else scores.shape[0],
                    hard=isinstance(target, torch.Tensor) and not target.is_floating_point(),
                    target_grad=isinstance(target, torch.Tensor) and target.requires_grad,
                    grad=torch.is_grad_enabled(),
                    loss=number(value if value.numel() == 1 else value.mean()),
                    backs=self.recorder.backwards,
                    meant=self._meant(kind, args, kwargs, scores) if not self.recorder.backwards else None,
                )
            return loss

        return watched

    def _taking_logarithms(self, original, args, kwargs):
        """A softmax before a log_softmax is the same mistake as one before cross entropy, and NLL comes later."""
        scores = _argument(args, kwargs, 0, "input")
        result = original(*args, **kwargs)
        if isinstance(scores, torch.Tensor) and scores.dim():
            self._tell("log_softmax", self.recorder.site(3), activation=last_activation(scores))
        return result

    def _deciding(self, kind):
        """Binary cross entropy wants probabilities, or logits; it raises for what certainly are no probabilities."""

        def watched(original, args, kwargs):
            scores, site = _argument(args, kwargs, 0, "input"), self.recorder.site(3)
            if not isinstance(scores, torch.Tensor) or not scores.numel():
                return original(*args, **kwargs)
            fields = {"activation": last_activation(scores), "backs": self.recorder.backwards}
            fields["outside"] = kind == "bce" and bool(((scores < 0) | (scores > 1)).any())
            fields["meant"] = self._meant_for_two(kind, args, kwargs, scores) if not fields["backs"] else None
            try:
                loss = original(*args, **kwargs)
            except Exception:
                self._tell(kind, site, loss=None, **fields)
                raise
            value = loss.detach()
            self._tell(kind, site, loss=number(value if value.numel() == 1 else value.mean()), **fields)
            return loss

        return watched

    def _meant(self, kind, args, kwargs, scores):
        """What the loss must be once it gets what it wants: that of the scores which these probabilities were made of,
        and for NLL of scores the cross entropy."""
        logits = logits_of(scores.detach())
        if logits is not None:
            return self._loss_of(kind, args, kwargs, logits)
        if kind == "nll_loss" and not are_logarithms(scores.detach()):
            return self._loss_of("cross_entropy", args, kwargs, scores.detach())
        return None

    def _meant_for_two(self, kind, args, kwargs, scores):
        """The same for two classes: the loss on logits of what a sigmoid was applied to, or of raw scores."""
        scores = scores.detach()
        if kind == "bce_logits":
            return self._loss_of("binary_cross_entropy_with_logits", args, kwargs, logit_of(scores))
        if bool(((scores < 0) | (scores > 1)).any()):
            return self._loss_of("binary_cross_entropy_with_logits", args, kwargs, scores)
        return None

    def _loss_of(self, name, args, kwargs, scores):
        if scores is None:
            return None
        named = {key: value for key, value in kwargs.items() if key != "input"}
        try:
            with torch.no_grad():
                loss = self._originals[name](scores, *args[1:], **named)
        except (RuntimeError, ValueError, TypeError, IndexError):
            return None  # the program's own call says what is wrong
        return number(loss if loss.numel() == 1 else loss.mean())

    def _with_target(self, kind, second):
        def watched(original, args, kwargs):
            target = _argument(args, kwargs, 1, second)
            if isinstance(target, torch.Tensor) and target.requires_grad:
                self._tell("target", self.recorder.site(3), loss=kind, graph=target.grad_fn is not None)
            return original(*args, **kwargs)

        return watched

    # --- values -----------------------------------------------------------------------------------------------------

    def _valued(self, original, args, kwargs):
        """Comparisons with a number between 0 and 1, logarithms and the like: they mean something else for logits."""
        value, bound = args[0] if args else None, args[1] if len(args) > 1 else None
        compares = original.__name__.strip("_") in ("gt", "ge", "lt", "le")
        meaningful = not compares or (isinstance(bound, float) and 0 < bound < 1)
        own = self.recorder.relative(sys._getframe(2).f_code.co_filename) is not None
        if meaningful and own and _is_readable(value):
            site = self.recorder.site(3)
            if self._calls.get(("value", tuple(site)), 0) < _FIRST:
                low, high = (float(end) for end in value.detach().aminmax())
                unit = value.dim() > 0 and low >= 0.0 and high <= 1.0 + 1e-5
                self._tell("value", site, unit=unit, digest=checksum.digest([value]))
        return original(*args, **kwargs)

    # --- dropout ----------------------------------------------------------------------------------------------------

    def _dropping(self, original, args, kwargs):
        given = _argument(args, kwargs, 2, "training")
        alpha = original.__name__.startswith(("alpha", "feature"))  # off unless told
        self._dropped((not alpha if given is None else bool(given)), _argument(args, kwargs, 1, "p"))
        return original(*args, **kwargs)

    def _dropping_natively(self, original, args, kwargs):
        self._dropped(bool(_argument(args, kwargs, 2, "train")), _argument(args, kwargs, 1, "p"))
        return original(*args, **kwargs)

    def _attending(self, original, args, kwargs):
        probability = _argument(args, kwargs, 4, "dropout_p")
        if probability:
            self._dropped(True, probability)
        return original(*args, **kwargs)

    def _dropped(self, asked, probability):
        """Whether the mode of the module around agrees is what the rules ask; with a probability of 0 it is unknown."""
        active = None if probability == 0 else asked
        current = self.recorder.current
        if active and current is not None:
            current["drop"] += 1
        training = _mode_of_caller(sys._getframe(3))
        if training is None:
            training = None if current is None else current["mode"] == "train"
        if training is not None:
            key = (tuple(self.recorder.site(4)), active, training)
            self._dropouts[key] = self._dropouts.get(key, 0) + 1
            if self._dropouts[key] == 1:
                self.recorder.stream.event("call", k="dropout", site=key[0], n=1, active=active, training=training)

    def flush(self):
        """Tell how often each dropout was called; until now only its first call is known."""
        for (site, active, training), count in self._dropouts.items():
            self.recorder.stream.event("call", k="dropout", site=site, n=count, active=active, training=training)

    # --- shapes -----------------------------------------------------------------------------------------------------

    def _resizing(self, original, args, kwargs):
        image = _argument(args, kwargs, 0, "input")
        fields = {"shape": list(image.shape), "dtype": str(image.dtype)} if isinstance(image, torch.Tensor) else {}
        site = self.recorder.site(3)
        try:
            result = original(*args, **kwargs)
        except Exception as error:
            self._tell("interpolate", site, error=type(error).__name__, out=None, **fields)
            raise
        self._tell("interpolate", site, error="", out=list(result.shape), **fields)
        return result

    def _indexing(self, original, args, kwargs):
        source, dim = _argument(args, kwargs, 0, "input"), _argument(args, kwargs, 1, "dim")
        size = source.size(dim) if isinstance(source, torch.Tensor) and isinstance(dim, int) and source.dim() else None
        self._indexed(_argument(args, kwargs, 2, "index"), size)
        return original(*args, **kwargs)

    def _embedding(self, original, args, kwargs):
        self._indexed(_argument(args, kwargs, 0, "input"), len(_argument(args, kwargs, 1, "weight")))
        return original(*args, **kwargs)

    def _indexed(self, index, size):
        """What rows an index names: the first of them, as whole numbers; of a mask those that it chooses."""
        given = index
        with contextlib.suppress(Exception):  # what torch makes no tensor of, it takes for no index either
            index = torch.as_tensor(index).detach()
        if isinstance(index, torch.Tensor):
            dtype = str(index.dtype) if given is index or isinstance(given, torch.Tensor) else type(given).__name__
            low, high = (float(index.min()), float(index.max())) if index.numel() else (None, None)
            rows = index.nonzero() if index.dtype == torch.bool else index
            whole = not rows.is_floating_point() or bool((rows == rows.floor()).all())
            facts = {"dtype": dtype, "low": low, "high": high, "size": size, "count": rows.numel()}
            facts["rows"] = [int(row) for row in rows.flatten()[:_ROWS].tolist()] if whole else None
            self._tell("index", self.recorder.site(4), **facts)


def _argument(args, kwargs, position, name):
    return args[position] if position < len(args) else kwargs.get(name)


def _is_readable(value):
    return isinstance(value, torch.Tensor) and value.is_floating_point() and value.numel() and hasattr(value, "aminmax")


def _mode_of_caller(frame):
    """The mode of the module in whose method a function was called; None outside of methods of modules."""
    for _ in range(2):
        if frame is None:
            return None
        owner = frame.f_locals.get("self")
        if isinstance(owner, nn.modules.dropout._DropoutNd):
            return None  # one that is made in every call is in training mode, whatever is around it
        if isinstance(owner, nn.Module):
            return bool(owner.training)
        frame = frame.f_back
    return None
