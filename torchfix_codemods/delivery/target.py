"""Where pull requests go: which repository of which server, from the environment of a workflow or from the clone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torchfix_codemods.delivery.names import check_repository, check_token, remote_url, repository_of
from torchfix_codemods.source.errors import UsageError

#: Where a token is looked for, the first first. There is no option for one: it would stand in the list of processes.
TOKENS = ("TORCHFIX_TOKEN", "GITHUB_TOKEN", "GH_TOKEN")
API_URL = "https://api.github.com"
SERVER_URL = "https://github.com"


@dataclass(frozen=True)
class Target:
    """A repository on a forge: `repository` is `owner/name`, `remote` the address that git pushes to."""

    repository: str
    api_url: str
    remote: str
    token: str = field(default="", repr=False)


def target_of(environ: Mapping[str, str], repository: str = "", remote: str = "", origin: str | None = None) -> Target:
    """The target that an environment names, by GITHUB_REPOSITORY, GITHUB_API_URL and GITHUB_SERVER_URL.

    `repository` (owner/name) and `remote` (an address) go over it; without either `origin` says which one it is.
    Raises `UsageError` where nothing does, or where something is no name or address.
    """
    server = environ.get("GITHUB_SERVER_URL") or SERVER_URL
    name = repository or environ.get("GITHUB_REPOSITORY") or ""
    if not name and not origin:
        raise UsageError("which repository? There is no remote called origin: say it with --repository owner/name")
    name = check_repository(name) if name else repository_of(origin or "", server)
    token = next((environ[key] for key in TOKENS if environ.get(key)), "")
    api = environ.get("GITHUB_API_URL") or API_URL
    return Target(name, api, remote or remote_url(server, name), check_token(token))
