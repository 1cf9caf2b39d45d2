"""The report as JUnit XML, which Jenkins, GitLab and others show as test results.

A suite for each file with findings, in it a failed case for each that is still there. The suite `torchfix` is about the
run: it passes where files were analysed, names those that were not as skipped, and has an error for a rule that failed.
Names of cases hold no line numbers, so that a reader recognises them in the next run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from torchfix_codemods.report.file_places import FilePlaces
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Outcome, Status
from torchfix_codemods.report.text import count, finding_lines
from torchfix_codemods.source.errors import printable

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

#: Of these nothing is left in the files.
_GONE = frozenset((Status.FIXED, Status.SOLVED))


def write_junit(report: Report, results: Sequence[Outcome]) -> str:
    """The report as XML in UTF-8, with a final newline; `time` is seconds."""
    from xml.etree.ElementTree import indent, tostring

    seconds = f"{sum(report.timings.values()):.3f}"
    root = _element("testsuites", name="torchfix", time=seconds)
    root.append(_suite("torchfix", _of_run(report), time=seconds))
    ordered = sorted(results, key=lambda outcome: outcome.path)
    places = FilePlaces(report)
    for path, own in groupby(ordered, key=lambda outcome: outcome.path):
        root.append(_suite(path, _of_file(own, places)))
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(name: str, cases: Iterator[Element], **attributes: str) -> Element:
    """A suite with unlike names of its cases and their numbers."""
    suite = _element("testsuite", name=name, **attributes)
    seen: Counter[str] = Counter()
    for case in cases:
        title = case.get("name", "")
        seen[title] += 1
        if seen[title] > 1:
            case.set("name", f"{title} ({seen[title]})")
        suite.append(case)
    suite.set("tests", str(len(suite)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))
    return suite


def _of_run(report: Report) -> Iterator[Element]:
    analysed = _element("testcase", classname="torchfix", name="files analysed")
    if report.analysed:
        _add(analysed, "system-out", f"{count(report.analysed, 'file')} analysed of {report.seen}")
    else:
        _add(analysed, "skipped", "", message="no file was analysed")
    if report.warnings:
        _add(analysed, "system-err", "\n".join(report.warnings))
    yield analysed
    for skipped in report.skipped:
        told = f"{skipped.reason}: {skipped.detail}" if skipped.detail else skipped.reason
        yield _skipped(skipped.path, skipped.path, told)
    for item in report.left_out:
        yield _skipped(f"{item.path}, cell {item.cell}", item.path, f"{item.reason}: {item.detail}")
    for problem in report.problems:
        case = _element("testcase", classname="torchfix.problems", name=f"{problem.rule} on {problem.path}")
        _add(case, "error", problem.detail, message=f"rule {problem.rule} failed", type="rule-failed")
        yield case


def _skipped(name: str, path: str, told: str) -> Element:
    case = _element("testcase", classname="torchfix.skipped", name=name, file=path)
    _add(case, "skipped", "", message=told)
    return case


def _of_file(results: Iterator[Outcome], places: FilePlaces) -> Iterator[Element]:
    for outcome in results:
        finding, region = outcome.finding, places.of(outcome)
        line = {"line": str(region.start_line)} if region else {}
        name = f"{finding.code} {finding.rule}"
        case = _element("testcase", classname=outcome.path, name=name, file=outcome.path, **line)
        text = "\n".join(finding_lines(outcome))
        if outcome.status in _GONE:
            _add(case, "system-out", text)
        else:
            _add(case, "failure", text, message=finding.message, type=finding.level.label)
        yield case


def _add(case: Element, tag: str, text: str, **attributes: str) -> None:
    child = _element(tag, **attributes)
    child.text = "\n".join(_clean(line) for line in text.splitlines())
    case.append(child)


def _element(tag: str, **attributes: str) -> Element:
    from xml.etree.ElementTree import Element

    return Element(tag, {name: _clean(value) for name, value in attributes.items()})


def _clean(text: str) -> str:
    """One line of text. What XML cannot hold (control characters, surrogates) is not printable, so it is an escape."""
    return printable(text)
