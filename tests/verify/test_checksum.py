"""Checksums: any bit counts, whatever the type, the length and the layout; in a process of its own, which has torch."""

from __future__ import annotations

import subprocess
import sys

CHECKS = """
import random, torch
from torchfix_codemods.verify.observer.checksum import crc, crc_of
torch.manual_seed(0)
random.seed(0)
for count in (1, 7, 16383, 16384, 16385, 40001, 300000):
    for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool, torch.complex64):
        values = torch.randint(0, 2, (count,)).to(dtype) if dtype == torch.bool else (
            torch.randn(count, dtype=dtype) if dtype.is_floating_point or dtype.is_complex
            else torch.randint(0, 100, (count,)).to(dtype))
        twin = values.clone()
        assert crc(values) == crc(twin) is not None
        place = random.randrange(count)
        twin[place] = ~twin[place] if dtype == torch.bool else twin[place] + 1
        assert crc(values) != crc(twin), (count, dtype)
long = torch.randn(50000)
swapped = long.clone()
swapped[[10, 11]] = long[[11, 10]]
assert crc(long) != crc(swapped)
negative = long.clone()
negative[[10, 30001]] *= -1
assert crc(long) != crc(negative)
assert crc(long, 1) != crc(long, 2)
wide = torch.randn(300, 300)
assert crc(wide.t()) == crc(wide.t().contiguous()) != crc(wide)
odd = torch.randn(40001)[1:]  # not at a multiple of 8 bytes
assert crc(odd) is not None and crc(odd) == crc(odd)
assert crc_of([long, wide]) != crc_of([wide, long])
assert crc(torch.zeros(0), 5) == 5 and crc(torch.nn.Parameter(long)) == crc(long)
assert crc(torch.eye(3).to_sparse()) is None
print("all right")
"""


def test_checksums():
    done = subprocess.run([sys.executable, "-c", CHECKS], capture_output=True, text=True)
    assert done.stdout.strip() == "all right", done.stderr[-2000:]
