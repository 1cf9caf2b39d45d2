"""GitHub's own description of its API, to hold every request and every answer of a test against.

The description is cut by scripts/refresh_openapi_subset.py. Made stricter than GitHub's: a request body must not hold a
field that the description does not name, so that a misspelled one is noticed.
"""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from pathlib import Path

from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse

DESCRIPTION = Path(__file__).parent / "github-openapi-subset.json"
HOST = "http://127.0.0.1"
JSON = "application/json"


@lru_cache(maxsize=1)
def description() -> dict:
    """The description, with strict request bodies."""
    told = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    for operations in told["paths"].values():
        for operation in operations.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                _forbid_more(content["schema"])
    return told


@lru_cache(maxsize=1)
def api() -> OpenAPI:
    """The description, loaded: this takes seconds, and is done once."""
    return OpenAPI.from_dict(description())


def example(name: str) -> object:
    """A copy of one of GitHub's own examples, mended where it breaks GitHub's own schema."""
    value = copy.deepcopy(description()["components"]["examples"][name]["value"])
    _empty_teams(value)
    return value


def request_of(method: str, path: str, query: dict[str, str], body: bytes) -> MockRequest:
    """What `violation_of_request` and `violation_of_answer` judge."""
    return MockRequest(HOST, method.lower(), path, data=body or None, args=query, content_type=JSON)


def violation_of_request(request: MockRequest) -> str | None:
    """What is wrong with a request, None where nothing is."""
    try:
        api().validate_request(request)
    except Exception as error:  # openapi-core has many kinds, all of which are violations
        return _told(error)
    return None


def violation_of_answer(request: MockRequest, status: int, data: object) -> str | None:
    """What is wrong with an answer, None where nothing is."""
    try:
        api().validate_response(request, MockResponse(json.dumps(data).encode(), status, content_type=JSON))
    except Exception as error:
        return _told(error)
    return None


def _told(error: Exception) -> str:
    parts = getattr(error.__cause__, "schema_errors", None) or ()
    return "; ".join(part.message for part in list(parts)[:3]) or f"{type(error).__name__}: {error}"


def _forbid_more(schema: dict) -> None:
    for choice in (schema, *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        if choice.get("type") == "object":
            choice["additionalProperties"] = False


def _empty_teams(value: object) -> None:
    """GitHub's example of a team lacks the `type` that its schema demands."""
    for key, part in value.items() if isinstance(value, dict) else ():
        if key == "requested_teams":
            part.clear()
        _empty_teams(part)
    for part in value if isinstance(value, list) else ():
        _empty_teams(part)
