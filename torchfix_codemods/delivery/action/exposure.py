"""What secrets a job shows to the code that it is about to run: then it is not run.

On a hosted runner code can read the memory of the runner itself, so that no sandbox within a job is a border around
that job's secrets. The only help is a job that has none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from torchfix_codemods.source.errors import GitNotInstalled, UsageError
from torchfix_codemods.source.git import repository_root
from torchfix_codemods.source.run_git import run_git

#: The user's own word that all is well.
UNSAFE = "TORCHFIX_UNSAFE"
_SECRET_WORDS = frozenset(
    "TOKEN TOKENS SECRET SECRETS PASSWORD PASSWORDS PASSWD PASSPHRASE CREDENTIAL CREDENTIALS PAT APIKEY".split()
)
#: Words before KEY at the end of a name that make it no secret.
_OPEN_KEYS = frozenset(("CACHE", "PUBLIC", "PRIMARY", "SORT", "PARTITION"))
#: Harmless ones of GitHub, and the socket of an agent that signs with keys.
_HARMLESS = frozenset(("GITHUB_SECRET_SOURCE", "ACTIONS_ID_TOKEN_REQUEST_URL"))
_ALSO_SECRET = frozenset(("SSH_AUTH_SOCK", "GIT_ASKPASS"))
_USER_IN_URL = re.compile(r"://[^/\s]*@")
_PASSWORD_IN_URL = re.compile(r"https?://(?:[^/@\s]*:[^/@\s]+|gh[a-z]_\w+|github_pat_\w+)@", re.IGNORECASE)


def refuse_secrets(environ: Mapping[str, str], folder: Path) -> str:
    """Raise `UsageError` where code that runs here could find a secret, unless TORCHFIX_UNSAFE is 1.

    Returns what was let pass on that word; empty where there was nothing.
    """
    exposed = _exposed(environ, folder)
    if exposed is None:
        return ""
    seen, cure = exposed
    if environ.get(UNSAFE) == "1":
        return seen
    raise UsageError(f"mode verify runs your programs, and does not where {seen}: {cure}; {UNSAFE}=1 runs it anyway")


def _exposed(environ: Mapping[str, str], folder: Path) -> tuple[str, str] | None:
    """Which secrets a program could find here and what helps, None where there are none."""
    found = sorted(secret_variables(environ))
    if found:
        names = ", ".join(found)
        return f"it sees a secret: {names} (environment)", "use a job without secrets and `permissions: contents: read`"
    stored = next(stored_credentials(folder), None)
    if stored is None:
        return None
    return f"the checkout holds a credential ({stored})", "set `persist-credentials: false` on actions/checkout"


def secret_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """The names of the variables that have a value and sound secret."""
    return (name for name, value in environ.items() if value.strip() and sounds_secret(name))


def sounds_secret(name: str) -> bool:
    """Whether a variable of this name usually holds something secret: GITHUB_TOKEN, WANDB_API_KEY, DB_PASSWORD."""
    words = re.split(r"[^A-Z0-9]+", name.upper())
    if name in _HARMLESS:
        return False
    if name in _ALSO_SECRET or not _SECRET_WORDS.isdisjoint(words):
        return True
    if name.upper().startswith("AWS_") and "KEY" in words:
        return True
    return words[-1] in ("KEY", "KEYS") and words[-2:-1] != [] and words[-2] not in _OPEN_KEYS


def stored_credentials(folder: Path) -> Iterator[str]:
    """The settings of git in a folder that hold a credential, by name: headers, and passwords in addresses.

    A name may hold an address too: of that the user and the password are left out. Files that the settings include
    count: there newer versions of actions/checkout leave the token.
    """
    for name, value in _git_settings(folder):
        is_header = name.lower().endswith(".extraheader") and value.strip()
        if is_header or _PASSWORD_IN_URL.search(value) or _PASSWORD_IN_URL.search(name):
            yield _USER_IN_URL.sub("://***@", name)


def _git_settings(folder: Path) -> Iterator[tuple[str, str]]:
    """Names and values of git's settings here; none where git is not installed or there is no repository.

    The folder may belong to somebody else, as in containers: only its settings are read.
    """
    try:
        listed = run_git(
            repository_root(folder) or folder, "-c", "safe.directory=*", "config", "--list", "--includes", "-z"
        )
    except GitNotInstalled:
        return
    for record in os.fsdecode(listed.out).split("\0"):
        name, _, value = record.partition("\n")
        if name:
            yield name, value
