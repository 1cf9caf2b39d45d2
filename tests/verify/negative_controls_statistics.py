"""Programs with frozen normalisations, right fixes of them, and wrong ones that switch off more."""

from __future__ import annotations

_HEAD = """
import torch
import torch.nn.functional as F
from torch import nn

inputs = torch.randn(48, 3, 6, 6)
targets = torch.randint(0, 3, (48,))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.2))
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(64, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))

    def forward(self, x):
        return self.head(self.backbone(x))

    def freeze_bn(self):
        for m in self.backbone.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.eval()

net = Net()
"""
_TRAIN = """
optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.1)
for epoch in range(2):
    net.train()
    for x, y in zip(inputs.split(16), targets.split(16)):
        loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        print("right", (net(inputs).argmax(1) == targets).sum().item())
"""
STATISTICS = {
    "frozen_body": f"{_HEAD}for p in net.backbone.parameters():\n    p.requires_grad = False\n{_TRAIN}",
    "undone": f"{_HEAD}net.freeze_bn()\n{_TRAIN}",
    "single": """
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

loader = DataLoader(TensorDataset(torch.rand(17, 4), torch.randint(0, 3, (17,))), batch_size=8)
net = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
net.train()
for x, y in loader:
    loss = F.cross_entropy(net(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
""",
}

WRONG_STATISTICS = """
# frozen_body TFC304 REGRESSED: all of the model in evaluation mode
@@
-    net.train()
+    net.train()
+    net.eval()
# frozen_body TFC304 REGRESSED: the normalisation of the head too
@@
-    net.train()
+    net.train()
+    for m in net.modules():
+        if isinstance(m, nn.modules.batchnorm._BatchNorm):
+            m.eval()
# frozen_body TFC304 REGRESSED: the dropout of the backbone too
@@
-    net.train()
+    net.train()
+    net.backbone.eval()
# frozen_body TFC304 NOT_FIXED: before it is undone
@@
-    net.train()
+    for m in net.backbone.modules():
+        if isinstance(m, nn.modules.batchnorm._BatchNorm):
+            m.eval()
+    net.train()
# frozen_body TFC304 REGRESSED: only those that learn
@@
-    net.train()
+    net.train()
+    for m in net.head.modules():
+        if isinstance(m, nn.modules.batchnorm._BatchNorm):
+            m.eval()
# undone TFC304 REGRESSED: train() is gone
@@
-    net.train()
+    net.freeze_bn()
# undone TFC304 REGRESSED: moved into the evaluation mode of everything
@@
-net.freeze_bn()
+net
@@
-    net.train()
+    net.train()
+    net.backbone.eval()
# single TFC304 REGRESSED: trained in evaluation mode
@@
-net.train()
+net.eval()
"""

RIGHT_STATISTICS = """
# frozen_body TFC304 CHANGED_AS_INTENDED: the loop below train()
@@
-    net.train()
+    net.train()
+    for m in net.backbone.modules():
+        if isinstance(m, nn.modules.batchnorm._BatchNorm):
+            m.eval()
# undone TFC304 CHANGED_AS_INTENDED: the call below train()
@@
-net.freeze_bn()
+net
@@
-    net.train()
+    net.train()
+    net.freeze_bn()
# single TFC304 FIXED_CRASH: without the last batch
@@
-batch_size=8)
+batch_size=8, drop_last=True)
"""
