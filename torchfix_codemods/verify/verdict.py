"""From runs to a verdict, in a fixed order of questions, so that a crash is never taken for a success.

Could it run? Did both end well? Did the changed lines run? Is the program the same as itself? Then the rule's contract.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence
from dataclasses import replace

from torchfix_codemods.verify.comparison import Comparison
from torchfix_codemods.verify.contracts import Contract, contract_of
from torchfix_codemods.verify.invariants import Judgement, less_training
from torchfix_codemods.verify.model import VERIFIED, Evidence, VerdictName
from torchfix_codemods.verify.runs import Failure, RunReport
from torchfix_codemods.verify.units import Unit

#: Errors of what is written in a program, or of versions of what it uses.
_NO_SETTING_HELPS = ("NameError", "UnboundLocalError", "AttributeError", "TypeError", "NotImplementedError")


def cause_of(run: RunReport) -> str:
    """Why a program cannot be run at all, with what would help; "" where it can."""
    failure = run.failure
    if run.ended_well or run.worked:
        return ""
    if failure is None:
        return _unsaid_cause(run)
    if failure.kind in ("ModuleNotFoundError", "ImportError"):
        return _import_cause(failure)
    if failure.kind == "SystemExit":
        return _exit_cause(run)
    if failure.kind == "SyntaxError":
        return f"Python refuses the text: {failure}"
    if failure.kind == "PrepareFailed":
        return f"a command of prepare fails: {failure.message}"
    if failure.kind == "NoDevice":
        return f"{failure.message} (--device cpu-redirect runs it on the CPU)"
    if refused := [what for kind, what, _ in run.notes if kind == "blocked"]:
        return f"the sandbox refused: {refused[-1]}; then {failure} ({_keys('files', 'args')})"
    if failure.kind in ("FileNotFoundError", "NotADirectoryError"):
        return f"{failure} ({_file_keys(failure)})"
    if "allocate memory" in failure.message or failure.kind in ("MemoryError", "OutOfMemoryError"):
        return f"it wants more memory than it is given: {failure} ({_keys('memory', 'args')})"
    if failure.kind == "EOFError":
        return f"it asks for input: {failure} ({_keys('args')})"
    if failure.kind in _NO_SETTING_HELPS:
        return (
            f"before any model ran: {failure} (to be repaired in the program, or for older versions {_keys('python')})"
        )
    return f"before any model ran: {failure} ({_keys('args', 'files', 'env')})"


def _unsaid_cause(run: RunReport) -> str:
    """Why a run without an exception ended before a model ran."""
    if run.status == "exit":
        return ""
    if run.status == "killed" and run.signal_number and not run.overdue:
        return f"killed by {_signal_name(run.signal_number)} before any model ran ({_keys('memory', 'args')})"
    if run.status == "killed" and not run.overdue:
        return "it ended without a word before any model ran (a program that ends its parent does)"
    return f"nothing was trained or evaluated before the time limit ({_keys('seconds')})"


def _signal_name(number: int) -> str:
    """`SIGSEGV`; the number for a signal that has no name here."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _import_cause(failure: Failure) -> str:
    """A module may be missing as a whole, in part (to be built by the project), or be of another age."""
    name = failure.missing or failure.message
    if failure.kind == "ImportError":
        return f"{failure} (install another version for that interpreter; {_keys('python')})"
    if name.startswith("torch."):
        return f"this torch has no {name} ({_keys('python')}: an interpreter with an older one)"
    if "." in name:
        return f"the module {name!r} is missing from its package ({_keys('prepare')} if it has to be built)"
    return f"the module {name!r} is missing (install it for that interpreter; {_keys('python')})"


def _keys(*names: str) -> str:
    """Which settings may help, for people."""
    *others, last = (f"{name} = ..." for name in names)
    listed = f"{', '.join(others)} or {last}" if others else last
    return f"{listed} in [tool.torchfix.verify]"


def _file_keys(failure: Failure) -> str:
    """What helps where a file is missing; one that is there outside of the copy only has to be named."""
    named = re.search(r"'(/[^']+)'$", failure.message)
    if named is not None and os.path.exists(named[1]):
        return f'runs see only their copy of the project: files = ["{named[1]}"] in [tool.torchfix.verify] shows it'
    return _keys("files", "prepare", "args")


def _exit_cause(run: RunReport) -> str:
    usage = [line for line in run.output.strip().splitlines() if "error:" in line or "usage:" in line.lower()]
    said = usage[-1].strip() if usage else (run.output.strip().splitlines() or [""])[-1]
    return f"it ends at once with code {run.why}: {said[:160]} ({_keys('args')})"


_NOISY = "the unchanged program differs from itself from run to run, also under fixed seeds"


def judge(unit: Unit, comparison: Comparison) -> Judgement:
    """The verdict for one unit that was run alone, or in a group whose training stayed as it was."""
    contract = contract_of(unit.code)
    before, after = comparison.before, comparison.after
    judgement = (
        _cannot(before, after)
        or _before_the_same_crash(unit, contract, comparison)
        or _crashes(contract, comparison)
        or _not_exercised(unit, before, after)
        or _noise(contract, comparison)
        or _undoubted(contract.judge(comparison), comparison)
    )
    return _capped(judgement, before)


def _cannot(before: RunReport, after: RunReport) -> Judgement | None:
    cause = cause_of(before)
    if cause and not after.ended_well and _is_same_failure(before.failure, after.failure):
        return Judgement(VerdictName.CANNOT_RUN, cause)
    return None


def _is_same_failure(one: Failure | None, other: Failure | None) -> bool:
    """Whether both runs end with the same error; where it is another one, the fix had to do with it."""
    if one is None or other is None:
        return one is other
    return (one.kind, one.message) == (other.kind, other.message)


def _before_the_same_crash(unit: Unit, contract: Contract, comparison: Comparison) -> Judgement | None:
    """What is seen until a program ends with one and the same error before and after: told, and never a success.

    Old programs train, evaluate, and raise when they save a picture. What isn't seen by then might have come later.
    """
    before, after = comparison.before, comparison.after
    if before.failure is None or not _is_same_failure(before.failure, after.failure):
        return None
    if _not_exercised(unit, before, after) or _noise(contract, comparison):
        return None
    seen = _undoubted(contract.judge(comparison), comparison)
    if seen.name not in VERIFIED and seen.name is not VerdictName.REGRESSED:
        return None
    name = VerdictName.INCONCLUSIVE if seen.name in VERIFIED else seen.name
    reason = f"it ends with an error before and after, {before.failure}; until there: {seen.reason}"
    return replace(seen, name=name, reason=reason)


def _crashes(contract: Contract, comparison: Comparison) -> Judgement | None:
    """The pair of ends: new crashes regress, two crashes say nothing, and one that went must be the rule's own."""
    before, after = comparison.before, comparison.after
    evidence = (Evidence("ends", _ending(before), _ending(after)),)
    late = (after.status == "killed" and not after.died) or (after.timed_out and not before.timed_out)
    if before.ended_well and after.ended_well and not late:
        return None
    if before.ended_well:
        if late:  # may be the machine's doing
            return Judgement(VerdictName.INCONCLUSIVE, "the changed program did not end within its time", evidence)
        return Judgement(VerdictName.REGRESSED, f"it raises now: {_ending(after)}", evidence)
    if not after.ended_well:
        another = after.failure is not None and not _is_same_failure(before.failure, after.failure)
        if another and _progress(after) < _progress(before):
            return Judgement(VerdictName.REGRESSED, f"it raises earlier now: {_ending(after)}", evidence)
        return Judgement(VerdictName.INCONCLUSIVE, _both_fail(before, after), evidence)
    failure = before.failure
    if failure is None or not (failure.kind == "SyntaxError" or _is_own(contract, failure, comparison)):
        reason = "an error is gone that is not the one of this rule"
        return Judgement(VerdictName.INCONCLUSIVE, reason, evidence)
    uncured = less_training(comparison) or (contract.cured(comparison) if failure.kind != "SyntaxError" else None)
    return uncured or Judgement(VerdictName.FIXED_CRASH, f"it raised {failure.kind}, and runs now", evidence)


def _progress(run: RunReport) -> int:
    """How far a run came, in backwards and steps: a fix may take forwards away."""
    return len(run.backwards) + len(run.steps)


def _both_fail(before: RunReport, after: RunReport) -> str:
    """A program may count on all that a loop makes: what was cut short is said, it may be the error's cause."""
    told = f"it ends with an error before and after: {_ending(after)}"
    return f"{told} (loops were cut short: try larger --inner and --outer)" if before.cuts else told


def _is_own(contract: Contract, failure: Failure, comparison: Comparison) -> bool:
    """Whether an exception is of a kind that the rule is about, from lines that the fix is about.

    One that is named with its message may come from anywhere.
    """
    named = (entry.partition(": ") for entry in contract.crashes)
    if any(kind == failure.kind and message and message in failure.message for kind, _, message in named):
        return True
    refused = contract.asserts and failure.asserted
    if not (refused or failure.kind in contract.crashes) or failure.place is None:
        return False
    path, line = comparison.front(failure.place)
    return any(first <= line <= last for first, last in comparison.scope.get(path, ()))


def _ending(run: RunReport) -> str:
    if run.failure is not None:
        return str(run.failure)
    if run.status == "killed":
        return f"killed by {_signal_name(run.signal_number)}" if run.signal_number and not run.overdue else "killed"
    return f"{run.status} ({run.why})" if run.why else run.status


def _not_exercised(unit: Unit, before: RunReport, after: RunReport) -> Judgement | None:
    if unit.name in before.hits or unit.name in after.hits:
        return None
    if not before.worked:
        reason = f"nothing was trained or evaluated in the run ({_keys('args')})"
        return Judgement(VerdictName.NOT_EXERCISED, reason)
    further = f"; loops were cut short ({_keys('inner', 'outer')})" if before.cuts else ""
    return Judgement(VerdictName.NOT_EXERCISED, f"the changed lines never ran{further}")


def _noise(contract: Contract, comparison: Comparison) -> Judgement | None:
    if not comparison.noisy or not contract.neutral:
        return None
    return Judgement(VerdictName.INCONCLUSIVE, _NOISY)


def _undoubted(judgement: Judgement, comparison: Comparison) -> Judgement:
    """What counts against a fix must not be what the unchanged program does by chance."""
    if comparison.noisy and judgement.name is VerdictName.REGRESSED:
        return Judgement(VerdictName.INCONCLUSIVE, f"{_NOISY}; once {judgement.reason}", judgement.evidence)
    return judgement


def _capped(judgement: Judgement, before: RunReport) -> Judgement:
    """No claim of a better number where mixed precision was switched off for the run."""
    if judgement.name is VerdictName.IMPROVED and any(kind == "amp" for kind, _, _ in before.notes):
        return replace(judgement, name=VerdictName.CHANGED_AS_INTENDED)
    return judgement


_TOLD = {
    "dataset": "synthetic data for {}",
    "torchvision": "torchvision: {}",
    "inert": "{} did nothing",
    "folder": "missing folder made: {}",
    "text": "synthetic text for {}",
    "weights": "random weights for {}",
    "legacy": "shim for old code: {}",
    "amp": "mixed precision off",
    "batch": "{}",
    "loader": "{}",
    "loop": "{}: the program needs them",
    "gpu": "the GPU was not used: {}",
    "redirect": "CUDA redirected to the CPU: {}",
    "blocked": "the sandbox refused {}",
    "seed": "overridden: {}",
    "terminal": "a terminal was pretended",
    "program": "it started {}",
}


def caveats_of(runs: Sequence[RunReport]) -> tuple[str, ...]:
    """What the runs needed that the program did not bring, one line for each kind."""
    kinds: dict[str, dict[str, None]] = {}
    for run in runs:
        for kind, what, _ in run.notes:
            kinds.setdefault(kind, {})[what] = None
    return tuple(_TOLD.get(kind, kind + ": {}").format(", ".join(whats)) for kind, whats in kinds.items())
