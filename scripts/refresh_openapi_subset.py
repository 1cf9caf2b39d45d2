"""Cut what the tests need out of GitHub's description of its API.

    npm pack @octokit/openapi && tar xf octokit-openapi-*.tgz package/generated/api.github.com.json
    python scripts/refresh_openapi_subset.py package/generated/api.github.com.json

writes tests/delivery/github-openapi-subset.json: the operations that delivery/github.py calls and those with which the
tests' witnesses (PyGithub, gh) read, with everything that these refer to. The description is GitHub's
(github/rest-api-description), the package Octokit's, both under the MIT licence.
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


def subset(whole: dict) -> dict:
    """The operations with everything that they refer to."""
    paths = {path: {method: whole["paths"][path][method] for method in methods} for path, methods in OPERATIONS.items()}
    components: dict[str, dict] = {}
    waiting = list(references(paths))
    while waiting:
        _, _, kind, name = waiting.pop().split("/")
        if name not in components.setdefault(kind, {}):
            components[kind][name] = whole["components"][kind][name]
            waiting += references(components[kind][name])
    info = {key: whole["info"][key] for key in ("title", "version", "license")}
    origin = "cut by scripts/refresh_openapi_subset.py from @octokit/openapi, which is github/rest-api-description"
    ordered = {kind: dict(sorted(parts.items())) for kind, parts in sorted(components.items())}
    servers = [{"url": "http://127.0.0.1"}]
    return {"openapi": whole["openapi"], "info": {**info, "x-origin": origin}, "servers": servers} | {
        "paths": paths,
        "components": ordered,
    }


def responses_described(cut: dict) -> dict:
    """OpenAPI demands a description of each response; GitHub's are prose, so an empty one stands in."""
    for methods in cut["paths"].values():
        for operation in methods.values():
            for response in operation["responses"].values():
                if "$ref" not in response:
                    response["description"] = ""
    for response in cut["components"].get("responses", {}).values():
        response["description"] = ""
    return cut


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        cut = responses_described(bare(subset(json.load(file))))
    TARGET.write_text(json.dumps(cut, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{TARGET}: {TARGET.stat().st_size // 1024} kB, {len(cut['paths'])} paths")
