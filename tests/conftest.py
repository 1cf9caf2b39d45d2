"""What holds for all tests."""

from __future__ import annotations

import signal

# A run started in the background by a shell ignores Ctrl-C, and so would every program that the tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)
