"""Reports for the tests of the writers: of files that were analysed, and one finding with any text in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st
from notebooks import notebook
from toy_rules import TOYS

from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.findings import Edit, Finding, Fix, Level, Location, Skipped, Step
from torchfix_codemods.pipeline import Analysis, Request, analyse, make_plan, report_of
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome, Status, because, outcomes
from torchfix_codemods.rules.rule import Rule
from torchfix_codemods.verify.model import Evidence, ScriptRun, Verdict, VerdictName, Verification

#: Any text, lone surrogates too: names of files that are not UTF-8 hold them.
ANY = st.text(st.characters())
PATHS = st.text(st.characters(), min_size=1)

#: Every kind of finding, in every kind of file that has its own way of counting.
FILES: Mapping[str, bytes] = {
    "a.py": b"x = old_word  # kept\nprint(chain_3, old_word)\n",
    "windows.py": "'\U0001d400é' or old_word\r\nold_word\r\n".encode(),
    "bom.py": b"\xef\xbb\xbfold_word\n",
    "latin.py": "# coding: latin-1\n'é' or old_word\n".encode("latin-1"),
    "here.py": b"(pair_here,\n pair_here)\n",
    "there.py": b"if 1:\n\tpair_there\n",
    "sub folder/b.py": b"maybe_word\nhopeless_word\nbreak_word\n",
    "100%,a:b\n::error::\udce9.py".encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape"): b"old_word\n",
    "raises.py": b"raise_word\n",
    "bad.py": b"def (:\n",
    "book.ipynb": notebook("x = 1\n'\U0001d400' or old_word\n", "%time old_word\nprint(old_word,\n      maybe_word)"),
    "tight.ipynb": notebook("'é' or old_word", "\nmaybe_word", indent=None, ensure_ascii=True),
}


def analysed(folder: Path, files: Mapping[str, bytes] = FILES, rules: Sequence[Rule] = TOYS) -> Analysis:
    """The analysis of these files, written into the folder."""
    for name, raw in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    return analyse(Request((".",), folder, tuple(rules)))


def everything(
    folder: Path, files: Mapping[str, bytes] = FILES, rules: Sequence[Rule] = TOYS
) -> tuple[Report, list[Outcome]]:
    """A report with a plan, and what became of each finding."""
    analysis = analysed(folder, files, rules)
    report = report_of(analysis, make_plan(analysis), exit_code=2)
    return report, outcomes(report)


def check_seed(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """`seed_word` -> `old_word`: a fix that uncovers a finding."""
    for start in (match.start() for match in re.finditer("seed_word", file.text)):
        fix = Fix("sow", (Edit(file.path, start, start + 9, "old_word"),))
        yield Finding("toy-seed", "TOY100", Level.BEHAVIOR, Location(file.path, start, start + 9), "m", (), fix)


SEED = Rule("TOY100", "toy-seed", "seeds", Level.BEHAVIOR, check_seed)


def with_verdict(report: Report, name: VerdictName) -> tuple[Report, list[Outcome]]:
    """The same report after runs that showed this about the first fix, which is not made yet."""
    first = next(finding for finding in report.findings if finding.fix)
    evidence = (Evidence("loss", "1.6\n::error::x", "0.4"),)
    shown = Verdict(first.id, name, "why {0}", evidence, ("a note",), "train.py", "cpu", "none", 1.5, "torchfix verify")
    ran = ScriptRun("train.py", ("--epochs", "1"), "finished", 3, 1.5)
    told = replace(report, verification=Verification({first.id: shown}, (ran,)))
    status, why = (Status.WITHHELD, because(shown)) if shown.withheld else (Status.FIXABLE, "")
    return told, [replace(o, status=status, why=why) if o.finding.id == first.id else o for o in outcomes(told)]


def made_up(message: str = "m", path: str = "a.py", text: str = "x\n", level: Level = Level.BEHAVIOR) -> Report:
    """A report of one finding at the first line of a text, with these words in all its places."""
    end = len(text.split("\n")[0].split("\r")[0])
    place = Location(path, 0, end)
    fix = Fix(message, (Edit(path, 0, end, text),))
    finding = Finding("some-rule", "TFC999", level, place, message, (Step(place, message),), fix, id="1" * 16)
    skipped = (Skipped(path, "syntax-error", message),)
    return Report("0.1.0", 2, skipped, (finding,), {path: text}, warnings=(message,))
