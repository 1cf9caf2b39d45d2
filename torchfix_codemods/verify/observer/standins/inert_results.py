"""The few answers that programs take apart: `fig, axes = plt.subplots(2, 3)`, colours that are added to strings."""

import types

#: How many things a function gives, by the last part of its path.
TUPLES = {
    "plot": 1,
    "semilogx": 1,
    "semilogy": 1,
    "loglog": 1,
    "fill": 1,
    "hist": 3,
    "hist2d": 4,
    "pie": 2,
    "get_legend_handles_labels": 2,
    "get_xlim": 2,
    "get_ylim": 2,
    "profile": 2,
    "clever_format": 2,
    "get_model_complexity_info": 2,
}
#: Would give numbers of the user's files.
READERS = frozenset(("imread", "mimread", "volread", "get_reader", "mimread"))


def of(path, args, kwargs, value):
    """What a call of the inert function at `path` gives; `value(path)` makes an inert thing."""
    name = path.rsplit(".", 1)[-1]
    if name == "subplots":
        return value("figure"), _axes(args, kwargs, value)
    if name in READERS:
        raise ImportError(f"{path} is a stand-in: the package that reads files is not installed")
    if len(args) == 1 and not kwargs and isinstance(args[0], (types.FunctionType, type)):
        return args[0]  # a decorator
    if name in TUPLES:
        return tuple(value(f"{path}()[{number}]") for number in range(TUPLES[name]))
    return value(path + "()")


def _axes(args, kwargs, value):
    """One axis, or an array of them in the shape that `plt.subplots` gives (squeezed unless told otherwise)."""
    rows = kwargs.get("nrows", args[0] if args else 1)
    columns = kwargs.get("ncols", args[1] if len(args) > 1 else 1)
    axes = [value("axes") for _ in range(rows * columns)]
    squeeze = kwargs.get("squeeze", True)
    if squeeze and len(axes) == 1:
        return axes[0]
    try:
        import numpy
    except ImportError:
        return axes if squeeze and 1 in (rows, columns) else _rows(axes, columns)
    grid = numpy.empty((rows, columns), dtype=object)
    for number, axis in enumerate(axes):
        grid[divmod(number, columns)] = axis
    return grid.ravel() if squeeze and 1 in (rows, columns) else grid


def _rows(axes, columns):
    return [axes[start : start + columns] for start in range(0, len(axes), columns)]


class _NoCodes:
    """The escape codes of a terminal, none of which has an effect."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return ""


class Config(dict):
    """Settings kept by a logging service: what the program put in comes out, as an item or as an attribute."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name, item):
        self[name] = item

    def update(self, *args, **kwargs):
        kwargs.pop("allow_val_change", None)
        super().update(*[_dictionary(part) for part in args], **kwargs)

    def setdefaults(self, items):
        for name, item in _dictionary(items).items():
            self.setdefault(name, item)


def _dictionary(settings):
    """A dictionary of an argparse namespace, a dictionary or nothing."""
    if settings is None:
        return {}
    return dict(settings) if hasattr(settings, "keys") else dict(vars(settings))


def members(name):
    """What an inert module of this full name holds beyond inert things."""
    make = {
        "wandb": _wandb,
        "swanlab": _wandb,
        "colorama": lambda: {part: _NoCodes() for part in ("Fore", "Back", "Style")},
        "termcolor": lambda: {"colored": _plain, "cprint": _print},
        "tabulate": lambda: {"tabulate": lambda rows=(), *args, **kwargs: "\n".join(str(row) for row in rows)},
        "rich": lambda: {"print": print},
    }.get(name)
    return make() if make is not None else {}


def _plain(text, *args, **kwargs):
    return str(text)


def _print(text, *args, **kwargs):
    print(text)


def _wandb():
    """Sweeps and settings are read back by the program, so they are kept."""
    from .inert import value

    config = Config()

    def init(*args, **kwargs):
        config.update(kwargs.get("config"))
        run = value("run")
        run.config = config
        run.name = run.id = "run"
        return run

    return {"config": config, "init": init, "run": None, "__version__": "0"}
