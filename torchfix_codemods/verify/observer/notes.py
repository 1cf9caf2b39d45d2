"""What a run needed that the program did not bring: stand-ins, shims, redirects. Counted, told with the verdict."""

import collections


class Notes:
    """Counts by (kind, what), as in ("dataset", "MNIST") or ("legacy", "0-dim [0]")."""

    def __init__(self):
        self.counts = collections.Counter()

    def __call__(self, kind, what):
        self.counts[(kind, what)] += 1

    def told(self):
        """A list of [kind, what, how often], in the order of the first time."""
        return [[kind, what, count] for (kind, what), count in self.counts.items()]
