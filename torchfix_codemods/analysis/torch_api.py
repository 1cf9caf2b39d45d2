"""What the interpreter knows of torch, numpy and their companions, as tables. No behaviour.

Names are dotted and canonical: `canonical` maps the several names of one thing to one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FUNCTIONAL = "torch.nn.functional."
_NN = "torch.nn."
VARIABLE = "torch.autograd.Variable"

# A star import from these gives these names (`from torch.nn import *`).
STAR_NAMES: dict[str, frozenset[str]] = {
    "torch.nn.functional": frozenset(
        [
            "softmax",
            "log_softmax",
            "sigmoid",
            "dropout",
            "dropout1d",
            "dropout2d",
            "dropout3d",
            "alpha_dropout",
            "feature_alpha_dropout",
            "cross_entropy",
            "nll_loss",
            "interpolate",
            "upsample",
            "relu",
            "binary_cross_entropy_with_logits",
        ]
    ),
    "torch.nn": frozenset(
        [
            "Module",
            "Sequential",
            "Softmax",
            "LogSoftmax",
            "Sigmoid",
            "CrossEntropyLoss",
            "NLLLoss",
            "Linear",
            "Conv2d",
            "Dropout",
            "BatchNorm2d",
            "BatchNorm1d",
            "ModuleList",
            "functional",
            "DataParallel",
            "Upsample",
            "Embedding",
            "LSTM",
            "GRU",
            "MSELoss",
            "BCELoss",
        ]
    ),
    "torch": frozenset(["nn", "optim", "no_grad", "softmax", "sigmoid", "Tensor"]),
    "torch.autograd": frozenset(["Variable"]),
}

_ALIASES = {
    "torch.softmax": "torch.nn.functional.softmax",
    "torch.log_softmax": "torch.nn.functional.log_softmax",
    "torch.special.softmax": "torch.nn.functional.softmax",
    "torch.special.log_softmax": "torch.nn.functional.log_softmax",
    "torch.sigmoid": "torch.nn.functional.sigmoid",
    "torch.special.expit": "torch.nn.functional.sigmoid",
    "torch.nn.functional.softmax2d": "torch.nn.functional.softmax",
    "torch.autograd.variable.Variable": "torch.autograd.Variable",
    "torch.autograd.no_grad": "torch.no_grad",
    "torch.autograd.grad_mode.no_grad": "torch.no_grad",
    "torch.autograd.inference_mode": "torch.inference_mode",
    "torch.autograd.enable_grad": "torch.enable_grad",
    "torch.autograd.set_grad_enabled": "torch.set_grad_enabled",
    "torch.set_grad_enabled": "torch.set_grad_enabled",
    "torch.nn.functional.upsample": "torch.nn.functional.upsample",
    "torch.concat": "torch.cat",
    "torch.concatenate": "torch.cat",
    "torch.nn.parallel.DataParallel": "torch.nn.DataParallel",
    "torch.nn.parallel.data_parallel.DataParallel": "torch.nn.DataParallel",
    "torch.utils.data.dataloader.DataLoader": "torch.utils.data.DataLoader",
    "torch.utils.data.dataset.Dataset": "torch.utils.data.Dataset",
}


def canonical(name: str) -> str:
    """One name for each thing: `torch.nn.modules.loss.CrossEntropyLoss` is `torch.nn.CrossEntropyLoss`."""
    if name.startswith("torch.nn.modules."):
        name = _NN + name.rpartition(".")[2]
    elif name.startswith("torch.functional.F."):  # `from torch.functional import F`, as editors offer it
        name = _FUNCTIONAL + name.removeprefix("torch.functional.F.")
    elif name.startswith("torch.functional."):
        name = "torch." + name.removeprefix("torch.functional.")
    return _ALIASES.get(name, name)


ACTIVATION_FUNCTIONS = {
    _FUNCTIONAL + "softmax": "softmax",
    _FUNCTIONAL + "log_softmax": "log_softmax",
    _FUNCTIONAL + "sigmoid": "sigmoid",
    _FUNCTIONAL + "logsigmoid": "logsigmoid",
    _FUNCTIONAL + "gumbel_softmax": "gumbel",
    _FUNCTIONAL + "softmin": "softmin",
}
ACTIVATION_METHODS = {
    "softmax": "softmax",
    "log_softmax": "log_softmax",
    "sigmoid": "sigmoid",
    "sigmoid_": "sigmoid",
}
ACTIVATION_MODULES = {
    _NN + "Softmax": "softmax",
    _NN + "Softmax2d": "softmax",
    _NN + "LogSoftmax": "log_softmax",
    _NN + "Sigmoid": "sigmoid",
    _NN + "LogSigmoid": "logsigmoid",
    _NN + "Softmin": "softmin",
}

# Losses whose first argument is logits, by what they contain.
LOGIT_LOSSES = {
    _NN + "CrossEntropyLoss": "cross_entropy",
    _FUNCTIONAL + "cross_entropy": "cross_entropy",
    _NN + "BCEWithLogitsLoss": "bce_with_logits",
    _FUNCTIONAL + "binary_cross_entropy_with_logits": "bce_with_logits",
    _NN + "NLLLoss": "nll",
    _NN + "NLLLoss2d": "nll",
    _FUNCTIONAL + "nll_loss": "nll",
    _FUNCTIONAL + "nll_loss2d": "nll",
    _NN + "MultiLabelSoftMarginLoss": "bce_with_logits",
    _NN + "MultiMarginLoss": "margin",
}


@dataclass(frozen=True)
class TargetLoss:
    """A loss that computes a gradient for its target too, if that needs one: its name, its first two arguments."""

    name: str
    arguments: tuple[str, str]


_AIMED = ("input", "target")
TARGET_LOSSES = {
    name: TargetLoss(loss, arguments)
    for loss, arguments, names in (
        ("mse_loss", _AIMED, (_FUNCTIONAL + "mse_loss", _NN + "MSELoss")),
        ("l1_loss", _AIMED, (_FUNCTIONAL + "l1_loss", _NN + "L1Loss")),
        ("smooth_l1_loss", _AIMED, (_FUNCTIONAL + "smooth_l1_loss", _NN + "SmoothL1Loss")),
        ("huber_loss", _AIMED, (_FUNCTIONAL + "huber_loss", _NN + "HuberLoss")),
        ("kl_div", _AIMED, (_FUNCTIONAL + "kl_div", _NN + "KLDivLoss")),
        ("binary_cross_entropy", _AIMED, (_FUNCTIONAL + "binary_cross_entropy", _NN + "BCELoss")),
        (
            "binary_cross_entropy_with_logits",
            _AIMED,
            (_FUNCTIONAL + "binary_cross_entropy_with_logits", _NN + "BCEWithLogitsLoss"),
        ),
        ("cross_entropy", _AIMED, (_FUNCTIONAL + "cross_entropy", _NN + "CrossEntropyLoss")),
        ("cosine_similarity", ("x1", "x2"), (_FUNCTIONAL + "cosine_similarity", _NN + "CosineSimilarity")),
        ("cosine_embedding_loss", ("input1", "input2"), (_FUNCTIONAL + "cosine_embedding_loss",)),
        ("cosine_embedding_loss", ("input1", "input2"), (_NN + "CosineEmbeddingLoss",)),
    )
    for name in names
}
SYMMETRIC_LOSSES = frozenset(
    ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "cosine_similarity", "cosine_embedding_loss"]
)
# Losses whose first argument is probabilities.
PROBABILITY_LOSSES = {
    _NN + "BCELoss": "bce",
    _FUNCTIONAL + "binary_cross_entropy": "bce",
}
# Layers whose output has no bounds: neither probabilities nor their logarithms.
SCORING_LAYERS = frozenset(
    "Linear LazyLinear Bilinear Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d".split()
)

# Tensor methods and torch functions that change the shape only; what went in comes out.
SHAPE_ONLY = frozenset(
    [
        "view",
        "reshape",
        "flatten",
        "squeeze",
        "unsqueeze",
        "contiguous",
        "float",
        "double",
        "half",
        "bfloat16",
        "to",
        "clone",
        "type",
        "type_as",
        "cuda",
        "cpu",
        "expand",
        "expand_as",
        "view_as",
        "reshape_as",
        "narrow",
        "unfold",
        "ravel",
        "squeeze_",
        "unsqueeze_",
        "requires_grad_",
        "index_select",
        "masked_select",
        "repeat",
        "chunk",
        "split",
        "tensor_split",
        "unbind",
        "pin_memory",
        "detach",
        "detach_",
        "numpy",
        "data",
        "retain_grad",
        "gather",
        "take",
        "roll",
        "flip",
        "atleast_2d",
        "copy",
        "as_tensor",
        "from_numpy",
        "asarray",
        "array",
    ]
)
AXES_MOVED = frozenset(
    [
        "permute",
        "transpose",
        "t",
        "transpose_",
        "t_",
        "T",
        "mT",
        "swapaxes",
        "movedim",
        "swapdims",
        "moveaxis",
        "rollaxis",
    ]
)
IN_PLACE_SHAPES = frozenset(["squeeze_", "unsqueeze_", "transpose_", "t_", "resize_", "resize_as_"])
DETACHING = frozenset(
    [
        "detach",
        "detach_",
        "data",
        "numpy",
        "item",
        "tolist",
        "long",
        "int",
        "bool",
        "byte",
        "argmax",
        "argmin",
        "argsort",
    ]
)
JOINING = frozenset(["cat", "stack", "hstack", "vstack", "concatenate"])
INVARIANT = frozenset(["argmax", "argmin", "argsort"])  # the same on logits and on probabilities
BEST = frozenset(["max", "topk", "sort", "min", "kthvalue", "mode"])  # (values, indices) where a dim is given
QUIET = frozenset(  # looks at a tensor without looking at its numbers
    [
        "size",
        "dim",
        "ndimension",
        "nelement",
        "numel",
        "shape",
        "device",
        "dtype",
        "is_cuda",
        "requires_grad",
        "ndim",
        "names",
        "stride",
        "layout",
        "grad_fn",
        "is_contiguous",
        "data_ptr",
        "get_device",
        "register_hook",
        "element_size",
        "is_floating_point",
        "type_",
        "isnan",
        "isinf",
        "isfinite",
    ]
)

# Constructors whose arguments (or first argument) are the shape.
SHAPED = frozenset(
    [
        "torch.rand",
        "torch.randn",
        "torch.zeros",
        "torch.ones",
        "torch.empty",
        "torch.Tensor",
        "torch.FloatTensor",
        "torch.DoubleTensor",
        "torch.HalfTensor",
        "torch.LongTensor",
        "torch.ByteTensor",
        "torch.IntTensor",
        "torch.ShortTensor",
        "torch.CharTensor",
        "torch.BoolTensor",
        "torch.cuda.FloatTensor",
        "torch.cuda.LongTensor",
        "numpy.zeros",
        "numpy.ones",
        "numpy.empty",
        "numpy.random.rand",
        "numpy.random.randn",
    ]
)
SHAPED_SECOND = {
    "torch.randint": 2,
    "torch.full": 0,
    "numpy.full": 0,
    "torch.normal": 2,
    "torch.rand_like": -1,
}

# Modules that behave differently in training and in evaluation mode.
MODE_DEPENDENT = frozenset(
    _NN + name
    for name in [
        "Dropout",
        "Dropout1d",
        "Dropout2d",
        "Dropout3d",
        "AlphaDropout",
        "FeatureAlphaDropout",
        "BatchNorm1d",
        "BatchNorm2d",
        "BatchNorm3d",
        "SyncBatchNorm",
        "LazyBatchNorm1d",
        "LazyBatchNorm2d",
        "LazyBatchNorm3d",
        "RReLU",
    ]
)
MODE_BY_ARGUMENT = {  # only if this argument is given, and neither zero nor False
    _NN + "LSTM": "dropout",
    _NN + "GRU": "dropout",
    _NN + "RNN": "dropout",
    _NN + "MultiheadAttention": "dropout",
    _NN + "InstanceNorm1d": "track_running_stats",
    _NN + "InstanceNorm2d": "track_running_stats",
    _NN + "InstanceNorm3d": "track_running_stats",
}
MODE_BY_DEFAULT = frozenset(  # dropout=0.1 unless told otherwise
    _NN + name for name in ["Transformer", "TransformerEncoderLayer", "TransformerDecoderLayer"]
)
EXTERNAL_MODELS = (
    "torchvision.models.",
    "timm.",
    "pretrainedmodels.",
    "efficientnet_pytorch.",
    "segmentation_models_pytorch.",
)
# What else is in these packages: weights and their transforms, data, losses, optimizers, small functions for layers.
_NO_MODELS = re.compile(
    r"\w_Weights\b|\.(?:transforms|utils|data|datasets|optim|scheduler|loss|losses|metrics)\b"
    r"|\.(?:get_preprocessing_\w+|get_weight|get_model_weights|list_models)$|\.layers\.[a-z]\w*$"
)

#: The attribute of a model of torchvision that makes its output, by how the names of the models begin: of those that
#: give one output only.
HEADS = {
    "fc": ("resnet", "resnext", "wide_resnet", "shufflenet", "regnet"),
    "classifier": ("alexnet", "vgg", "densenet", "mobilenet", "efficientnet", "mnasnet", "convnext"),
}
CONTAINERS = frozenset(_NN + name for name in ["Sequential", "ModuleList", "ModuleDict"])
WRAPPERS = frozenset(  # calling the wrapper calls the wrapped module
    [
        _NN + "DataParallel",
        _NN + "parallel.DistributedDataParallel",
        "torch.nn.parallel.distributed.DistributedDataParallel",
        _NN + "SyncBatchNorm.convert_sync_batchnorm",
        "torch.compile",
        "apex.parallel.DistributedDataParallel",
        "apex.parallel.convert_syncbn_model",
        _NN + "utils.spectral_norm",
        _NN + "utils.weight_norm",
        _NN + "utils.parametrizations.spectral_norm",
        _NN + "utils.parametrizations.weight_norm",
    ]
)

# Methods that only a torch.nn.Module has (their receiver is a model although nobody knows its class).
MODULE_METHODS = frozenset(
    [
        "eval",
        "train",
        "parameters",
        "named_parameters",
        "state_dict",
        "load_state_dict",
        "zero_grad",
        "named_modules",
        "modules",
        "children",
        "named_children",
        "half_",
        "register_buffer",
    ]
)
SAME_OBJECT = frozenset(
    [
        "cuda",
        "cpu",
        "to",
        "float",
        "double",
        "half",
        "eval",
        "train",
        "apply",
        "share_memory",
        "requires_grad_",
        "bfloat16",
        "type",
        "xpu",
        "module",
    ]
)

# Iterables that hand on the items of what they wrap.
TRANSPARENT_ITERATORS = frozenset(
    [
        "tqdm.tqdm",
        "tqdm.auto.tqdm",
        "tqdm.notebook.tqdm",
        "tqdm.autonotebook.tqdm",
        "tqdm.tqdm_notebook",
        "list",
        "tuple",
        "iter",
        "reversed",
        "sorted",
        "set",
        "progressbar.progressbar",
    ]
)

# A method or function of one of these names, unread, keeps what it is given: others may train on it later.
STORING_NAMES = frozenset(
    "append appendleft add push put insert extend extendleft setdefault heappush store remember memorize record enqueue"
    " register collect stash save_transition add_transition add_experience".split()
)
# A callee of one of these names, unread, may run a backward pass or an optimizer step.
TRAINING_NAMES = (
    "train",
    "backward",
    "optimi",
    "update",
    "fit",
    "step",
    "minimize",
    "learn",
    "loss_and_grad",
    "attack",
    "perturb",
)

# Classes of other libraries that derive from torch.nn.Module, by the package and the pattern of their names. Whichever
# module of the package a class is imported from, it is the same.
_MODULE_BASES = {
    "pytorch_lightning": re.compile(r"LightningModule"),
    "lightning": re.compile(r"LightningModule"),
    "transformers": re.compile(r"(?!TF|Flax|DataCollator)(?:\w*PreTrainedModel|\w+Model|\w+For[A-Z]\w+)"),
    "torch_geometric": re.compile(r"MessagePassing"),
    "mmcv": re.compile(r"BaseModule"),
    "mmengine": re.compile(r"BaseModule|BaseModel"),
    "fastai": re.compile(r"Module"),
    "composer": re.compile(r"ComposerModel|ComposerClassifier|HuggingFaceModel"),
    "tianshou": re.compile(r"BasePolicy"),
    "allennlp": re.compile(r"Model"),
}


def is_external_model(name: str) -> bool:
    """Whether a dotted name from outside is one of a library of models that gives a model or a layer."""
    return name.startswith(EXTERNAL_MODELS) and _NO_MODELS.search(name) is None


def is_module_base(name: str) -> bool:
    """Whether a dotted name from outside is a class that certainly derives from `torch.nn.Module`."""
    if name.startswith((_NN, "torchvision.models.", "torch.jit.ScriptModule")):
        return True
    known = _MODULE_BASES.get(name.partition(".")[0])
    return known is not None and known.fullmatch(name.rpartition(".")[2]) is not None
