"""Pictures of what people see: the page of a verified program, and the pull request that would be opened for it.

    python scripts/screenshots.py FOLDER [PROGRAM]

PROGRAM is one of `corpus/` (default: fcn_trainer, with fixes of three rules). Needs the development environment and a
Chromium on PATH or in $TORCHFIX_CHROMIUM. Written are page.html, page-light.png, page-dark.png, page-narrow.png,
pull-request.md and pull-request.png.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from markdown_it import MarkdownIt
from playwright.sync_api import Browser, sync_playwright

CORPUS = Path(__file__).resolve().parent.parent / "corpus"
VIEWS = {"light": (1280, "light"), "dark": (1280, "dark"), "narrow": (390, "light")}
_PERSON = ("-c", "user.name=person", "-c", "user.email=person@example.org")
_FRAME = "<meta charset=utf-8><body style='font: 15px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto'>"


def main(target: Path, program: str) -> None:
    """Make all of them in a folder that may be new."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        _report(Path(place, "repository"), CORPUS / program / "before", target)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        for name, (width, scheme) in VIEWS.items():
            _picture(browser, target / "page.html", target / f"page-{name}.png", width, scheme)
        body = MarkdownIt("gfm-like", {"linkify": False, "html": True}).render((target / "pull-request.md").read_text())
        (target / "pull-request.html").write_text(_FRAME + body)
        _picture(browser, target / "pull-request.html", target / "pull-request.png", 1100, "light")
        browser.close()


def _report(repository: Path, program: Path, target: Path) -> None:
    """The page, and the text of the dry run, of a program in a repository of its own."""
    shutil.copytree(program, repository)
    for words in (["init", "-q"], ["add", "-A"], [*_PERSON, "commit", "-qm", "Begin"]):
        subprocess.run(["git", *words], cwd=repository, check=True)
    torchfix = [sys.executable, "-m", "torchfix_codemods"]
    reports = ["--report", str(target / "page.html"), "--report", str(target / "report.json")]
    subprocess.run([*torchfix, "verify", ".", "--quiet", *reports], cwd=repository, check=True)
    dry = [*torchfix, "pr", "--report", str(target / "report.json"), "--dry-run", "--repository", "owner/name"]
    said = subprocess.run(dry, cwd=repository, check=True, capture_output=True, text=True).stdout
    (target / "pull-request.md").write_text(said.partition("<!-- torchfix:")[0])


def _chromium() -> str:
    found = os.environ.get("TORCHFIX_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        raise SystemExit("there is no chromium on PATH, nor in TORCHFIX_CHROMIUM")
    return found


def _picture(browser: Browser, page: Path, picture: Path, width: int, scheme: str) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    tab.goto(page.resolve().as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
    tab.screenshot(path=str(picture), full_page=True)
    context.close()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) == 3 else "fcn_trainer")
