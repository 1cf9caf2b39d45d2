"""Random files and edits: git and GNU patch must reproduce every result byte for byte."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from torchfix_codemods.findings import Edit, Skipped
from torchfix_codemods.rewrite.byte_edits import byte_edits, splice
from torchfix_codemods.rewrite.compose import PlannedEdit
from torchfix_codemods.rewrite.edits import apply_edits
from torchfix_codemods.rewrite.hunks import file_patch
from torchfix_codemods.source.text import Source, decode

CONTEXT = 3
LOOK_ALIKES = ["-- a/x.py", "++ b/x.py", "@@ -1 +1 @@", "\\ No newline at end of file", "diff --git a/x b/x"]
ODD = ["\x0c", "s = 'a\u2028b'", "t = 'a\rb'", "\t# tab", "# déjà vu", "# 日本"]
LINES = st.sampled_from(["", "x = 1", "    y = f(x)", *LOOK_ALIKES, *ODD])
ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n", "\r"])
NAMES = ["plain", " with space", 'quo"te', "ünï", "back\\slash", "tab\there", "two  spaces ", "it's"]


@st.composite
def files(draw: st.DrawFn) -> str:
    """The text of a file: LF, CRLF, CR or mixed, with or without a last line end, possibly empty."""
    end = draw(st.one_of(st.none(), ENDS))
    lines = draw(st.lists(LINES, max_size=30))
    text = "".join(line + (end or draw(ENDS)) for line in lines)
    return text + draw(st.sampled_from(["", "", "last = 1"]))


@st.composite
def edited(draw: st.DrawFn, text: str) -> list[PlannedEdit]:
    """Edits of the text that do not overlap; some of whole lines, some near the end."""
    near_end = st.integers(max(0, len(text) - 12), len(text))
    line_starts = [0, *(index + 1 for index, character in enumerate(text) if character == "\n")]
    offset = st.one_of(st.integers(0, len(text)), near_end, st.sampled_from(line_starts))
    bounds = sorted(draw(st.lists(offset, min_size=2, max_size=8)))
    new = st.one_of(LINES, st.tuples(LINES, ENDS).map("".join), st.just(""), st.just("a\nb\nc\n"))
    pairs = list(zip(bounds[::2], bounds[1::2], strict=False))
    distinct = {pair if draw(st.booleans()) else (pair[1], pair[1]) for pair in pairs}
    return [
        PlannedEdit(Edit("f", start, end, draw(new)), frozenset({str(n)}))
        for n, (start, end) in enumerate(sorted(distinct))
    ]


@dataclass(frozen=True)
class Case:
    source: Source
    edits: list[PlannedEdit]

    @property
    def after(self) -> bytes:
        return self.source.encode(apply_edits(self.source.text, [item.edit for item in self.edits]))


ENCODINGS = {  # the byte order mark, and what of the samples the encoding cannot hold
    "utf-8": ("", {}),
    "utf-8-sig": ("\ufeff", {}),
    "latin-1": ("", {"日": "ÿ", "本": "ß", "\u2028": "\x85"}),
    "shift_jis": ("", {"é": "表", "à": "ソ", "\u2028": "本"}),
    "iso2022_jp": ("", {"é": "表", "à": "ソ", "\u2028": "本"}),
}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    encoding = draw(st.sampled_from(["utf-8", *ENCODINGS]))
    mark, substitutes = ENCODINGS[encoding]
    cookie = "" if encoding.startswith("utf-8") else f"# coding: {encoding}\n"
    table = str.maketrans(substitutes)
    text = cookie + draw(files()).translate(table)
    source = decode("f", (mark + text).encode(encoding.removesuffix("-sig")))
    assert not isinstance(source, Skipped), source
    edits = [replace(item, edit=replace(item.edit, new=item.edit.new.translate(table))) for item in draw(edited(text))]
    return Case(source, edits)


def run(folder: Path, *command: str, patch: bytes) -> None:
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
    }
    result = subprocess.run(command, cwd=folder, input=patch, capture_output=True, env=environment, check=False)
    assert result.returncode == 0, (result.stdout, result.stderr, patch)


def write(folder: Path, contents: dict[str, bytes]) -> None:
    for name, raw in contents.items():
        (folder / name).write_bytes(raw)


def read(folder: Path, names: list[str]) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(cases(), min_size=1, max_size=12), st.sampled_from([0, 1, CONTEXT]))
def test_git_and_patch_reproduce_every_byte(batch: list[Case], context: int) -> None:
    named = {f"{number}{NAMES[number % len(NAMES)]}.py": case for number, case in enumerate(batch)}
    before = {name: case.source.raw for name, case in named.items()}
    after = {name: case.after for name, case in named.items()}
    patch = b"".join(
        file_patch(name, case.source.raw, byte_edits(case.source, case.edits), context) for name, case in named.items()
    )
    if not patch:
        assert before == after
        return
    zero = ["--unidiff-zero"] * (context == 0)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary).resolve()
        write(folder, before)
        run(folder, "git", "apply", *zero, "-", patch=patch)
        assert read(folder, list(named)) == after
        if context:  # without context git takes back the first of two alike lines, which may not be the new one
            run(folder, "git", "apply", "-R", "-", patch=patch)
            assert read(folder, list(named)) == before
        write(folder, before)
        if shutil.which("patch"):
            run(folder, "patch", "-p1", "-F0", "--binary", "--force", patch=patch)
            assert read(folder, list(named)) == after


@given(cases())
def test_byte_edits_make_the_encoded_text(case: Case) -> None:
    encoded = byte_edits(case.source, case.edits)
    assert splice(case.source.raw, encoded) == case.after
    assert frozenset().union(*(edit.fixes for edit in encoded)) == frozenset().union(*(e.fixes for e in case.edits))
