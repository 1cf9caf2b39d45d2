"""Calling a function in another way after it has refused."""

import functools


def retry(owner, name, message, instead, used, what):
    """`owner.name` as it is, unless it raises with `message`: then what `instead(*args, **kwargs)` gives."""
    genuine = getattr(owner, name)

    @functools.wraps(genuine)
    def call(*args, **kwargs):
        try:
            return genuine(*args, **kwargs)
        except (RuntimeError, IndexError) as error:
            if message not in str(error):
                raise
        used(what)
        return instead(*args, **kwargs)

    setattr(owner, name, call)
