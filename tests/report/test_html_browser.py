"""The page in a browser: it is there soon, and finds, groups and opens what it is asked for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from html_reports import Opened, many, with_outcomes
from playwright.sync_api import Page, expect

from torchfix_codemods.report.outcome import Status

MANY = 500
SOON = 2.0  # seconds
Open = Callable[..., Opened]

pytestmark = pytest.mark.slow


def shown(page: Page) -> int:
    return page.locator(".finding:visible").count()


def choose(page: Page, **values: str) -> None:
    for name, value in values.items():
        page.locator(f"select[name={name}]").select_option(value)


def test_five_hundred_findings_are_there_soon(opened: Open, files: Callable[[str], Path]):
    files("many")
    times = []
    for _ in range(3):  # the best of three: a busy machine is no slow page
        started = time.monotonic()
        page = opened("many").page
        choose(page, level="behavior")
        expect(page.locator("#shown")).to_have_text(f"{MANY // 4} of {MANY} shown")
        times.append(time.monotonic() - started)
    assert min(times) < SOON


def test_filters_work_together_and_their_counts_are_right(opened: Open):
    _, results = with_outcomes(many(MANY))
    page = opened("many").page
    assert shown(page) == MANY
    rule, level, verdict = "retain-graph", "suggestion", "IMPROVED"
    first = [o for o in results if o.finding.rule == rule]
    assert f"({len(first)})" in page.locator(f"select[name=rule] option[value={rule}]").inner_text()
    choose(page, rule=rule)
    assert shown(page) == len(first) > 1
    choose(page, rule="", level=level)
    second = [o for o in results if o.finding.level.label == level]
    assert shown(page) == len(second)
    choose(page, verdict=verdict)
    third = [o for o in second if o.shown is not None and o.shown.name.value == verdict]
    assert shown(page) == len(third) > 0
    choose(page, rule=third[0].finding.rule)
    fourth = [o for o in third if o.finding.rule == third[0].finding.rule]
    assert shown(page) == len(fourth) > 0
    expect(page.locator("#shown")).to_have_text(f"{len(fourth)} of {MANY} shown")
    page.locator("#clear").click()
    assert shown(page) == MANY
    choose(page, status=Status.NO_FIX.value)
    assert shown(page) == Counter(o.status for o in results)[Status.NO_FIX]


def test_the_search_looks_for_all_words_in_messages_places_and_code(opened: Open):
    page = opened("many").page
    for words, number in (
        ("finding 123.", 1),
        ("PART_007.PY", 9),
        ("renamed 123.", 1),
        ("renamed 124.", 0),
        ("no-such-word", 0),
    ):
        page.locator("#search").fill(words)
        assert shown(page) == number, words
    expect(page.locator("#no-match")).to_be_visible()
    page.locator("#search").fill("renamed finding 121.")  # of a diff and of a message
    assert shown(page) == 1
    page.locator("#search").fill("")
    assert shown(page) == MANY


def test_groups_by_file_hold_the_same_findings(opened: Open):
    page = opened("many").page
    by_rule = page.locator(".group").count()
    page.locator("input[name=group][value=file] + span").click()
    assert page.locator(".group").count() == -(-MANY // 9) != by_rule
    assert shown(page) == MANY
    heading = page.locator(".group h3").nth(1)
    assert heading.inner_text().split() == ["project/part_001.py", "9"]
    choose(page, level="equivalent")
    assert heading.inner_text().split() == ["project/part_001.py", "2", "of", "9"]
    page.locator(".bars.rules a").first.click()  # a rule of the overview: its group is there again
    expect(page.locator(".group")).to_have_count(by_rule)  # the browser tells of a new address later
    expect(page.locator("#rule-TFC101-softmax-before-cross-entropy")).to_be_in_viewport()


def test_a_link_to_a_finding_opens_it_even_where_a_filter_hides_it(opened: Open):
    page = opened("many").page
    choose(page, level="equivalent")
    link = page.locator("#unfixed tbody a").first
    target = page.locator(link.get_attribute("href") or "")
    assert target.get_attribute("open") is None
    choose(page, level=next(o for o in ("behavior", "equivalent") if o != target.get_attribute("data-level")))
    expect(target).to_be_hidden()
    link.click()
    expect(target.locator(".body")).to_be_visible()


def focused(page: Page) -> str:
    return page.evaluate("document.activeElement.closest('.finding')?.id ?? document.activeElement.id")


def test_keys(opened: Open):
    page = opened("many").page
    page.keyboard.press("/")
    assert focused(page) == "search"
    page.keyboard.type("jk")
    assert page.locator("#search").input_value() == "jk"
    page.locator("#search").fill("")
    page.keyboard.press("Escape")
    order = [f"finding-{number}" for number in (1, 18, 35)]  # by rule: there are 17
    for name in order:
        page.keyboard.press("j")
        assert focused(page) == name
    page.keyboard.press("k")
    assert focused(page) == order[1]
    finding = page.locator(f"#{order[1]}")
    for key in ("Enter", "Enter", "Space"):
        was = finding.get_attribute("open")
        page.keyboard.press(key)
        assert (finding.get_attribute("open") is None) != (was is None)
    page.keyboard.press("g")
    assert page.locator("input[name=group]:checked").get_attribute("value") == "file"
    page.keyboard.press("j")
    assert focused(page) == "finding-19", "in the other groups it goes on from where it was"
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.locator("#use-keys").uncheck()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("j")
    assert focused(page) != "finding-20", "keys can be switched off"


def test_hostile_texts_do_nothing(opened: Open):
    page = opened("hostile").page
    assert page.title() == "torchfix report"
    assert page.locator("img").count() == 0 and page.locator("script").count() == 1
    assert "</script><img src=x onerror=" in page.locator(".message").first.inner_text()
    page.locator("input[name=group][value=file] + span").click()
    assert shown(page) == 2


def test_open_all_opens_what_is_shown(opened: Open):
    page = opened("many").page
    page.locator("#search").fill("part_003.py")
    page.locator("#toggle-all").click()
    assert page.locator(".finding[open]").count() == 9
    expect(page.locator("#toggle-all")).to_have_text("Close all")
    page.locator("#toggle-all").click()
    assert page.locator(".finding[open]").count() == 0
