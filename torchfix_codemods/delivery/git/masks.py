"""Keeping a token out of every text that leaves us."""

from __future__ import annotations

import base64
import urllib.parse

MASK = "***"
#: The user name that goes with a token in Basic authentication.
USER = "x-access-token"


def basic(token: str) -> str:
    """The value of Basic authentication for `token`: base64 of `x-access-token:TOKEN`."""
    return base64.b64encode(f"{USER}:{token}".encode()).decode("ascii")


def secrets_of(token: str) -> tuple[str, ...]:
    """Every form in which `token` could show up in a text, the longest first; empty without a token."""
    if not token:
        return ()
    alone = base64.b64encode(token.encode()).decode("ascii")
    forms = {token, basic(token), alone, urllib.parse.quote(token, safe=""), repr(token)[1:-1]}
    forms |= {form.rstrip("=") for form in (basic(token), alone)}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def masked(text: str, token: str) -> str:
    """`text` with `***` in place of `token` and of its encoded forms."""
    for secret in secrets_of(token):
        text = text.replace(secret, MASK)
    return text
