"""Microsoft's validator of SARIF on our logs: the program that GitHub recommends for trying out an upload.

It is taken from TORCHFIX_SARIF_MULTITOOL (the path of the program `Sarif.Multitool`), else from PATH; else npm
installs it once below the cache of pytest (some seconds, 100 MB).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from report_samples import FILES, SEED, analysed, everything, made_up, with_verdict
from toy_rules import TOYS

from torchfix_codemods.pipeline import report_of
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import outcomes
from torchfix_codemods.report.sarif import write_sarif
from torchfix_codemods.rules import RULES
from torchfix_codemods.verify.model import VerdictName

PACKAGE = "@microsoft/sarif-multitool-linux"
VERSION = "5.7.0"
NAMES = ("Sarif.Multitool", "sarif-multitool-linux")
CORPUS = Path(__file__).parent.parent.parent / "corpus"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def multitool(pytestconfig: pytest.Config) -> str:
    """The program. Skips where it is not there and cannot be installed."""
    found = os.environ.get("TORCHFIX_SARIF_MULTITOOL") or next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    npm = shutil.which("npm")
    if npm is None or not sys.platform.startswith("linux"):
        pytest.skip("no SARIF multitool: neither TORCHFIX_SARIF_MULTITOOL nor PATH has it, and there is no npm for it")
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir(f"sarif-multitool-{VERSION}")
    program = folder / "node_modules" / PACKAGE / NAMES[0]
    if not program.exists():
        options = ("--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund", "--no-save")
        done = subprocess.run([npm, "install", *options, f"{PACKAGE}@{VERSION}"], capture_output=True, timeout=120)
        if done.returncode or not program.exists():
            pytest.skip(f"no SARIF multitool: npm could not install it: {done.stderr.decode(errors='replace')[-200:]}")
    program.chmod(0o755)  # what its install script does
    return str(program)


def complaints(multitool: str, folder: Path, text: str) -> list[str]:
    """Errors and warnings of the validator, by the rules of the standard and those of GitHub."""
    log, told = folder / "log.sarif", folder / "told.sarif"
    log.write_text(text, encoding="ascii")
    kinds = ("--rule-kind", "Sarif;Ghas", "--level", "Error;Warning")
    done = subprocess.run([multitool, "validate", str(log), *kinds, "-o", str(told)], capture_output=True, timeout=120)
    assert told.exists(), done.stdout.decode() + done.stderr.decode()
    (run,) = json.loads(told.read_text(encoding="utf-8-sig"))["runs"]
    return [f"{result['ruleId']}: {json.dumps(result['message'])}" for result in run["results"]]


def test_it_has_nothing_to_say_about_reports_of_every_kind(multitool: str, tmp_path: Path):
    (tmp_path / "work").mkdir()
    report, results = everything(tmp_path / "work", {**FILES, "seed.py": b"seed_word\n"}, (SEED, *TOYS))
    for told, found in (
        (report, results),
        with_verdict(report, VerdictName.IMPROVED),
        with_verdict(report, VerdictName.REGRESSED),
        (Report("0.1.0", 0, (), (), {}), []),
    ):
        assert complaints(multitool, tmp_path, write_sarif(told, found)) == []


def test_it_has_nothing_to_say_about_a_program(multitool: str, tmp_path: Path):
    before = CORPUS / "mnist_2017" / "before"
    files = {path.relative_to(before).as_posix(): path.read_bytes() for path in before.rglob("*.py")}
    report = report_of(analysed(tmp_path, files, RULES))
    assert complaints(multitool, tmp_path, write_sarif(report, outcomes(report))) == []


@pytest.mark.parametrize("words", ["[x](y) [](1) {0} }{", "\ud800\udce9\u202e\x00", "a" * 5000, "::error::x\r\n"])
def test_it_has_nothing_to_say_about_hostile_words(multitool: str, tmp_path: Path, words: str):
    report = made_up(words, f"{words[:50]}.py", words)
    assert complaints(multitool, tmp_path, write_sarif(report, outcomes(report))) == []


def test_it_complains_of_a_broken_log(multitool: str, tmp_path: Path):
    report = made_up()
    log = json.loads(write_sarif(report, outcomes(report)))
    log["runs"][0]["results"][0]["ruleIndex"] = 1000
    assert complaints(multitool, tmp_path, json.dumps(log)) != []
