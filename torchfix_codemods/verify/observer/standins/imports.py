"""Getting between the program and its imports: run something after a module, or give a module that isn't there."""

import importlib.abc
import importlib.machinery
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
#: Folders in the path of every installed package.
_LIBRARIES = ("site-packages", "dist-packages")


class _Around(importlib.abc.MetaPathFinder):
    """Finds a watched module as the others would, and has its execution wrapped."""

    def __init__(self):
        self.wrappers = {}
        self.looking = set()

    def find_spec(self, name, path=None, target=None):
        if name not in self.wrappers or name in self.looking:
            return None
        self.looking.add(name)
        try:
            spec = _found_by_others(self, name, path, target)
        finally:
            self.looking.discard(name)
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _Loader(spec.loader, self.wrappers[name])
        return spec


class _Loader(importlib.abc.Loader):
    """Executes a module inside its wrappers, the first of them innermost."""

    def __init__(self, loader, wrappers):
        self.loader, self.wrappers = loader, wrappers

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        # The module must not see that it was loaded by somebody else: some ask their loader for data files.
        module.__loader__ = module.__spec__.loader = self.loader

        def run():
            self.loader.exec_module(module)

        for wrapper in self.wrappers:
            run = _bound(wrapper, module, run)
        run()


def _bound(wrapper, module, run):
    return lambda: wrapper(module, run)


def _found_by_others(finder, name, path, target):
    for other in list(sys.meta_path):
        if other is not finder and hasattr(other, "find_spec"):
            spec = other.find_spec(name, path, target)
            if spec is not None:
                return spec
    return None


class _Provided(importlib.abc.MetaPathFinder):
    """Modules of ours under the names of packages. `builders` gives a module for a full name, or None."""

    def __init__(self):
        self.builders = {}

    def find_spec(self, name, path=None, target=None):
        builder = self.builders.get(name.split(".")[0])
        module = builder(name) if builder is not None else None
        if module is None:
            return None
        return importlib.machinery.ModuleSpec(name, _Ready(module), is_package=True)


class _Ready(importlib.abc.Loader):
    """Hands over a module that is complete already."""

    def __init__(self, module):
        self.module = module

    def create_module(self, spec):
        return self.module

    def exec_module(self, module):
        pass


_AROUND = _Around()
_MISSING = _Provided()
_INSTEAD = _Provided()


def around(name, wrapper):
    """From now on `wrapper(module, run)` executes the module of this name; it has to call `run()`.

    A module that is there already is given to it with a `run` that does nothing.
    """
    if name in sys.modules:
        wrapper(sys.modules[name], lambda: None)
        return
    if _AROUND not in sys.meta_path:
        sys.meta_path.insert(0, _AROUND)
    _AROUND.wrappers.setdefault(name, []).append(wrapper)


def after(name, action):
    """`action(module)` when the module of this name has been executed, at once if it has been."""

    def wrapper(module, run):
        run()
        action(module)

    around(name, wrapper)


def provide(top, builder, instead=False):
    """`builder(full name)` gives the module of a package that nobody else finds; `instead` of whatever is found."""
    finder = _INSTEAD if instead else _MISSING
    if finder not in sys.meta_path:
        # The last one is asked when everybody else has given up: what is installed, or lies in the project, wins.
        sys.meta_path.insert(0 if instead else len(sys.meta_path), finder)
    finder.builders[top] = builder


def by_library():
    """Whether the import that is going on stands in an installed package, which can do without what it doesn't find."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if "importlib" not in file and not file.startswith(_HERE):
            return any(part in file for part in _LIBRARIES)
        frame = frame.f_back
    return False


def origin(name):
    """The file of the package that the interpreter itself would find under this top-level name; None if there is none.

    A package without a file of its own (a namespace) gives an empty text.
    """
    for finder in list(sys.meta_path):
        if finder in (_AROUND, _MISSING, _INSTEAD) or not hasattr(finder, "find_spec"):
            continue
        spec = finder.find_spec(name, None)
        if spec is not None:
            return spec.origin or ""
    return None
