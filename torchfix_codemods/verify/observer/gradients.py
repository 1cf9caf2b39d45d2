"""Whose gradients an optimizer step uses: those of which backward passes, since when, and which were thrown away."""

import weakref

_STEPS = 64  # so many steps are looked at: to see whether gradients are zero may mean to read all of them


class Gradients:
    """Looks at the gradients of each optimizer where a backward pass begins and where it ends.

    Then it doesn't matter how they are cleared: by a call, or by writing to `.grad`.
    """

    def __init__(self, recorder):
        self.recorder = recorder
        self._optimizers = weakref.WeakKeyDictionary()  # optimizer -> what is known of its gradients

    def add(self, optimizer):
        """An optimizer has parameters to look at."""
        self._optimizers.setdefault(optimizer, _Account())

    def begin(self):
        """A backward pass begins."""
        for optimizer, account in self._watched():
            if not has_gradients(optimizer):
                account.clear(self.recorder.backwards)

    def end(self, place):
        """A backward pass has ended; `place` is where the program called it."""
        for optimizer, account in self._watched():
            if not account.stepping and has_gradients(optimizer):
                account.waiting.append(place)

    def begin_step(self, optimizer):
        """A step begins: what its closure computes is used at once."""
        account = self._optimizers.get(optimizer)
        if account is not None:
            account.stepping = True

    def step(self, optimizer, empty):
        """What is told of a step: backward passes since the gradients were clear and since the step before, and how
        many were cleared unused (of those, how many at a place whose others are used)."""
        account = self._optimizers.get(optimizer)
        if account is None:
            return {}
        if empty:
            account.clear(self.recorder.backwards)
        facts = account.facts(self.recorder.backwards)
        account.settle(self.recorder.backwards)
        return facts if self.recorder.steps <= _STEPS else {}

    def _watched(self):
        return list(self._optimizers.items()) if self.recorder.steps < _STEPS else []


class _Account:
    """The gradients of one optimizer. `waiting` are the places of the backward passes that wait for a step."""

    def __init__(self):
        self.waiting = []
        self.lost = []
        self.cleared = None
        self.stepped = 0
        self.stepping = False

    def clear(self, backwards):
        """They are all clear now."""
        self.lost += self.waiting
        self.waiting = []
        self.cleared = backwards

    def facts(self, backwards):
        return {
            "fresh": None if self.cleared is None else backwards - self.cleared,
            "since": backwards - self.stepped,
            "lost": len(self.lost),
            "again": sum(place in self.waiting for place in self.lost),
        }

    def settle(self, backwards):
        """A step has used them."""
        self.waiting, self.lost, self.stepped, self.stepping = [], [], backwards, False


def has_gradients(optimizer):
    """Whether a parameter has a gradient other than zero; the first one mostly has."""
    parameters = (p for group in optimizer.param_groups for p in group["params"])
    return any(p.grad is not None and _is_something(p.grad) for p in parameters)


def _is_something(gradient):
    try:
        return bool(gradient.detach().any())
    except RuntimeError:
        return True  # sparse
