"""Which activation a tensor comes from: by its graph, through operations that only move numbers, else by its values."""

_MOVING = frozenset(
    "View UnsafeView Reshape ReshapeAlias Squeeze Unsqueeze Permute Transpose T Slice Select Clone ToCopy Cat Stack"
    " Expand Alias Unbind Split Chunk IndexSelect Index Gather".split()
)
_NAMES = {"Softmax": "softmax", "Sigmoid": "sigmoid", "LogSoftmax": "log_softmax", "Log": "log"}
_DEPTH = 12


def last_activation(scores):
    """softmax, sigmoid, log_softmax or log where that was applied last, "" where nothing of it is seen."""
    if scores.grad_fn is not None:
        return _of_node(scores.grad_fn, _DEPTH)
    return _of_values(scores.detach())


def _of_node(node, depth):
    name = node.name().rstrip("0123456789")
    name = name[: -len("Backward")] if name.endswith("Backward") else name
    if name in _NAMES:
        return _NAMES[name]
    if name not in _MOVING or not depth:
        return ""
    parents = [_of_node(parent, depth - 1) for parent, _ in node.next_functions if parent is not None]
    return parents[0] if parents and len(set(parents)) == 1 else ""


def _of_values(scores):
    """Without a graph: on the simplex, or logarithms of what is."""
    if scores.dim() < 1 or not scores.is_floating_point() or not scores.numel():
        return ""
    dim = 1 if scores.dim() > 1 else 0
    if scores.shape[dim] < 2:
        return ""
    if bool((scores >= 0).all()) and _are_ones(scores.sum(dim)):
        return "softmax"
    if bool((scores <= 0).all()) and _are_ones(scores.exp().sum(dim)):
        return "log_softmax"
    return ""


def _are_ones(sums):
    return float((sums - 1).abs().max()) < 1e-3


def logits_of(scores):
    """Scores of which these are the softmax over the classes, up to a constant; None where they are no such thing."""
    dim = 1 if scores.dim() > 1 else 0
    if not scores.is_floating_point() or not scores.numel() or scores.shape[dim] < 2:
        return None
    if not bool((scores > 0).all()) or not _are_ones(scores.sum(dim)):
        return None
    return scores.log()


def are_logarithms(scores):
    """Whether these are logarithms of probabilities over the classes (those that are infinite included)."""
    dim = 1 if scores.dim() > 1 else 0
    if scores.dim() < 1 or not scores.is_floating_point() or not scores.numel() or not bool((scores <= 1e-6).all()):
        return False
    return _are_ones(scores.exp().sum(dim))


def logit_of(scores):
    """Scores of which these are the sigmoid; None where they are no such thing."""
    if not scores.is_floating_point() or not bool(((scores > 0) & (scores < 1)).all()):
        return None
    return scores.logit()
