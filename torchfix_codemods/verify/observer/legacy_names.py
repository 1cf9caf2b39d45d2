"""Names that have gone from torch, numpy, torchvision and the standard library, under which today's are found again."""

import collections
import collections.abc
import fractions
import functools
import inspect
import math
import os
import sys
import time
import types

import torch

from .retry import retry
from .standins.imports import after


def install(used):
    """Give the modules their old names back; `used(what)` counts each use. Modules not imported yet get theirs then."""
    _fill_torch(used)
    _fill_standard_library(used)
    after("numpy", functools.partial(_fill_numpy, used))
    after("PIL.Image", functools.partial(_fill_pictures, used))
    after("torchvision.transforms", functools.partial(_fill_transforms, used))
    after("torchvision.datasets", functools.partial(_fill_datasets, used))


def fill(module, names, used, prefix):
    """Give a module names that it has no longer; `names` are functions that give the value. Counts as `prefix.name`."""
    genuine = module.__dict__.get("__getattr__")

    def missing(name):
        error = AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        if genuine is not None:
            try:
                return genuine(name)
            except AttributeError as own:
                error = own
        if name not in names:
            raise error
        used(f"{prefix}.{name}")
        return names[name]()

    module.__getattr__ = missing


#: Modules of torch and names that have gone, or may go, with what they are called now.
RENAMED = {
    "torch.nn.utils": {"clip_grad_norm": "clip_grad_norm_"},
    "torch.nn": {"NLLLoss2d": "NLLLoss"},
    "torch.nn.init": {
        name: name + "_"
        for name in (
            "uniform normal constant eye dirac xavier_uniform xavier_normal kaiming_uniform kaiming_normal "
            "orthogonal sparse"
        ).split()
    },
}


def _fill_torch(used):
    for path, names in RENAMED.items():
        module = sys.modules[path]
        values = {old: functools.partial(getattr, module, new) for old, new in names.items()}
        fill(module, values, used, path)
    functional = torch.nn.functional
    fill(
        functional,
        {
            "upsample": lambda: functional.interpolate,
            "upsample_nearest": lambda: functools.partial(functional.interpolate, mode="nearest"),
            "upsample_bilinear": lambda: functools.partial(functional.interpolate, mode="bilinear", align_corners=True),
            "sigmoid": lambda: torch.sigmoid,
            "tanh": lambda: torch.tanh,
        },
        used,
        "torch.nn.functional",
    )
    fill(torch, {"set_default_tensor_type": lambda: _set_default_tensor_type}, used, "torch")
    _add_six(used)


def _set_default_tensor_type(kind):
    """`torch.FloatTensor` and the like, or their names."""
    name = kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__name__}"
    kinds = {"HalfTensor": torch.float16, "FloatTensor": torch.float32, "DoubleTensor": torch.float64}
    torch.set_default_dtype(kinds[name.rsplit(".", 1)[-1]])
    torch.set_default_device("cuda" if ".cuda." in name else "cpu")


def _add_six(used):
    """`torch._six`, of which copies of data sets and samplers take a few names."""
    if "torch._six" in sys.modules:
        return
    module = sys.modules["torch._six"] = torch._six = types.ModuleType("torch._six")
    values = {
        "string_classes": (str, bytes),
        "int_classes": int,
        "container_abcs": collections.abc,
        "inf": math.inf,
        "nan": math.nan,
        "PY3": True,
        "PY37": True,
    }
    fill(module, {name: functools.partial(_same, value) for name, value in values.items()}, used, "torch._six")


def _same(value):
    return value


def _fill_standard_library(used):
    abstract = {name: functools.partial(getattr, collections.abc, name) for name in collections.abc.__all__}
    fill(collections, abstract, used, "collections")
    fill(time, {"clock": lambda: time.perf_counter}, used, "time")
    fill(fractions, {"gcd": lambda: math.gcd}, used, "fractions")
    fill(inspect, {"getargspec": lambda: _getargspec}, used, "inspect")

    def number_of_errors():
        import errno

        return errno

    fill(os, {"errno": number_of_errors}, used, "os")


_ArgSpec = collections.namedtuple("ArgSpec", "args varargs keywords defaults")


def _getargspec(function):
    return _ArgSpec(*inspect.getfullargspec(function)[:4])


#: Names of numpy that have gone: those of Python's own types, and those that have another name now.
NUMPY_TYPES = {"int": int, "float": float, "bool": bool, "object": object, "str": str, "complex": complex, "long": int}
NUMPY_RENAMED = {
    "float_": "float64",
    "complex_": "complex128",
    "unicode_": "str_",
    "string_": "bytes_",
    "bool8": "bool_",
    "int0": "intp",
    "uint0": "uintp",
    "Inf": "inf",
    "Infinity": "inf",
    "infty": "inf",
    "PINF": "inf",
    "NaN": "nan",
    "NAN": "nan",
    "product": "prod",
    "cumproduct": "cumprod",
    "alltrue": "all",
    "sometrue": "any",
    "in1d": "isin",
    "row_stack": "vstack",
    "trapz": "trapezoid",
    "mat": "asmatrix",
}


def _fill_numpy(used, numpy):
    names = {name: functools.partial(_same, kind) for name, kind in NUMPY_TYPES.items()}
    names.update(
        (old, functools.partial(getattr, numpy, new)) for old, new in NUMPY_RENAMED.items() if hasattr(numpy, new)
    )
    names["asscalar"] = lambda: _asscalar
    names["NINF"] = lambda: -numpy.inf
    fill(numpy, names, used, "numpy")


def _asscalar(array):
    return array.item()


#: Filters of Pillow before version 10, by what they are called now.
OLD_FILTERS = {"ANTIALIAS": "LANCZOS", "CUBIC": "BICUBIC", "LINEAR": "BILINEAR"}


def _fill_pictures(used, pictures):
    names = {old: functools.partial(getattr, pictures, new) for old, new in OLD_FILTERS.items()}
    fill(pictures, names, used, "PIL.Image")


def _fill_transforms(used, transforms):
    names = {"Scale": "Resize", "RandomSizedCrop": "RandomResizedCrop"}
    values = {old: functools.partial(getattr, transforms, new) for old, new in names.items()}
    fill(transforms, values, used, "transforms")
    nested = sys.modules.get("torchvision.transforms.transforms")
    if nested is not None and nested is not transforms:
        fill(nested, values, used, "transforms")

    def fewer(self, tensor):
        """As many means as there are channels: the rest was left over."""
        channels = tensor.shape[-3]
        few = type(self)(list(self.mean)[:channels], list(self.std)[:channels])
        return few(tensor)

    retry(transforms.Normalize, "forward", "broadcast shape", fewer, used, "Normalize of more channels")


#: Attributes of data sets, and in whose place they stand now, the first that there is.
OLD_DATA = {
    "train_data": ("data",),
    "test_data": ("data",),
    "train_labels": ("targets", "labels"),
    "test_labels": ("targets", "labels"),
}


def _fill_datasets(used, datasets):
    for part in list(vars(datasets).values()):
        if not isinstance(part, type) or not issubclass(part, torch.utils.data.Dataset):
            continue
        for old, new in OLD_DATA.items():
            if not hasattr(part, old):
                setattr(part, old, _renamed(old, new, used))


def _renamed(old, new, used):
    def name_in(self):
        used("dataset." + old)
        return next((name for name in new if hasattr(self, name)), new[0])

    return property(lambda self: getattr(self, name_in(self)), lambda self, value: setattr(self, name_in(self), value))
