"""Calling a function in another way after it has refused."""

import functools


def retry(owner, name, message, instead, used, what):
    """`owner.name` as it is, unless it raises with `message`: then what `instead(*args, **kwargs)` gives.

    Where that raises too, the first refusal stands and nothing is counted.
    """
    genuine = getattr(owner, name)

    @functools.wraps(genuine)
    def call(*args, **kwargs):
        try:
            return genuine(*args, **kwargs)
        except (RuntimeError, IndexError, ValueError) as error:
            if message not in str(error):
                raise
            refusal = error
        try:
            answer = instead(*args, **kwargs)
        except Exception:
            raise refusal from None
        used(what)
        return answer

    setattr(owner, name, call)
