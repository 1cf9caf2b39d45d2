"""The cut of GitHub's description holds what it must, and only that."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import refresh_openapi_subset as script


def test_cutting_again_changes_nothing() -> None:
    told = json.loads(script.TARGET.read_text(encoding="utf-8"))
    assert script.cut(told) == told


def test_what_nothing_refers_to_and_prose_are_left_out_and_data_is_kept() -> None:
    told = json.loads(script.TARGET.read_text(encoding="utf-8"))
    told["components"]["schemas"]["more"] = {"type": "object"}
    told["paths"]["/more"] = {"get": {"responses": {}}}
    operation = told["paths"]["/repos/{owner}/{repo}/pulls"]["post"]
    operation["description"] = "For readers."
    cut = script.cut(told)
    assert "more" not in cut["components"]["schemas"] and "/more" not in cut["paths"]
    assert "description" not in cut["paths"]["/repos/{owner}/{repo}/pulls"]["post"]
    label = cut["components"]["schemas"]["label"]["properties"]
    assert "description" in label and "description" in cut["components"]["examples"]["label-items"]["value"][0]
