"""What of a cell is IPython's: found where IPython finds it, and nowhere else."""

from __future__ import annotations

import ast

import pytest

from torchfix_codemods.source.ipython import read_cell, with_names


def pieces(source: str) -> list[str]:
    return [source[span.start : span.end] for span in read_cell(source).spans]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("%matplotlib inline\nx = 1", ["%matplotlib inline"]),
        ("!pip install 'it\nx = 1", ["!pip install 'it"]),
        ("!ls \\\n   folder\nx = 1", ["!ls \\\n   folder"]),
        ("files = !ls *.txt\nx = 1", ["!ls *.txt"]),
        ("a, b = !ls", ["!ls"]),
        ("if x:\n    !ls\n    %cd ..\n", ["!ls", "%cd .."]),
        ("nn.Linear?\n?nn.Linear\nnn.*Loss??\n", ["nn.Linear?", "?nn.Linear", "nn.*Loss??"]),
        ("%%time\nx = 1", ["%%time"]),
        ("\n%%capture out\n%%time\nx = 1", ["%%capture out", "%%time"]),
        ("%time x = f(1)", ["%time "]),
        ("%timeit -n 10 -r 3 f(1)", ["%timeit -n 10 -r 3 "]),
        ("pip install torch", ["pip install torch"]),
        ("  !ls\n!pwd", ["  !ls", "!pwd"]),
        ("%%bash\nls | wc\n", ["%%bash\nls | wc\n"]),
        ("%%writefile model.py\nimport torch\n", ["%%writefile model.py\nimport torch\n"]),
        ("%%html\n<b>\n", ["%%html\n<b>\n"]),
    ],
)
def test_what_is_found(source: str, expected: list[str]):
    assert pieces(source) == expected
    assert read_cell(source).hidden is None
    ast.parse(with_names(source, read_cell(source).spans, [f"_{n}" for n in range(len(expected))]))


@pytest.mark.parametrize(
    "source",
    [
        "x = (a\n% b)",
        "x = a \\\n% b",
        "s = '''\n%time\n!ls\nwhat?\n'''",
        's = """\\"""\n!ls\n"""',
        "x %= 3",
        "x = y % 3",
        "x = a != b",
        "print('really?')",
        "# %time\n# what?\n",
        "f(\n  '('  # )\n%y)",
        "s = '\\\n!ls'",
        "",
        "   \n",
    ],
)
def test_what_is_python_stays_python(source: str):
    assert pieces(source) == []
    ast.parse(source)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("%run train.py", "unknown-magic"),
        ("%store -r model", "unknown-magic"),
        ("x = %time f()", "unknown-magic"),
        ("%time\tfor i in x: f(i)", "unknown-magic"),
        ("%%mine\nx = 1", "unknown-magic"),
        ("x = 1\n%%time\nx = 2", "unknown-magic"),
        ("%lprun -f f f(x)", "unknown-magic"),
        ("print 1", "syntax-error"),
        ("x = 1 +", "syntax-error"),
        ("    x = 1", "syntax-error"),
        ("%%time\ndef f(:", "syntax-error"),
        ("'\ud800'", "syntax-error"),
    ],
)
def test_what_may_be_python_and_is_not_seen_is_told(source: str, reason: str):
    hidden = read_cell(source).hidden
    assert hidden is not None and hidden[0] == reason and hidden[1]


def test_a_cell_that_does_not_parse_is_left_out_as_a_whole():
    assert pieces("x = 1\n!ls\nprint 1\n") == ["x = 1\n!ls\nprint 1\n"]
