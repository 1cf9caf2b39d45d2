"""Packages that only show, log or time things, as modules that do nothing.

Never packages that compute: a number made up here would end in a verdict. Whatever uses an inert value as a number
raises TypeError, as it should.
"""

import os
import types

from . import inert_results
from .imports import after, by_library, origin, provide
from .inert_progress import PROGRESS, progress_module

#: Used when not installed.
WHEN_MISSING = frozenset(
    """
    matplotlib mpl_toolkits pylab seaborn plotly bokeh altair plotnine imageio pygame graphviz pydot
    tensorboard tensorboardX tensorboard_logger torchviz hiddenlayer livelossplot
    termcolor colorama colored blessings coloredlogs prettytable tabulate texttable rich loguru
    torchsummary torchsummaryX torchinfo torchstat thop ptflops pytorch_model_summary
    IPython line_profiler memory_profiler setproctitle gpustat
    playsound pyttsx3 notify_run jovian
    """.split()
)
#: Talk to a server or stop at a prompt: inert even where installed.
ALWAYS = frozenset("wandb visdom comet_ml neptune clearml trains swanlab aim mlflow ipdb pudb slack telegram".split())


class _Members(type):
    """Classes whose missing attributes are inert too, as in `Style.BRIGHT`."""

    def __getattr__(cls, name):
        return member(cls.__name__, name)


class Inert(metaclass=_Members):
    """Takes everything and does nothing: a call gives another one, iteration gives nothing."""

    _path = ""

    def __init__(self, *args, **kwargs):
        pass

    def __getattr__(self, name):
        return member(self._path or type(self).__name__, name)

    def __call__(self, *args, **kwargs):
        return inert_results.of(self._path, args, kwargs, value)

    def __getitem__(self, key):
        return value(self._path + "[]")

    def __setitem__(self, key, item):
        pass

    def __contains__(self, item):
        return False

    def __iter__(self):
        return iter(())

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return False

    def __array__(self, *args, **kwargs):
        raise TypeError(f"{self._path or type(self).__name__}: a stand-in holds no numbers")

    def __str__(self):
        return f"<{self._path or type(self).__name__}>"

    __repr__ = __str__

    def __format__(self, spec):
        return str(self)


def value(path):
    """Something inert that stands at this dotted path, such as a function of a module or what it gave."""
    thing = Inert()
    thing._path = path
    return thing


def member(path, name):
    """The attribute of something inert: a class for a name in capitals, which can be derived from, else a value."""
    if name.startswith("__") and name.endswith("__"):
        raise AttributeError(name)
    if name[:1].isupper():
        return type(name, (Inert,), {"__module__": path})
    return value(path + "." + name)


def module(name):
    """An inert module of this full name, with those members that programs need an answer from."""
    made = types.ModuleType(name, "Stands in for a package that isn't installed, and does nothing.")
    made.__dict__.update(inert_results.members(name))

    def get(attribute):
        found = member(name, attribute)
        setattr(made, attribute, found)
        return found

    made.__getattr__ = get
    return made


def install(root, note):
    """Make the packages above inert where they are missing (or always), and keep plots from opening windows.

    A module of the project's own below `root` that happens to have one of these names stays what it is, and libraries
    (torch itself asks for `tqdm` and `tabulate`) see what is installed.
    """

    def noted(build):
        def builder(name):
            if by_library():
                return None
            if "." not in name or name == "torch.utils.tensorboard":
                note("inert", name)
            return build(name)

        return builder

    for top in WHEN_MISSING:
        provide(top, noted(module))
    for top in PROGRESS:
        provide(top, noted(progress_module))
    for top in ALWAYS:
        provide(top, _unless_own(root, noted(module)), instead=True)
    if origin("tensorboard") is None:
        provide("torch", _tensorboard_of_torch(noted(module)), instead=True)
    _plot_without_windows()


def _unless_own(root, build):
    below = os.path.realpath(root) + os.sep

    def builder(name):
        found = origin(name.split(".")[0])
        return None if found and os.path.realpath(found).startswith(below) else build(name)

    return builder


def _tensorboard_of_torch(build):
    """`torch.utils.tensorboard` lies there but can't be imported without the package."""
    return lambda name: build(name) if name.startswith("torch.utils.tensorboard") else None


def _plot_without_windows():
    os.environ["MPLBACKEND"] = "Agg"

    def keep_backend(matplotlib):
        matplotlib.use = lambda *args, **kwargs: None

    def keep_backend_of_pyplot(pyplot):
        genuine = pyplot.switch_backend  # also called by pyplot itself, at the first figure: one has to be loaded
        pyplot.switch_backend = lambda *args, **kwargs: genuine("agg")

    after("matplotlib", keep_backend)
    after("matplotlib.pyplot", keep_backend_of_pyplot)
