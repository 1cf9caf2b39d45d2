"""From offsets to what people read: lines and columns from 1, and text that is safe to print."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from torchfix_codemods.source.errors import printable

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class TextLines:
    """Lines of one text as Python's tokenizer counts them: LF, CRLF and a lone CR end one."""

    text: str

    @cached_property
    def starts(self) -> list[int]:
        """Offset of the first character of each line."""
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    def line_column(self, offset: int) -> tuple[int, int]:
        """Line and column of a character offset, both from 1, columns in characters."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def line(self, number: int) -> str:
        """Line `number` (from 1) without its end."""
        end = self.starts[number] if number < len(self.starts) else len(self.text)
        return self.text[self.starts[number - 1] : end].rstrip("\r\n")


def printable_code(line: str) -> str:
    """A line of code without its end, with control characters and bidi overrides shown as escapes; tabs stay."""
    return "\t".join(map(printable, line.rstrip("\r\n").split("\t")))
