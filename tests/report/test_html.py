"""The page without a browser: well-formed, self-contained, complete, and inert whatever texts come from outside."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree.ElementTree import Element

import html5lib
import pytest
from html_reports import many, texts_in_all_places, with_outcomes
from hypothesis import given, settings
from hypothesis import strategies as st

from torchfix_codemods.findings import Level
from torchfix_codemods.report.diff import Row
from torchfix_codemods.report.formats import writer
from torchfix_codemods.report.html.diff import pairs
from torchfix_codemods.report.html.explain import explanations, rendered
from torchfix_codemods.report.html.markup import Markup, marked, tag
from torchfix_codemods.report.model import Report
from torchfix_codemods.report.outcome import Status
from torchfix_codemods.rules import RULES
from torchfix_codemods.source.errors import printable

CORPUS = Path(__file__).parent.parent.parent / "corpus"
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=40)
#: What is decoded, or written in a notebook that can be run, holds no lone surrogates; a file name may.
CODE = st.text(max_size=40)
HOSTILE = "</script><img src=x onerror=alert(1)>'\"`&lt;\u202e\x00\x1b\ud800\r\n"


def page(report: Report) -> str:
    return writer("html")(*with_outcomes(report))


def tree(text: str) -> Element:
    """The document; raises for every error that the HTML standard knows."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)


def said(element: Element) -> str:
    return "".join(element.itertext())


@pytest.fixture(scope="module")
def large() -> Element:
    return tree(page(many(60)))


def test_the_page_is_well_formed(large: Element):
    assert len(large.findall(".//details[@class='finding']")) == 60


def test_names_are_unique_and_what_points_at_them_finds_them(large: Element):
    names = [element.get("id") for element in large.iter() if element.get("id")]
    assert len(names) == len(set(names))
    links = [element.get("href") for element in large.iter("a")]
    labels = [name for element in large.iter() for name in (element.get("aria-labelledby") or "").split()]
    assert len(links) > 60 and all(link.startswith("#") for link in links)
    assert {link[1:] for link in links} | set(labels) <= set(names)


def test_the_words_of_levels_and_verdicts_are_explained(large: Element):
    legends = [said(element) for element in large.findall(".//details[@class='legend']")]
    assert len(legends) == 2
    assert all(level.label in legends[0] for level in Level) and "numbers change on purpose" in legends[0]
    assert "improved" in legends[1] and "it did worse with the fix" in legends[1]


def test_the_policy_lets_in_our_style_and_script_and_nothing_else(large: Element):
    (policy,) = (m.get("content") for m in large.iter("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; ")
    for kind, name in (("style", "style-src"), ("script", "script-src")):
        (element,) = large.iter(kind)
        digest = base64.b64encode(hashlib.sha256(said(element).encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy
    assert "unsafe" not in policy and "http" not in policy


def test_nothing_is_loaded_and_nothing_runs_from_an_attribute(large: Element):
    loading = ("src", "srcset", "data", "action", "formaction", "background", "poster", "style")
    for element in large.iter():
        assert element.tag not in ("link", "img", "iframe", "object", "embed", "base")
        assert not any(name in loading or name.startswith("on") for name in element.attrib)
    own = "".join(said(element) for kind in ("style", "script") for element in large.iter(kind))
    assert len(own) > 10_000 and not re.search(r"url\(|@import|https?:|fetch|XMLHttp|innerHTML|eval\(", own)


# --- hostile texts ---------------------------------------------------------------------------------------------------


@given(ANYTHING)
def test_any_text_comes_out_as_itself_or_as_escapes(text: str):
    (element,) = html5lib.parseFragment(tag("p", text, "!", title=f"{text}!"), namespaceHTMLElements=False)
    assert (element.tag, len(element)) == ("p", 0)
    assert said(element) == element.get("title") == printable(text) + "!"


@given(st.lists(ANYTHING, min_size=1, max_size=5))
def test_marks_leave_a_line_as_it_is(parts: list[str]):
    line = "".join(parts)
    ends = [sum(map(len, parts[: number + 1])) for number in range(len(parts))]
    element = html5lib.parseFragment(tag("code", marked(line, pairwise(ends))))
    assert said(element) == said(html5lib.parseFragment(tag("code", marked(line, []))))


@given(ANYTHING, CODE)
@settings(max_examples=30, deadline=None)
def test_texts_from_outside_are_inert_in_all_places(text: str, code: str):
    written = page(texts_in_all_places(text, code))
    assert all(c.isprintable() or c in "\n\t" for c in written)
    document = tree(written)
    ours = tree(page(texts_in_all_places("word", code)))
    assert {element.tag for element in document.iter()} == {element.tag for element in ours.iter()}
    assert len(list(document.iter("script"))) == len(list(document.iter("style"))) == 1


def test_what_a_hostile_text_says_can_be_read():
    line = "</code><script>alert(1)</script>\u202e\x1b"
    document = tree(page(texts_in_all_places(HOSTILE, f"x = '{line}'")))
    shown = printable(HOSTILE)
    assert "\\u202e" in shown
    message = document.find(".//summary/span[@class='message']")
    assert message is not None and said(message) == shown
    assert [said(e) for e in document.iterfind(".//pre/code")].count(f"x = '{printable(line)}'") >= 1
    assert not list(document.iter("img"))


def test_markup_that_is_added_to_is_an_ordinary_text_again():
    assert tag("b", Markup("<i>") + "<u>") == "<b>&lt;i&gt;&lt;u&gt;</b>"


# --- explanations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_reason_of_every_rule_is_explained(rule):
    told = html5lib.parseFragment(explanations([rule.name])[rule.name], namespaceHTMLElements=False)
    first = re.sub(r"[`*]", "", rule.page().sections["Why"]).split()[:8]
    assert said(told).split()[:8] == first


def test_markdown_brings_neither_elements_nor_pictures_nor_scripts():
    text = (
        "<script>alert(1)</script>\n\n![a](http://x/y.png) [b](javascript:alert(1)) <b onclick=x>c</b>\n\n### d\u202e"
    )
    told = html5lib.parseFragment(rendered(text), namespaceHTMLElements=False)
    assert {element.tag for element in told.iter()} <= {"DOCUMENT_FRAGMENT", "p", "a", "h5"}
    assert all(not (element.get("href") or "").startswith("javascript") for element in told.iter("a"))
    assert "d\\u202e" in said(told)


@given(ANYTHING)
def test_any_markdown_is_inert(text: str):
    told = html5lib.parseFragment(rendered(text), namespaceHTMLElements=False)
    assert not {element.tag for element in told.iter()} & {"script", "img", "style", "iframe", "svg"}


# --- content ---------------------------------------------------------------------------------------------------------


def test_a_finding_says_all_that_is_known_of_it(large: Element):
    _, results = with_outcomes(many(60))
    outcome = next(outcome for outcome in results if outcome.shown is not None and outcome.finding.fix is not None)
    (element,) = (e for e in large.iterfind(".//details[@class='finding']") if outcome.finding.message in said(e[0]))
    text = said(element)
    shown = outcome.shown
    assert shown is not None and outcome.finding.fix is not None
    wanted = [outcome.place, outcome.finding.code, outcome.finding.rule, outcome.finding.fix.title, shown.reason]
    wanted += [told for step in outcome.steps for told in step]
    wanted += [shown.evidence[0].what, shown.evidence[0].before, *shown.caveats, shown.script, shown.repeat]
    assert [told for told in wanted if told not in text] == []
    assert {e.get("data-status") for e in [element]} == {outcome.status.value}
    assert len(element.findall(".//figure")) == len(shown.series)
    assert len(element.findall(".//table[@class='diff']")) == 1


def test_what_has_no_fix_is_listed_with_its_reason(large: Element):
    _, results = with_outcomes(many(60))
    rows = large.findall(".//section[@id='unfixed']//tbody/tr")
    unfixed = [outcome for outcome in results if outcome.status not in (Status.FIXED, Status.FIXABLE)]
    assert sorted(said(row[0]) for row in rows) == sorted(outcome.place for outcome in unfixed)
    reasons = {said(row[3]) for row in rows}
    assert {outcome.why for outcome in unfixed} == reasons and "" not in reasons


def test_what_was_not_looked_at_is_said():
    document = tree(page(texts_in_all_places("word", "x = 1")))
    for name in ("unfixed", "runs", "skipped", "left-out", "problems", "warnings"):
        section = document.find(f".//section[@id='{name}']")
        assert section is not None and "word" in said(section), name
    tiles = [" ".join(said(tile).split()) for tile in document.iterfind(".//li") if "tile" in tile.get("class", "")]
    assert {"2 findings", "1 file skipped", "2 of 3 files analysed", "1 suppressed"} <= set(tiles)


def test_a_report_without_findings_says_so():
    assert "Nothing was found." in said(tree(page(Report("0", 2, (), (), {}))))
    assert "Nothing was analysed." in said(tree(page(Report("0", 0, (), (), {}))))


ROWS = st.lists(
    st.builds(Row, st.sampled_from(" -+"), st.just(1), st.just(1), st.sampled_from(["a", " a", "b", "c", ""]))
)


@given(ROWS)
def test_two_columns_hold_all_rows_in_their_order(rows: list[Row]):
    columns = list(pairs(rows))
    assert [old for old, _ in columns if old is not None] == [row for row in rows if row.tag in " -"]
    assert [new for _, new in columns if new is not None] == [row for row in rows if row.tag in " +"]


def test_a_line_that_is_indented_anew_stands_beside_itself():
    old = [Row("-", n, None, f"    line {n}") for n in (1, 2)]
    new = [Row("+", None, 1, "    with no_grad():"), *(Row("+", None, n + 1, f"        line {n}") for n in (1, 2))]
    assert list(pairs([*old, *new])) == [(None, new[0]), (old[0], new[1]), (old[1], new[2])]


@pytest.mark.slow
def test_the_page_of_a_real_verification(tmp_path: Path):
    target = tmp_path / "page.html"
    program = shutil.copytree(CORPUS / "cnn_latin1" / "before", tmp_path / "program")
    command = [sys.executable, "-m", "torchfix_codemods", "verify", ".", "-q", "--report", str(target)]
    done = subprocess.run(command, cwd=program, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    document = tree(target.read_text(encoding="utf-8"))
    assert {said(e) for e in document.iterfind(".//figcaption/strong")} >= {"loss", "gradient norm"}
    softmax = document.find(".//details[@data-code='TFC101']")
    assert softmax is not None and softmax.get("data-verdict") == "CHANGED_AS_INTENDED"
    kinds = [path.get("class") for path in softmax.iterfind(".//figure//{*}path")]
    assert kinds.count("line before") == kinds.count("line after") >= 2
    assert "# à la fin" in said(softmax)
