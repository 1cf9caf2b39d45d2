"""Git as a program: the one place that starts it.

Nothing configured in a repository is run for it as far as git allows that: no hooks, monitors, pagers, helpers
that ask for passwords, and no way to the network unless the caller names one. The environment holds what git needs to
find its programs and the person's own settings (trusted folders, proxies, certificates), and no secret of ours.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torchfix_codemods.source.errors import GitFailed, GitNotInstalled

SECONDS = 120

_FIXED_SETTINGS = (
    *("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "-c", "core.untrackedCache=false"),
    *("-c", "core.askPass=", "-c", "credential.helper=", "-c", "core.alternateRefsCommand=true"),
    *("-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "i18n.commitEncoding=UTF-8"),
)
#: Variables git may see. Among those left out are what would lead it elsewhere (GIT_DIR), what git or curl would write
#: secrets to (GIT_TRACE_CURL), and the tokens of a workflow.
_KEPT = frozenset(
    """
    PATH HOME USER LOGNAME XDG_CONFIG_HOME TMPDIR LD_LIBRARY_PATH DYLD_LIBRARY_PATH
    http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY no_proxy NO_PROXY
    SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE GIT_SSL_CAINFO GIT_SSL_CAPATH
    GIT_EXEC_PATH GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM GIT_CONFIG_NOSYSTEM GIT_CONFIG_COUNT
    SYSTEMROOT COMSPEC PATHEXT TEMP TMP USERPROFILE APPDATA LOCALAPPDATA PROGRAMDATA HOMEDRIVE HOMEPATH
    """.split()
)
_NO_FILTER = {"clean": "", "smudge": "", "process": "", "required": "false"}
_KEPT_SETTING = re.compile(r"GIT_CONFIG_(KEY|VALUE)_\d+")
_OURS = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ALLOW_PROTOCOL": "",
    # Without these a person's `trace2.*` settings would copy variables and settings into a file.
    "GIT_TRACE2": "0",
    "GIT_TRACE2_EVENT": "0",
    "GIT_TRACE2_PERF": "0",
}


@dataclass(frozen=True)
class GitRun:
    """What one call of git gave back."""

    code: int
    out: bytes
    err: bytes

    @property
    def said(self) -> str:
        """The first line of its complaint, or its exit code where it said nothing."""
        line = os.fsdecode(self.err).strip().partition("\n")[0]
        return line or f"exit code {self.code}"


def run_git(
    folder: Path | str,
    *words: str,
    given: bytes = b"",
    variables: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
    literal: bool = True,
) -> GitRun:
    """Run `git words...` in `folder`, the top of a work tree, with `given` on its standard input.

    Any exit code is an answer. `variables` are added to the environment; with `literal` no path is a pattern. Raises
    `GitNotInstalled`, and `GitFailed` where git can't be started or takes longer than `seconds`.
    """
    import subprocess

    paths = ["--literal-pathspecs"] if literal else []
    command = ["git", "--no-pager", *paths, *_FIXED_SETTINGS, *words]
    # A folder with an invalid `.git` must not be taken for a part of the repository above it.
    ceiling = {"GIT_CEILING_DIRECTORIES": os.path.dirname(folder)}
    env = {**git_environment(os.environ), **ceiling, **(variables or {})}
    try:
        done = subprocess.run(command, cwd=folder, env=env, input=given, capture_output=True, timeout=seconds)
    except FileNotFoundError as error:
        if not os.path.isdir(folder):
            raise GitFailed(f"git {words[0]} in {folder}: there is no such folder") from error
        raise GitNotInstalled("git is not installed") from error
    except subprocess.TimeoutExpired as error:
        # The exception's own text would name the whole command.
        raise GitFailed(f"git {words[0]} in {folder}: no answer within {seconds:g} s") from error
    except (OSError, ValueError) as error:
        raise GitFailed(f"git {words[0]} in {folder}: {error}") from error
    return GitRun(done.returncode, done.stdout, done.stderr)


def filters_of(folder: Path | str) -> list[str]:
    """The filters that are configured (`filter.lfs`, ...): programs through which files go on their way into git.

    Raises `GitNotInstalled` and `GitFailed` as `run_git` does.
    """
    done = run_git(folder, "config", "-z", "--name-only", "--get-regexp", r"^filter\.")
    return sorted({os.fsdecode(name).rpartition(".")[0] for name in done.out.split(b"\0") if name})


def without(filters: Iterable[str]) -> dict[str, str]:
    """Variables with which git starts none of these filters and takes files as they lie there."""
    off = [(f"{name}.{key}", value) for name in filters for key, value in _NO_FILTER.items()]
    return with_settings(os.environ, *off) if off else {}


def git_environment(outer: Mapping[str, str]) -> dict[str, str]:
    """The variables of `outer` that git may see, and those that keep it quiet, untranslated and off the network."""
    kept = {name: value for name, value in outer.items() if name in _KEPT or _KEPT_SETTING.fullmatch(name)}
    return {**kept, **_OURS}


def with_settings(outer: Mapping[str, str], *settings: tuple[str, str]) -> dict[str, str]:
    """Variables that add git `settings` after those that `outer` already holds this way.

    Unlike `-c` they show in no list of processes, and the last one of a name wins. Needs git 2.31.
    """
    count = outer.get("GIT_CONFIG_COUNT", "")
    start = int(count) if count.isdecimal() else 0
    added = {"GIT_CONFIG_COUNT": str(start + len(settings))}
    for number, (name, value) in enumerate(settings, start):
        added |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return added
