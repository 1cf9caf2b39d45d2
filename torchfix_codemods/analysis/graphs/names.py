"""What functions and methods do to the graph of what they are given."""

from __future__ import annotations

# Methods and attributes of a tensor that carry no gradient on.
READ_OFF = frozenset(
    "detach item tolist numpy size dim numel ndimension argmax argmin argsort eq ne gt lt ge le nonzero isnan isinf any"
    " all new new_zeros new_ones new_full new_tensor new_empty data shape grad device dtype ndim is_cuda requires_grad"
    " is_leaf type_as_int long int bool byte short is_contiguous stride element_size data_ptr register_hook state_dict"
    " get_device grad_fn equal allclose named_buffers buffers training".split()
)
SAME = frozenset("cuda cpu to float double half train eval requires_grad_ share_memory contiguous apply".split())
STORES = frozenset("append appendleft extend insert add push put update setdefault".split())
ITERATES = frozenset("items values keys parameters named_parameters children modules named_modules".split())

# What a method of these names gives is computed from its receiver and arguments alone: those of tensors and arrays.
OF_TENSORS = frozenset(
    "type view reshape unsqueeze squeeze permute transpose t repeat expand expand_as view_as scatter scatter_ flatten"
    " astype sum mean std var max min norm abs clone gather narrow chunk split select index_select masked_select"
    " resize_ copy_ fill_ uniform_ normal_ random_ zero_ mul add div sub pow sqrt exp log sigmoid tanh relu softmax"
    " log_softmax clamp pin_memory unbind unfold cumsum cumprod matmul mm bmm dot mul_ add_ sub_ div_ clamp_ round sign"
    " copy log_prob entropy rsample".split()
)
# Methods that hand out data: what nobody knows the class of has no graph to give under these names.
GIVES_DATA = frozenset(
    "sample next __next__ get get_batch next_batch get_next load read pop popleft draw fetch batch reset choice"
    " parse_args split_batch make_batch sample_batch items".split()
)

# Functions of torch whose result has no graph of its own, whatever they are given.
_FACTORIES = (
    "randn rand randint zeros ones empty full arange linspace logspace eye tensor as_tensor from_numpy randperm "
    "zeros_like ones_like rand_like randn_like full_like empty_like normal bernoulli multinomial no_grad device save "
    "manual_seed is_tensor argmax argmin argsort eq ne gt lt ge le isnan isinf equal allclose one_hot "
    "set_grad_enabled enable_grad inference_mode set_default_dtype set_default_tensor_type set_num_threads "
    "FloatTensor LongTensor IntTensor DoubleTensor ByteTensor HalfTensor BoolTensor Tensor Generator Size"
)
FACTORIES = frozenset(f"torch.{name}" for name in _FACTORIES.split())
PLAIN_PREFIXES = (
    "torch.cuda.",
    "torch.utils.",
    "torch.optim.lr_scheduler.",
    "torch.backends.",
    "torch.distributed.",
    "torch.random.",
    "torch.nn.utils.clip",
    "torch.nn.init.",
    "torch.autograd.set_detect_anomaly",
    "torch.autograd.profiler",
    "torchvision.transforms.",
    "torchvision.datasets.",
    "torchvision.utils.",
    "numpy.",
    "argparse.",
    "os.",
    "sys.",
    "time.",
    "datetime.",
    "random.",
    "math.",
    "json.",
    "yaml.",
    "logging.",
    "matplotlib.",
    "PIL.",
    "cv2.",
    "scipy.",
    "sklearn.",
    "pandas.",
    "pathlib.",
    "warnings.",
    "tensorboardX.",
    "wandb.",
    "visdom.",
    "imageio.",
    "shutil.",
    "pickle.",
    "glob.",
    "re.",
    "string.",
    "pprint.",
)
_PLAIN_BUILTINS = "print len range float int str bool isinstance hasattr repr format open type id input round any all"
PLAIN_BUILTINS = frozenset(f"builtins.{name}" for name in _PLAIN_BUILTINS.split())
# Hand on what they are given, operations and all.
THROUGH = ("builtins.", "tqdm.", "itertools.", "collections.", "copy.", "functools.")
# A leaf that learns, where `requires_grad=True` says so.
VARIABLE = frozenset(["torch.autograd.Variable", "torch.autograd.variable.Variable"])
# Modules that pass on what they do not change: they hold what they are made from.
WRAPPERS = frozenset(
    [
        "torch.nn.DataParallel",
        "torch.nn.parallel.DataParallel",
        "torch.nn.parallel.DistributedDataParallel",
        "torch.compile",
    ]
)
