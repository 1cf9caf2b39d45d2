"""Write the real verdicts of their examples into the rule pages: each program is run before and after its fix.

    python scripts/page_verdicts.py

Every example with a fix and a program gets a line `Verdict: ...` below its line `Run: ...`. A test compares the pages
with new runs.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS / "verify"), str(TESTS), str(TESTS.parent)]

from examples import all_examples, pages  # noqa: E402
from page_verdicts import shown, verdict_of  # noqa: E402
from running import Programs  # noqa: E402


def main() -> None:
    """Rewrite the pages whose verdicts are others now."""
    with tempfile.TemporaryDirectory() as folder:
        programs = Programs(Path(folder))
        try:
            verdicts = {e.id: (e, verdict_of(e, programs, Path(folder) / e.id)) for e in shown(all_examples())}
        finally:
            programs.close()
    for page in pages():
        own = {example.line: verdict for example, verdict in verdicts.values() if example.page == page.name}
        text = page.read_text(encoding="utf-8")
        written = with_verdicts(text, own)
        if written != text:
            page.write_text(written, encoding="utf-8")
            print(f"{page.name}: {len(own)} verdicts")


def with_verdicts(text: str, verdicts: dict[int, str]) -> str:
    """The text of a page with the verdicts of the examples that begin at these lines (from 1)."""
    lines: list[str] = []
    verdict = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("### "):
            verdict = verdicts.get(number, "")
        if line.startswith("Verdict: "):
            continue
        lines.append(line)
        if verdict and line.startswith("Run: "):
            lines.append(f"Verdict: {verdict}")
            verdict = ""
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
