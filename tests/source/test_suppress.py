"""Suppression comments: only where a comment is one, and exactly where it counts."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchfix_codemods.source.suppress import Suppressions, lines_around

NAME, CODE = "softmax-before-cross-entropy", "TFC101"


def covered(text: str, name: str = NAME, code: str = CODE) -> list[int]:
    """The lines on which a finding would be suppressed."""
    found, tree = Suppressions.of(text), ast.parse(text)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    result = []
    for line in range(1, len(lines) + 1):
        statement_lines, def_lines = lines_around(tree, line)
        if lines[line - 1].strip() and found.covers(line, name, code, def_lines, statement_lines):
            result.append(line)
    return result


def test_on_a_line() -> None:
    assert covered("a = 1\nb = 2  # torchfix: ignore\nc = 3\n") == [2]


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("# torchfix: ignore", True),
        ("#torchfix:ignore", True),
        ("# torchfix: ignore[TFC101]", True),
        ("# torchfix: ignore[tfc101]", True),
        ("# torchfix: ignore[TFC1]", True),
        ("# torchfix: ignore[softmax-before-cross-entropy]", True),
        ("# torchfix: ignore [ volatile-variable , TFC101 ] because it is so", True),
        ("# noqa: E501  # torchfix: ignore[TFC101]", True),
        ("# torchfix: ignore[TFC201] # torchfix: ignore[TFC101]", True),
        ("# torchfix: ignore[TFC101", True),
        ("# torchfix: ignore[TFC102]", False),
        ("# torchfix: ignore[]", False),
        ("# torchfix: ignored", False),
        ("# torchfix: ignore-not", False),
        ("# torchfix is good", False),
        ("# ignore", False),
    ],
)
def test_what_a_comment_may_look_like(comment: str, expected: bool) -> None:
    assert covered(f"a = 1  {comment}\n") == ([1] if expected else [])


def test_anywhere_on_a_statement_of_several_lines() -> None:
    text = "f(\n  a,  # torchfix: ignore\n  b,\n)\nf(\n  # torchfix: ignore\n  a)\nx = 1\n"
    assert covered(text) == [1, 2, 3, 4, 5, 6, 7]


def test_the_header_of_a_loop_covers_the_header_only() -> None:
    text = "for x in (\n  1,  # torchfix: ignore\n):\n    f(x)\nelse:\n    g()\n"
    assert covered(text) == [1, 2, 3, 5]


@pytest.mark.parametrize(
    "text",
    [
        "@a\n@b\ndef f(  # torchfix: ignore\n    x,\n):\n    y = 1\n    return y\nz = 1\n",
        "@a  # torchfix: ignore\n@b\nasync def f(\n    x,\n):\n    y = 1\n    return y\nz = 1\n",
        "@a\n@b\nclass A(\n    B\n):  # torchfix: ignore\n    def g(self):\n        return 1\nz = 1\n",
        "# torchfix: ignore\n@b\nclass A(\n    B\n):\n    def g(self):\n        return 1\nz = 1\n",
    ],
)
def test_on_a_definition(text: str) -> None:
    assert set(range(2, 8)) <= set(covered(text)) <= set(range(1, 8))


def test_a_comment_in_a_body_does_not_cover_the_definition() -> None:
    text = (
        "def f():\n    # torchfix: ignore\n    x = 1\n    y = 2\n\n    @a\n    # torchfix: ignore\n    def g(): pass\n"
    )
    assert covered(text) == [3, 6, 7, 8]


def test_a_comment_of_its_own_line_covers_the_next_statement() -> None:
    text = "a = 1\n# torchfix: ignore\n# more\n\nf(\n  b)\nc = 3\n# torchfix: ignore\n"
    assert covered(text) == [5, 6]


def test_strings_are_no_comments() -> None:
    text = 's = "# torchfix: ignore"\nt = """\n# torchfix: skip-file\n"""\nu = f"{s}# torchfix: ignore"\n'
    assert covered(text) == [] and not Suppressions.of(text).skip_file


@pytest.mark.parametrize("text", ["# torchfix: skip-file\na = 1\n", "def f():\n    a = 1\n    # torchfix: skip-file\n"])
def test_skip_file(text: str) -> None:
    found = Suppressions.of(text)
    assert found.skip_file and found.covers(1, NAME, CODE)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_the_parser_does(newline: str) -> None:
    text = newline.join(['s = """', "x", '"""', "\x0c", "a = '\u2028'", "b = 1  # torchfix: ignore", ""])
    assert covered(text) == [6]


def test_match_try_and_with() -> None:
    text = (
        "try:\n    a()\nexcept E:  # torchfix: ignore\n    b()\nfinally:\n    c()  # torchfix: ignore\n"
        "match x:\n    case 1:\n        d()  # torchfix: ignore\n    case _:\n        e()\n"
        "with f() as g:\n    h()  # torchfix: ignore\n    i()\n"
    )
    assert covered(text) == [3, 6, 9, 13]


def test_unknown_names_and_malformed_comments_are_reported() -> None:
    text = (
        "a = 1  # torchfix: ignore[TFC101, no-such-rule, TFC9]\n"
        "b = 1  # torchfix: ingore\nc = 1  # torchfix: ignore[]\nd = 1  # torchfix: ignore[TFC101\n"
    )
    found = Suppressions.of(text)
    assert found.unknown([(NAME, CODE)]) == ((1, "TFC9"), (1, "no-such-rule"))
    assert [line for line, _ in found.warnings] == [2, 3, 4]
    assert "'ingore'" in found.warnings[0][1]
    assert Suppressions.of("a = 1  # torchfix: ignore\n").unknown([]) == ()


@pytest.mark.parametrize(
    "text", ["(\nb = 1  # torchfix: ignore\n", "  a\n b  # torchfix: ignore\n", "'''\n# torchfix: ignore"]
)
def test_a_text_that_the_tokenizer_refuses(text: str) -> None:
    assert Suppressions.of(text).covers(2, NAME, CODE)


def test_without_the_word_nothing_is_read() -> None:
    assert Suppressions.of("(((") == Suppressions()


lines = st.sampled_from(
    [
        "x = 1",
        "x = 1  # torchfix: ignore",
        "# torchfix: ignore[TFC101]",
        "y = '# torchfix: ignore'",
        "'''\n# torchfix: ignore\n'''",
        "f(\n    1,  # torchfix: ignore[TFC2]\n)",
        "",
        "# other",
    ]
)


@given(st.lists(lines), st.sampled_from(["\n", "\r\n", "\r"]))
def test_exactly_the_marked_statements_are_covered(parts: list[str], newline: str) -> None:
    expected, line, pending = [], 1, False
    for part in parts:
        count = part.count("\n") + 1
        if part == "# torchfix: ignore[TFC101]":
            pending = True
        elif part and not part.startswith("#"):
            if pending or part.startswith("x = 1 "):
                expected += list(range(line, line + count))
            pending = False
        line += count
    assert covered(newline.join("\n".join([*parts, ""]).split("\n"))) == expected


@given(st.text(st.sampled_from("ab=1 \n\r\t\x0c\"'#()[]\\:,"), max_size=60), st.integers(0, 60))
def test_any_text_is_tolerated(text: str, at: int) -> None:
    Suppressions.of(text[:at] + "# torchfix: ignore" + text[at:]).covers(1, NAME, CODE, [1], [2])
