"""Progress bars that show nothing and pass on what they are put round."""

import types


class Bar:
    """A bar of any of the packages below: iterates, counts, and takes every other call."""

    def __init__(self, iterable=None, *args, **kwargs):
        # The bars of `progress` take a title first.
        self.iterable = None if isinstance(iterable, str) else iterable
        self.total = kwargs.get("total", kwargs.get("max", kwargs.get("max_value")))
        self.n = self.index = 0

    def __iter__(self):
        items = self.iterable if self.iterable is not None else range(self.total or 0)
        for item in range(items) if isinstance(items, int) else items:
            yield item
            self.n = self.index = self.n + 1

    def __len__(self):
        return len(self.iterable) if self.iterable is not None else self.total or 0

    def __bool__(self):
        return True

    def __call__(self, iterable=None, *args, **kwargs):
        return self if iterable is None else iter(iterable)

    def iter(self, iterable):
        """The items of `iterable`, as `progress.bar.Bar` gives them."""
        return iter(iterable)

    track = iter

    def next(self, n=1):
        self.n = self.index = self.n + n

    update = next

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return False

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _nothing

    @staticmethod
    def write(text, *args, **kwargs):
        print(text)

    @classmethod
    def pandas(cls, *args, **kwargs):
        pass


def _nothing(*args, **kwargs):
    return None


def bar_of_count(count, *args, **kwargs):
    """`trange(10)`, `alive_bar(10)`."""
    return Bar(range(count), *args, **kwargs)


def range_bar(*args, **kwargs):
    """`tqdm.trange` takes what `range` takes."""
    return Bar(range(*args), **kwargs)


#: Packages, and under which names each has its bars.
PROGRESS = {
    "tqdm": ("tqdm", "tqdm_notebook", "tqdm_gui"),
    "progress": ("Bar", "ChargingBar", "FillingCirclesBar", "IncrementalBar", "PixelBar", "ShadyBar", "Spinner"),
    "progressbar": ("ProgressBar", "progressbar"),
    "fastprogress": ("progress_bar", "master_bar"),
    "pkbar": ("Pbar", "Kbar"),
    "pyprind": ("ProgBar", "ProgPercent", "prog_bar"),
    "alive_progress": ("alive_it",),
}


def progress_module(name):
    """A module of one of the packages; all its submodules hold the same bars."""
    made = types.ModuleType(name, "Stands in for a package that isn't installed: bars that show nothing.")
    made.__version__ = "0"
    for bar in PROGRESS[name.split(".")[0]]:
        setattr(made, bar, Bar)
    made.trange = made.tnrange = range_bar
    made.alive_bar = bar_of_count
    made.__getattr__ = lambda attribute: _other(name, attribute)
    return made


def _other(name, attribute):
    """The widgets of a bar (`Percentage()`, `ETA()`) do nothing."""
    if attribute.startswith("__") or not attribute[:1].isupper():
        raise AttributeError(f"module '{name}' has no attribute '{attribute}'")
    return _nothing
