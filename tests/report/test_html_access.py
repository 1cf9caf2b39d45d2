"""The page for everybody: by keyboard, on a narrow screen, in the dark, on paper, read aloud, without scripts."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from html_reports import Opened
from playwright.sync_api import expect

Open = Callable[..., Opened]

pytestmark = pytest.mark.slow


def test_the_focus_can_be_seen_and_goes_in_reading_order(opened: Open):
    page = opened("few").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.parentElement.id") == "finding-1"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_the_theme_follows_the_system_and_can_be_chosen(opened: Open):
    page = opened("few", color_scheme="dark").page
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.locator("#theme").click()
    assert page.locator("#theme").inner_text() == "Theme: light"
    light = page.evaluate(background)
    assert light != dark
    page.keyboard.press("t")
    assert page.locator("#theme").inner_text() == "Theme: dark" and page.evaluate(background) == dark
    page.reload()
    assert page.locator("#theme").inner_text() == "Theme: dark", "it is remembered"


CONTRASTS = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const paint = (colour, under) => {
    canvas.fillStyle = under; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (rgb) => rgb.map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return 'white';
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.matches('.aside, title, desc, script, option')) continue;
    const style = getComputedStyle(element), under = ground(element);
    const colour = element.matches('text') ? style.fill : style.color;
    const one = light(paint(colour, under)), other = light(paint(under, under));
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    found.push([ratio, `${element.tagName} ${element.getAttribute('class')} ${element.textContent.slice(0, 30)}`]);
  }
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["few", "hostile"])
def test_every_text_stands_out_from_its_ground(opened: Open, name: str, scheme: str):
    contrasts = opened(name, color_scheme=scheme).page.evaluate(CONTRASTS)
    assert len(contrasts) > 100
    assert [found for found in contrasts if found[0] < 4.5] == []


@pytest.mark.parametrize("width", [320, 420, 800])
@pytest.mark.parametrize("name", ["few", "hostile"])
def test_a_narrow_screen_needs_no_sideways_scrolling(opened: Open, name: str, width: int):
    page = opened(name, viewport={"width": width, "height": 700}).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    figure, diff = page.locator("figure svg").first, page.locator("table.diff").first
    assert figure.bounding_box()["width"] <= width and diff.bounding_box()["width"] <= width  # type: ignore[index]


def test_before_stands_beside_after_and_on_a_narrow_screen_above_it(opened: Open):
    page = opened("few").page
    row = page.locator("table.diff tr:has(td.old):has(td.new)").first
    old, new = row.locator("td.old:not(.number)").bounding_box(), row.locator("td.new:not(.number)").bounding_box()
    assert old and new and old["y"] == new["y"] and old["x"] + old["width"] <= new["x"]
    page.set_viewport_size({"width": 400, "height": 700})
    old, new = row.locator("td.old:not(.number)").bounding_box(), row.locator("td.new:not(.number)").bounding_box()
    assert old and new and old["y"] < new["y"] and old["x"] == new["x"]


def test_all_can_be_read_without_scripts(opened: Open):
    page = opened("some", java_script_enabled=False).page
    assert page.locator(".finding > summary:visible").count() == 20
    expect(page.locator("#toolbar")).to_be_hidden()
    finding = page.locator("#finding-18")
    finding.locator("summary").first.click()
    expect(finding.locator("table.diff")).to_be_visible()
    expect(finding.locator("figure svg").first).to_be_visible()


def test_on_paper_everything_is_open(opened: Open):
    page = opened("some").page
    page.emulate_media(media="print")
    expect(page.locator("#toolbar")).to_be_hidden()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".finding:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".finding[open]").count() == 0


def test_landmarks_and_names_for_those_who_hear_the_page(opened: Open):
    page = opened("few").page
    for role, name in (("main", None), ("banner", None), ("contentinfo", None), ("search", "Findings")):
        expect(page.get_by_role(role, name=name)).to_have_count(1)  # type: ignore[arg-type]
    expect(page.get_by_role("heading", level=1)).to_have_text("torchfix report")
    expect(page.get_by_role("img", name="loss, before and after the fix").first).to_be_visible()
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5')].map((h) => +h.tagName[1])")
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_a_report_without_findings_has_no_tools(opened: Open):
    page = opened("empty").page
    expect(page.get_by_text("Nothing was found.")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
