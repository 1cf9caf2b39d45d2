"""Programs whose index torch refuses, right fixes of them, and wrong ones that choose other rows."""

from __future__ import annotations

_PROGRAM = """
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

words = torch.randn(6, 4)
mask = torch.tensor([False, True, True, False, False, True])
places = torch.tensor([5, 0, 3]).short()
halves = torch.tensor([0.0, 1.5, 2.0])
rows = [4, 1, 1]
beyond = torch.tensor([2, 6])
net = nn.Linear(4, 2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(2):
    picked = {picked}
    loss = net(picked).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("loss", loss.item())
"""
INDICES = {
    "masked": _PROGRAM.replace("{picked}", "words.index_select(0, mask)"),
    "shorts": _PROGRAM.replace("{picked}", "words.index_select(0, places)"),
    "halves": _PROGRAM.replace("{picked}", "words.index_select(0, halves)"),
    "listed": _PROGRAM.replace("{picked}", "words.index_select(0, rows)"),
    "beyond": _PROGRAM.replace("{picked}", "(words + net(words).sum()).index_select(0, beyond)"),
    "looked_up": _PROGRAM.replace("{picked}", "F.embedding(places, words)"),
}

WRONG_INDICES = """
# masked TFC402 REGRESSED: rows 0 and 1, again and again
@@
-    picked = words.index_select(0, mask)
+    picked = words.index_select(0, mask.long())
# halves TFC402 REGRESSED: fractions cut off
@@
-    picked = words.index_select(0, halves)
+    picked = words.index_select(0, halves.long())
# beyond TFC402 REGRESSED: the bad index is hidden
@@
-    picked = (words + net(words).sum()).index_select(0, beyond)
+    picked = (words + net(words).sum()).index_select(0, beyond.clamp(max=5))
# shorts TFC402 REGRESSED: other rows
@@
-    picked = words.index_select(0, places)
+    picked = words.index_select(0, places.long().sort()[0])
# listed TFC402 REGRESSED: each row once
@@
-    picked = words.index_select(0, rows)
+    picked = words.index_select(0, torch.as_tensor(rows).unique())
# looked_up TFC402 REGRESSED: counted from the end
@@
-    picked = F.embedding(places, words)
+    picked = F.embedding(5 - places.long(), words)
"""

RIGHT_INDICES = """
# masked TFC402 FIXED_CRASH: by the mask itself
@@
-    picked = words.index_select(0, mask)
+    picked = words[mask]
# masked TFC402 FIXED_CRASH: the positions of the mask
@@
-    picked = words.index_select(0, mask)
+    picked = words.index_select(0, mask.nonzero().squeeze(1))
# shorts TFC402 FIXED_CRASH: long at the call
@@
-    picked = words.index_select(0, places)
+    picked = words.index_select(0, places.long())
# listed TFC402 FIXED_CRASH: a tensor of the list
@@
-    picked = words.index_select(0, rows)
+    picked = words.index_select(0, torch.as_tensor(rows, dtype=torch.long, device=words.device))
# looked_up TFC402 FIXED_CRASH: long at the call
@@
-    picked = F.embedding(places, words)
+    picked = F.embedding(places.long(), words)
"""
