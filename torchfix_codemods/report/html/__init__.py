"""The report as one page for a browser: nothing is loaded from anywhere, and all of it can be read without scripts."""

from torchfix_codemods.report.html.page import write_html

__all__ = ["write_html"]
