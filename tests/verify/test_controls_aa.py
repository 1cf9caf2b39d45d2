"""Changes that change nothing, judged as fixes of every rule: none may look like a success, or like a regression."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from controls import PROGRAMS, files_of
from fixes import Change, unit
from running import Programs

from torchfix_codemods.verify.comparison import Comparison
from torchfix_codemods.verify.contracts import CONTRACTS, contract_of
from torchfix_codemods.verify.runs import RunReport
from torchfix_codemods.verify.units import Unit, Variant, marks_before, scope_of
from torchfix_codemods.verify.verdict import judge

pytestmark = pytest.mark.slow  # some 250 runs
CODES = (*CONTRACTS, "TFC999")
#: Programs whose mistake is really there, so that "not fixed" is right.
MISTAKEN = {
    "TFC101": {"mlp", "argmax", "threshold", "entropy", "drawing", "nll_softmax"},
    "TFC102": {"ce_log_softmax", "ce_read"},
    "TFC103": {"bce_twice"},
    "TFC104": {"nll_softmax", "nll_scores", "nll_log", "likelihood"},
    "TFC105": {"teacher", "mutual", "bootstrapped", "leaf", "dqn", "distillation"},
    "TFC201": {"volatile", "dqn"},
    "TFC202": {
        *("mlp", "cnn", "autoencoder", "distillation", "features", "monitoring", "accumulation", "dictionary"),
        *("clock", "bar", "chance", "noise", "rnn", "gan", "policy", "manual", "lbfgs", "attention", "volatile"),
    },
    "TFC301": PROGRAMS.keys() - {"distillation", "accumulation", "rnn", "stuck", "dropout", "attention"},
    "TFC302": {"stuck"},
    "TFC303": {"dropout"},
    "TFC203": {"needless", "trunk", "undetached"},
    "TFC204": {"endless", "forgotten", "lost", "policy", "uncleared"},
    "TFC205": {
        *("accumulation", "endless", "forgotten", "gan", "lbfgs", "summed", "thrown", "trunk", "undetached", "windows"),
    },
    # Nothing says which statistics are meant to stay, so all that move in training are asked about.
    "TFC304": {"cnn", "dictionary", "gan", "frozen", "frozen_body", "mlp", "monitoring", "stuck", "undone"},
}
CRASHING = {
    *("image", "grey", "bce_scores", "listing", "recurrent", "single"),
    *("masked", "shorts", "halves", "listed", "beyond", "looked_up"),
}


def no_ops(text: str) -> Iterator[tuple[str, str]]:
    """Replacements that leave the program what it is: moved lines, a comment, a `pass`, another name, a split line."""
    lines = text.splitlines(keepends=True)
    net = next(number for number, line in enumerate(lines) if ".step(" in line or ".backward(" in line)
    indent = lines[net][: len(lines[net]) - len(lines[net].lstrip())]
    yield lines[net - 1] + lines[net], lines[net - 1] + "\n" * 3 + lines[net]
    yield lines[net - 1] + lines[net], lines[net - 1] + indent + "# nothing\n" + lines[net]
    yield lines[net - 1] + lines[net], lines[net - 1] + indent + "pass\n" + lines[net]
    yield lines[net - 1] + lines[net], lines[net - 1] + lines[net].rstrip("\n") + "  # nothing\n"
    yield text[-40:], text[-40:] + "\nunused = None\n"
    yield text[:40], "import random as _unused\n" + text[:40]
    yield text, re.sub(r"\bx\b", "renamed", text)


def _pairs(programs: Programs, program: str) -> Iterator[tuple[Unit, Variant, RunReport]]:
    files = files_of(program)
    text = files["main.py"]
    for replacement in no_ops(text):
        if text.count(replacement[0]) == 1 and replacement[0] != replacement[1]:
            made = unit(1, [Change("TFC202", (replacement,))], files)
            variant = Variant(files.__getitem__, [made])
            yield made, variant, programs.run({**files, **variant.texts}, marks=variant.marks(str), repeat=True)


def right(code: str, program: str) -> set[str]:
    """The verdicts that are true of a change that changes nothing."""
    if program in CRASHING:
        return {"CANNOT_RUN", "INCONCLUSIVE"}  # the same error, before any model ran or after
    if program == "noise" and contract_of(code).neutral:
        return {"INCONCLUSIVE"}
    allowed = {"PREMISE_ABSENT", "NOT_EXERCISED"} | ({"INCONCLUSIVE"} if program == "noise" else set())
    if code in ("TFC201", "TFC999"):
        allowed.add("EQUIVALENT")
    if code == "TFC999":
        allowed.add("INCONCLUSIVE")
    if code == "TFC401":
        allowed.add("NO_EFFECT")
    return allowed | ({"NOT_FIXED"} if program in MISTAKEN.get(code, ()) else set())


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_change_is_no_verdict(programs: Programs, program: str):
    files = files_of(program)
    before, again = (programs.run(files, repeat=True) for _ in range(2))
    count = 0
    for made, variant, after in _pairs(programs, program):
        marks = marks_before([made], files.__getitem__, str)
        assert marks.keys() == {"main.py"}
        after.hits.add(made.name)
        for code in CODES:
            asked = unit_of(made, code)
            scope = scope_of(asked, files.__getitem__, str)
            judgement = judge(asked, Comparison(before, again, after, scope, variant.back(str)))
            assert judgement.name.value in right(code, program), f"{code}: {judgement.name.value}, {judgement.reason}"
            count += 1
    assert count >= len(CODES) * 3


def unit_of(made: Unit, code: str) -> Unit:
    """The same edits as a fix of another rule."""
    return Unit(made.name, tuple(replace(finding, code=code) for finding in made.findings), made.edits)
