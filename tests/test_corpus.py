"""Every program of `corpus/`: the tool turns `before` into `after`, and the two runs show what the rules claim.

`corpus/<program>/expected.json` names the entry point, the findings of `before` and the claims (functions below, by
their names with dashes). `after` is what a careful maintainer would have committed, byte for byte.
"""

from __future__ import annotations

import ast
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from corpus_runner import Runner

from torchfix_codemods.rules import RULES

REPOSITORY = Path(__file__).resolve().parents[1]
CORPUS = REPOSITORY / "corpus"
PROGRAMS = sorted(path.parent.name for path in CORPUS.glob("*/expected.json"))
CODES = tuple(rule.code for rule in RULES)

each_program = pytest.mark.parametrize("program", PROGRAMS)


@cache
def expected(program: str) -> dict[str, Any]:
    """The program's `expected.json`."""
    loaded: dict[str, Any] = json.loads((CORPUS / program / "expected.json").read_text(encoding="utf-8"))
    return loaded


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def copy_of(program: str, target: Path) -> Path:
    """A writable copy of `before`, outside of every repository."""
    return Path(shutil.copytree(CORPUS / program / "before", target / program))


def torchfix(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    """Run the command as a user does."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "torchfix_codemods", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, timeout=60)


# The corpus itself


def test_the_corpus_covers_what_it_should() -> None:
    all_expected = [expected(program) for program in PROGRAMS]
    assert len(PROGRAMS) >= 14
    assert sum(program["untouched"] for program in all_expected) >= 3
    assert {finding["code"] for program in all_expected for finding in program["findings"]} == set(CODES)
    assert sum(len({finding["code"] for finding in program["findings"]}) > 1 for program in all_expected) >= 6
    texts = {program: b"".join(contents(CORPUS / program / "before").values()) for program in PROGRAMS}
    assert any(b"\r\n" in text for text in texts.values())
    assert any(b"\n\t" in text for text in texts.values())
    assert any(b"coding: latin-1" in text for text in texts.values())


@each_program
def test_what_is_expected_fits_the_program(program: str) -> None:
    wanted = expected(program)
    before, after = (contents(CORPUS / program / variant) for variant in ("before", "after"))
    assert wanted["entry"] in before and before.keys() == after.keys()
    assert wanted["untouched"] == (before == after) == (not any(f["fix"] for f in wanted["findings"]))
    for text in after.values():
        ast.parse(text)
    words = {
        "TFC101": ("softmax(", "Softmax("),
        "TFC105": ("oss(", "riterion("),
        "TFC102": ("log_softmax(", "LogSoftmax("),
        "TFC103": ("sigmoid(", "Sigmoid("),
        "TFC104": ("softmax(", "Softmax(", "nll_loss(", "NLLLoss(", "BCELoss(", "binary_cross_entropy("),
        "TFC201": ("volatile",),
        **dict.fromkeys(("TFC202", "TFC301", "TFC302"), ("def ", "for ")),
        "TFC203": ("retain_",),
        "TFC204": ("backward(", "zero_grad("),
        "TFC205": ("backward(", "zero_grad(", "%"),
        "TFC303": ("dropout(",),
        "TFC304": (".train()",),
        "TFC401": ("interpolate(",),
        "TFC402": ("index_select(", "criterion("),
        "TFC501": ("async=",),
    }
    for finding in wanted["findings"]:
        line = before[finding["path"]].split(b"\n")[finding["line"] - 1].decode("latin-1")
        assert any(word in line for word in words[finding["code"]]), (finding, line)


# The tool


@each_program
def test_check_finds_what_is_expected(program: str, tmp_path: Path) -> None:
    folder = copy_of(program, tmp_path)
    done = torchfix("check", ".", "--output-format", "json", cwd=folder)
    assert done.returncode == (1 if expected(program)["findings"] else 0), done.stderr.decode()
    report = json.loads(done.stdout)
    assert report["files"]["skipped"] == []
    sources = [path for path in contents(folder) if path.endswith(".py")]
    assert report["files"]["seen"] == len(sources)
    found = [
        {
            **{key: finding[key] for key in ("rule", "code", "path", "line", "level")},
            "fix": bool(finding["fix"] and finding["fix"]["default"]),
        }
        for finding in report["findings"]
    ]
    assert sorted(found, key=_place) == sorted(expected(program)["findings"], key=_place)


def _place(finding: dict[str, Any]) -> tuple[str, int, str]:
    return finding["path"], finding["line"], finding["code"]


@each_program
def test_apply_writes_what_a_maintainer_would(program: str, tmp_path: Path) -> None:
    folder, after = copy_of(program, tmp_path), contents(CORPUS / program / "after")
    done = torchfix("apply", ".", cwd=folder)
    assert done.returncode == 0, done.stderr.decode()
    written = contents(folder)
    for path, text in after.items():
        assert written[path].decode("latin-1") == text.decode("latin-1"), path
    assert written.keys() == after.keys()

    again = torchfix("apply", ".", cwd=folder)
    assert again.returncode == 0, again.stderr.decode()
    assert contents(folder) == after


@each_program
def test_the_patch_of_a_dry_run_applies(program: str, tmp_path: Path) -> None:
    folder = copy_of(program, tmp_path)
    done = torchfix("apply", ".", "--dry-run", cwd=folder)
    assert done.returncode == (0 if expected(program)["untouched"] else 1), done.stderr.decode()
    assert contents(folder) == contents(CORPUS / program / "before")
    if expected(program)["untouched"]:
        assert done.stdout == b""
        return
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path)}
    command = ["git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "-"]
    applied = subprocess.run(command, cwd=folder, env=environment, input=done.stdout, capture_output=True)
    assert applied.returncode == 0, applied.stderr.decode()
    assert contents(folder) == contents(CORPUS / program / "after")


# The runs


@dataclass(frozen=True)
class Seen:
    """What corpus_runner saw of one run."""

    raw: dict[str, Any]

    @property
    def training(self) -> list[dict[str, Any]]:
        """The forwards through which a backward went."""
        return [forward for forward in self.raw["forwards"] if forward["backward"]]

    @property
    def evaluation(self) -> list[dict[str, Any]]:
        """The forwards through which no backward went."""
        return [forward for forward in self.raw["forwards"] if not forward["backward"]]

    @property
    def losses(self) -> list[dict[str, Any]]:
        """The calls of cross entropy with class indices as the target."""
        return [loss for loss in self.raw["losses"] if loss["hard"]]

    @property
    def volatile_warnings(self) -> list[str]:
        """Where torch said that `volatile` has no effect."""
        return [warning["place"] for warning in self.raw["warnings"] if "volatile" in warning["message"]]

    @property
    def saved_in_evaluation(self) -> int:
        """Bytes that forwards of evaluation kept for a backward (runs that count memory only)."""
        return sum(forward["saved_bytes"] for forward in self.evaluation)


@dataclass(frozen=True)
class Runs:
    """A program's two variants; each kind of run happens once per session."""

    run: Callable[[str, bool], Seen]

    @property
    def before(self) -> Seen:
        """The program as it was."""
        return self.run("before", False)

    @property
    def after(self) -> Seen:
        """The program as it should be."""
        return self.run("after", False)


@pytest.fixture(scope="session")
def runs_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Runs]]:
    """Hands out the runs of a program; they come from one process that has torch loaded."""
    with Runner() as runner:

        @cache
        def run(program: str, variant: str, memory: bool) -> Seen:
            folder = tmp_path_factory.mktemp(program) / variant
            shutil.copytree(CORPUS / program / variant, folder)
            return Seen(runner.run(folder, expected(program)["entry"], expected(program)["args"], memory=memory))

        yield lambda program: Runs(lambda variant, memory: run(program, variant, memory))


def volatile_warning_gone(runs: Runs) -> None:
    """torch warned that volatile has no effect, and no longer does."""
    assert runs.before.volatile_warnings
    assert not runs.after.volatile_warnings


def exception_gone(runs: Runs) -> None:
    """The program raised, and does not any more."""
    assert runs.before.raw["exception"]
    assert runs.after.raw["exception"] is None


def softmax_gone(runs: Runs) -> None:
    """Softmax was the last step before cross entropy, and nowhere is any more."""
    assert any(loss["softmax"] for loss in runs.before.losses)
    assert runs.after.losses and not any(loss["softmax"] for loss in runs.after.losses)


def floor_gone(runs: Runs) -> None:
    """No loss was below ln(e + C - 1) - 1; afterwards training gets below."""
    floors = [math.log(math.e + loss["classes"] - 1) - 1 for loss in runs.before.losses]
    assert all(loss["value"] > floor - 1e-5 for loss, floor in zip(runs.before.losses, floors, strict=True))
    assert min(loss["value"] for loss in runs.after.losses if loss["grad"]) < min(floors)


def no_graph_in_evaluation(runs: Runs) -> None:
    """Evaluation built graphs (outputs that require grad, saved tensors); afterwards it does not."""
    assert any(forward["requires_grad"] for forward in runs.before.evaluation)
    no_graph_in_evaluation_kept(runs)
    assert runs.run("before", True).saved_in_evaluation > 0
    assert runs.run("after", True).saved_in_evaluation == 0


def no_graph_in_evaluation_kept(runs: Runs) -> None:
    """Evaluation builds no graph afterwards, and training as many as before."""
    assert runs.after.evaluation
    assert not any(forward["requires_grad"] or forward["grad"] for forward in runs.after.evaluation)
    assert runs.after.training and len(runs.after.raw["backwards"]) == len(runs.before.raw["backwards"])


def evaluation_in_eval_mode(runs: Runs) -> None:
    """Evaluation ran in training mode; afterwards it runs in evaluation mode."""
    assert any(forward["training"] for forward in runs.before.evaluation)
    evaluation_in_eval_mode_kept(runs)


def evaluation_in_eval_mode_kept(runs: Runs) -> None:
    """Evaluation runs in evaluation mode afterwards."""
    assert runs.after.evaluation and not any(forward["training"] for forward in runs.after.evaluation)


def evaluations_repeat(runs: Runs) -> None:
    """Evaluating a batch twice gave two answers or moved running statistics; afterwards neither."""
    assert not all(replay["equal"] and replay["statistics_kept"] for replay in runs.before.raw["replays"])
    evaluations_repeat_kept(runs)


def evaluations_repeat_kept(runs: Runs) -> None:
    """Evaluating a batch twice gives one answer afterwards, and moves no running statistics."""
    replays = runs.after.raw["replays"]
    assert replays and all(replay["equal"] and replay["statistics_kept"] for replay in replays)


def training_back_in_train_mode(runs: Runs) -> None:
    """From the second epoch on training ran in evaluation mode; afterwards all of it runs in training mode."""
    assert runs.before.training[0]["training"]
    assert not runs.before.training[-1]["training"]
    training_in_train_mode(runs)


def training_in_train_mode(runs: Runs) -> None:
    """All of training runs in training mode afterwards."""
    assert runs.after.training and all(forward["training"] for forward in runs.after.training)


def losses_unchanged(runs: Runs) -> None:
    """Every value on which backward is called is the same."""
    _equal_numbers(runs.before.raw["backwards"], runs.after.raw["backwards"])


def first_losses_unchanged(runs: Runs) -> None:
    """Training is the same up to the first evaluation (which draws other random numbers from then on)."""
    count = runs.before.evaluation[0]["after_backwards"]
    assert count == runs.after.evaluation[0]["after_backwards"] > 1
    _equal_numbers(runs.before.raw["backwards"][:count], runs.after.raw["backwards"][:count])


def _equal_numbers(before: list[list[float]], after: list[list[float]]) -> None:
    assert before and len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert new == pytest.approx(old, rel=1e-4, abs=1e-5)


def output_unchanged(runs: Runs) -> None:
    """Both print the same."""
    assert runs.before.raw["output"] == runs.after.raw["output"] != ""


def gradients_cleared(runs: Runs) -> None:
    """Steps used gradients of older steps, and no longer do."""
    before, after = (run.raw["steps"] for run in (runs.before, runs.after))
    assert any(step["stale"] for step in before) and len(after) == len(before)
    assert not any(step["stale"] for step in after) and all(step["used"] for step in after)


CLAIMS: dict[str, Callable[[Runs], None]] = {
    claim.__name__.replace("_", "-"): claim
    for claim in (
        volatile_warning_gone,
        exception_gone,
        softmax_gone,
        floor_gone,
        no_graph_in_evaluation,
        no_graph_in_evaluation_kept,
        evaluation_in_eval_mode,
        evaluation_in_eval_mode_kept,
        evaluations_repeat,
        evaluations_repeat_kept,
        training_back_in_train_mode,
        training_in_train_mode,
        losses_unchanged,
        first_losses_unchanged,
        output_unchanged,
        gradients_cleared,
    )
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "claim"), [(program, claim) for program in PROGRAMS for claim in expected(program)["claims"]]
)
def test_what_the_rules_claim_is_seen(program: str, claim: str, runs_of: Callable[[str], Runs]) -> None:
    CLAIMS[claim](runs_of(program))


@pytest.mark.slow
@each_program
def test_both_variants_run_to_their_end(program: str, runs_of: Callable[[str], Runs]) -> None:
    runs = runs_of(program)
    assert runs.after.raw["exception"] is None
    assert runs.before.raw["exception"] is None or "exception-gone" in expected(program)["claims"]
    assert runs.after.training, "a program that trains nothing shows nothing"
