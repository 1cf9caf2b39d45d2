"""Cut what the tests need out of GitHub's description of its API.

    npm pack @octokit/openapi && tar xf octokit-openapi-*.tgz package/generated/api.github.com.json
    python scripts/refresh_openapi_subset.py package/generated/api.github.com.json

writes tests/delivery/github-openapi-subset.json: the operations that delivery/forge/github.py calls and those that
the tests' witnesses (PyGithub, gh) read from, with everything that these refer to. The description is GitHub's
(github/rest-api-description), the package Octokit's, both under the MIT licence (github-openapi-subset.LICENSE there).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

TARGET = Path(__file__).parent.parent / "tests" / "delivery" / "github-openapi-subset.json"
REPOSITORY = "/repos/{owner}/{repo}"
OPERATIONS = {
    REPOSITORY: ("get",),
    f"{REPOSITORY}/pulls": ("get", "post"),
    f"{REPOSITORY}/pulls/{{pull_number}}": ("get", "patch"),
    f"{REPOSITORY}/issues/{{issue_number}}/labels": ("get", "post"),
    f"{REPOSITORY}/issues/{{issue_number}}/comments": ("get", "post"),
    f"{REPOSITORY}/issues/comments/{{comment_id}}": ("patch",),
}
ORIGIN = "cut by scripts/refresh_openapi_subset.py from @octokit/openapi, which is github/rest-api-description"
#: Only for readers: they make the file three times as large.
PROSE = frozenset(("description", "externalDocs", "x-github", "x-octokit", "x-webhooks"))


def references(part: object) -> Iterator[str]:
    """Every `$ref` in a part of the description."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def bare(part: object, names: bool = False) -> object:
    """A part without prose; `names` says that its keys are names of fields, of which one may be `description`."""
    if isinstance(part, dict):
        kept = {key: value for key, value in part.items() if names or key not in PROSE or key == "value"}
        # What stands under `value` is an example: data, kept whole.
        return {
            key: value if key == "value" else bare(value, names=key in ("properties", "examples"))
            for key, value in kept.items()
        }
    return [bare(value) for value in part] if isinstance(part, list) else part


def cut(whole: dict) -> dict:
    """The operations with everything that they refer to, without prose; a cut one stays as it is."""
    paths = {path: {method: whole["paths"][path][method] for method in methods} for path, methods in OPERATIONS.items()}
    told = {
        "openapi": whole["openapi"],
        "info": {**{key: whole["info"][key] for key in ("title", "version", "license")}, "x-origin": ORIGIN},
        "servers": [{"url": "http://127.0.0.1"}],
        "paths": bare(paths),
        "components": {kind: bare(parts, names=True) for kind, parts in components(whole, paths).items()},
    }
    return responses_described(told)


def components(whole: dict, paths: dict) -> dict:
    """What the operations refer to, and what that refers to in turn, by kind and name."""
    found: dict[str, dict] = {}
    waiting = list(references(paths))
    while waiting:
        _, _, kind, name = waiting.pop().split("/")
        if name not in found.setdefault(kind, {}):
            found[kind][name] = whole["components"][kind][name]
            waiting += references(found[kind][name])
    return {kind: dict(sorted(parts.items())) for kind, parts in sorted(found.items())}


def responses_described(told: dict) -> dict:
    """OpenAPI demands a description of each response; GitHub's are prose, so an empty one stands in."""
    for methods in told["paths"].values():
        for operation in methods.values():
            for response in operation["responses"].values():
                if "$ref" not in response:
                    response["description"] = ""
    for response in told["components"].get("responses", {}).values():
        response["description"] = ""
    return told


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        told = cut(json.load(file))
    TARGET.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{TARGET}: {TARGET.stat().st_size // 1024} kB, {len(told['paths'])} paths")
