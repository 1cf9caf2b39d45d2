"""Data loaders: no further processes, no pinned memory, batches of a bounded size, the same order in both variants."""

import functools

from torch.utils.data import DataLoader

_POSITIONS = ("dataset", "batch_size", "shuffle", "sampler", "batch_sampler", "num_workers")
_ALONE = {
    "num_workers": 0,
    "persistent_workers": False,
    "prefetch_factor": None,
    "timeout": 0,
    "multiprocessing_context": None,
}


class Loaders:
    """Replaces the constructor and the iterator of `DataLoader`."""

    def __init__(self, recorder):
        self.recorder = recorder

    def install(self):
        recorder, construct, iterate = self.recorder, DataLoader.__init__, DataLoader.__iter__

        @functools.wraps(construct)
        def __init__(self, *args, **kwargs):
            given = dict(zip(_POSITIONS, args), **kwargs)
            construct(self, *args[len(_POSITIONS) :], **_bounded(given, recorder))

        @functools.wraps(iterate)
        def __iter__(self):
            recorder.loaders += 1
            number = recorder.loaders
            recorder.anchor(f"loader {number}")
            return _Anchored(iterate(self), recorder, number)

        DataLoader.__init__, DataLoader.__iter__ = __init__, __iter__


def _bounded(given, recorder):
    """The arguments of a loader with those of parallel loading taken back and the batch size bounded."""
    limit = recorder.job.batch
    if given.get("num_workers"):
        recorder.notes("loader", "loaded without worker processes")
    given.update((name, value) for name, value in _ALONE.items() if name in given)
    given["pin_memory"] = False
    size = given.get("batch_size", 1)
    if limit and isinstance(size, int) and size > limit and given.get("batch_sampler") is None:
        recorder.notes("batch", f"batch size {limit} instead of {size}")
        given["batch_size"] = limit
    return given


class _Anchored:
    """An iterator that seeds anew before each batch; all else is the real one's."""

    def __init__(self, iterator, recorder, number):
        self._iterator = iterator
        self._recorder = recorder
        self._number = number
        self._batch = 0

    def __iter__(self):
        return self

    def __next__(self):
        self._batch += 1
        self._recorder.anchor(f"loader {self._number}.{self._batch}")
        return next(self._iterator)

    def __len__(self):
        return len(self._iterator)

    def __getattr__(self, name):
        return getattr(self._iterator, name)
