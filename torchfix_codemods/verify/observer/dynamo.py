"""A stand-in for `torch._dynamo`, which the first optimizer imports for nothing (about two seconds of CPU).

It answers the three questions that optimizers ask; anything else loads the real one.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
import types

import torch

_NAMES = ("torch._dynamo", "torch._dynamo.utils")


def install():
    """Put the stand-in in place, unless the real one is there already."""
    if any(name in sys.modules for name in _NAMES):
        return
    package, utils = types.ModuleType(_NAMES[0]), types.ModuleType(_NAMES[1])
    package.__path__ = []
    package.utils = utils
    package.graph_break = lambda *args, **kwargs: None
    package.disable = _disable
    package.is_compiling = lambda: False
    utils.is_compile_supported = lambda *args, **kwargs: False
    finder = _Finder()
    package.__getattr__ = _real_attribute(_NAMES[0], finder)
    utils.__getattr__ = _real_attribute(_NAMES[1], finder)
    sys.modules[_NAMES[0]], sys.modules[_NAMES[1]] = package, utils
    torch._dynamo = package
    sys.meta_path.insert(0, finder)


def _disable(function=None, recursive=True, **kwargs):
    return function if function is not None else (lambda inner: inner)


def _real_attribute(module, finder):
    def attribute(name):
        if name.startswith("__"):
            raise AttributeError(name)
        finder.load()
        return getattr(importlib.import_module(module), name)

    return attribute


class _Finder(importlib.abc.MetaPathFinder):
    """Loads the real package as soon as one of its other modules is asked for."""

    def __init__(self):
        self._loaded = False

    def load(self):
        if self._loaded:
            return
        self._loaded = True
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        for name in _NAMES:
            sys.modules.pop(name, None)
        torch.__dict__.pop("_dynamo", None)
        torch._dynamo = importlib.import_module(_NAMES[0])

    def find_spec(self, name, path, target=None):
        if not name.startswith(_NAMES[0] + "."):
            return None
        self.load()
        return importlib.machinery.ModuleSpec(name, _Loaded(importlib.import_module(name)))


class _Loaded(importlib.abc.Loader):
    def __init__(self, module):
        self._module = module

    def create_module(self, spec):
        return self._module

    def exec_module(self, module):
        pass
