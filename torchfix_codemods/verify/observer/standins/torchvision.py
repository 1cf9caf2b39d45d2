"""torchvision: the real one, the real one without its operators, or a stub; and its data sets in each case."""

import importlib
import sys

from . import datasets, pillow, torchvision_ops
from .imports import after, around, origin, provide


def install(packages, data, seed, note):
    """Make torchvision importable (`packages`) and let its data sets do without files (`data`)."""
    if origin("torchvision") is None:
        if packages:
            _install_stub(data, seed, note)
        return
    if packages:
        around("torchvision", lambda module, run: _import_real(module, run, note))
    if data:
        after("torchvision.datasets", lambda module: datasets.replace(_with_homes(module), seed, note))


def _with_homes(module):
    """The module of the data sets, and those in which they are defined."""
    prefix = module.__name__ + "."
    return [module, *(home for name, home in list(sys.modules.items()) if name.startswith(prefix))]


def _import_real(module, run, note):
    """Execute the real package, and once more with its operators declared if they turn out to be missing."""
    try:
        run()
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for name in [name for name in sys.modules if name.startswith("torchvision.")]:
            del sys.modules[name]
        torchvision_ops.declare()
        run()
        note("torchvision", "real+ops")
    else:
        note("torchvision", "real")


def _install_stub(data, seed, note):
    pillow.install(seed, note)
    modules = {}

    def builder(name):
        if not modules:
            from . import torchvision_stub

            modules.update(torchvision_stub.modules(note))
            note("torchvision", "stub")
            if data:
                homes = [module for name, module in modules.items() if name.startswith("torchvision.datasets.")]
                datasets.replace([modules["torchvision.datasets"], *homes], seed, note)
        return modules.get(name)

    provide("torchvision", builder)
    after("torchvision", lambda module: _import_parts(modules))


def _import_parts(modules):
    """As the real one does: its parts are there once it is imported, and `models.alexnet` is the function."""
    functions = {name: part for name, part in vars(modules["torchvision.models"]).items() if callable(part)}
    for name in modules:
        importlib.import_module(name)
    vars(modules["torchvision.models"]).update(functions)
