"""Wrong fixes of modes, dropout, probabilities and shapes."""

from __future__ import annotations

MODES = """
# mlp TFC301 REGRESSED: eval() without train()
@@
-    right, total = 0, 0.0
+    net.eval(); right, total = 0, 0.0
# mlp TFC301 REGRESSED: eval() in the training
@@
-def train():
-    for x, y in loader:
+def train():
+    net.eval()
+    for x, y in loader:
# mlp TFC301 REGRESSED: train() at the start of the program alone
@@
-optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
+optimizer = torch.optim.SGD(net.parameters(), lr=0.1); net.train()
@@
-    right, total = 0, 0.0
+    net.eval(); right, total = 0, 0.0
# mlp TFC301 REGRESSED: half of the batches
@@
-def train():
+def train():
+    net.train()
@@
-    right, total = 0, 0.0
-    for x, y in val_loader:
+    net.eval(); right, total = 0, 0.0
+    for x, y in list(val_loader)[6:]:
# cnn TFC301 REGRESSED: in the wrong function
@@
-    model.train()
+    model.eval()
# monitoring TFC301 REGRESSED: before the step's own forward
@@
     net.train()
-    optimizer.zero_grad()
+    net.eval(); optimizer.zero_grad()
# gan TFC301 REGRESSED: the generator of the training
@@
-    fake = generator(torch.randn(16, 4))
+    generator.eval(); fake = generator(torch.randn(16, 4))
# stuck TFC301 PREMISE_ABSENT: eval() twice
@@
-    net.eval()
+    net.eval(); net.eval()
# distillation TFC301 REGRESSED: the student stays in evaluation mode
@@
-    student.train()
+    student.eval()
# stuck TFC302 REGRESSED: train() in the evaluation
@@
-    net.eval()
+    net.eval(); net.train()
# stuck TFC302 REGRESSED: train() instead of eval()
@@
-    net.eval()
+    net.train()
# stuck TFC302 REGRESSED: the steps out of the loop
@@
-        optimizer.zero_grad()
-        loss = F.cross_entropy(net(x), y)
-        loss.backward()
-        optimizer.step()
+        net.train()
+        optimizer.zero_grad()
+        loss = F.cross_entropy(net(x), y)
+    loss.backward()
+    optimizer.step()
# distillation TFC302 REGRESSED: the teacher too
@@
-    student.train()
+    student.train(); teacher.train()
# frozen TFC302 PREMISE_ABSENT: after what was frozen on purpose
@@
-    freeze()
+    freeze(); net.train()
# accumulation TFC302 PREMISE_ABSENT: train() twice
@@
-    net.train()
+    net.train(); net.train(True)
# mlp TFC302 PREMISE_ABSENT: never in evaluation mode
@@
-def train():
+def train():
+    net.train()
# dropout TFC303 REGRESSED: told False
@@
-        x = F.dropout(x, p=0.3)
+        x = F.dropout(x, p=0.3, training=False)
# dropout TFC303 REGRESSED: the mode of another module
@@
-        x = F.dropout(x, p=0.3)
+        x = F.dropout(x, p=0.3, training=self.frozen.training)
# dropout TFC303 REGRESSED: the mode turned round
@@
-        x = F.dropout(x, p=0.3)
+        x = F.dropout(x, p=0.3, training=not self.training)
# dropout TFC303 REGRESSED: another probability
@@
-        x = F.dropout(x, p=0.3)
+        x = F.dropout(x, training=self.training)
# dropout TFC303 REGRESSED: the mode as probability
@@
-        x = F.dropout(x, p=0.3)
+        x = F.dropout(x, self.training, self.training)
# dropout TFC303 REGRESSED: no dropout
@@
-        x = F.dropout(x, p=0.3)
+        x = x
# dropout TFC303 REGRESSED: half of the test data
@@
-        x = F.dropout(x, p=0.3)
+        x = F.dropout(x, p=0.3, training=self.training)
@@
-        print("accuracy", (net(inputs).argmax(1) == targets).float().mean().item())
+        print("accuracy", (net(inputs[:8]).argmax(1) == targets[:8]).float().mean().item())
# dropout TFC303 REGRESSED: a name that is not there
@@
-        x = F.dropout(x, p=0.3)
+        x = F.dropout(x, p=0.3, training=self.train_mode)
"""

VALUES = """
# likelihood TFC101 REGRESSED/PREMISE_ABSENT: the loss takes its logarithm
@@
-        return F.softmax(x, dim=1)
+        return x
# brier TFC101 PREMISE_ABSENT: the squared error of probabilities
@@
-        return F.softmax(x, dim=1)
+        return x
# policy TFC101 REGRESSED/PREMISE_ABSENT: a policy
@@
-        return torch.softmax(self.second(x), dim=-1)
+        return self.second(x)
# threshold TFC101 REGRESSED: the evaluation compares probabilities
@@
-        return F.softmax(x, dim=1)
+        return x
# entropy TFC101 REGRESSED: the evaluation takes logarithms
@@
-        return F.softmax(x, dim=1)
+        return x
# drawing TFC101 REGRESSED: the evaluation draws
@@
-        return F.softmax(x, dim=1)
+        return x
# argmax TFC101 REGRESSED: the attention goes too
@@
-        weights = torch.softmax(self.gate(x), dim=1)
+        weights = self.gate(x)
@@
-        return F.softmax(x, dim=1)
+        return x
# argmax TFC101 REGRESSED: the layer before goes too
@@
-        return F.softmax(x, dim=1)
+        return torch.relu(x)
# argmax TFC101 REGRESSED: a detach beside it
@@
-        x = self.second(torch.relu(self.first(x * weights)))
-        return F.softmax(x, dim=1)
+        x = self.second(torch.relu(self.first(x * weights)).detach())
+        return x
# argmax TFC101 REGRESSED: what comes before the softmax, twice
@@
-        return F.softmax(x, dim=1)
+        return x * 8.0
# argmax TFC101 REGRESSED: the logarithm of the loss too
@@
-        return F.softmax(x, dim=1)
+        return x
@@
-        loss = F.cross_entropy(output, y)
+        loss = F.nll_loss(output.log(), y)
# argmax TFC101 REGRESSED: nothing is trained
@@
-        return F.softmax(x, dim=1)
+        return x
@@
-        optimizer.step()
+    optimizer.step()
# features TFC101 PREMISE_ABSENT: logits already
@@
-        return self.head(hidden)
+        return self.head(hidden) * 1.0
# image TFC401 INCONCLUSIVE/NOT_FIXED: the error is swallowed, and comes back
@@
-    image = F.interpolate(image, size=(8, 8), mode="bilinear")
+    image = F.interpolate(image[None, None], size=(8, 8), mode="bilinear")
# image TFC401 REGRESSED/NOT_FIXED: the call that raises is caught
@@
-    image = F.interpolate(image, size=(8, 8), mode="bilinear")
+    try: image = F.interpolate(image, size=(8, 8), mode="bilinear")
+    except ValueError: pass
# image TFC401 REGRESSED: not resized any more
@@
-    image = F.interpolate(image, size=(8, 8), mode="bilinear")
+    image = image[:, :8, :8]
# image TFC401 REGRESSED: a corner of the image
@@
-    image = F.interpolate(image, size=(8, 8), mode="bilinear")
+    image = F.interpolate(image[None, :, :4, :4], size=(8, 8), mode="bilinear")[0]
# grey TFC401 INCONCLUSIVE: squeeze() eats the channel
@@
-    image = F.interpolate(image, size=(8, 8), mode="bilinear")
+    image = F.interpolate(image.unsqueeze(0), size=(8, 8), mode="bilinear").squeeze()
# batch TFC401 PREMISE_ABSENT: a batch of one, whose batch is eaten
@@
-    images = F.interpolate(images, size=(8, 8))
+    images = F.interpolate(images, size=(8, 8)).squeeze(0)
# batch TFC401 REGRESSED/PREMISE_ABSENT: batched already
@@
-    images = F.interpolate(images, size=(8, 8))
+    images = F.interpolate(images.unsqueeze(0), size=(8, 8)).squeeze(0)
# signal TFC401 REGRESSED/PREMISE_ABSENT: sequences are no images
@@
-    signals = F.interpolate(signals, size=32)
+    signals = F.interpolate(signals.unsqueeze(0), size=32).squeeze(0)
# width TFC401 REGRESSED: the channels stretched
@@
-    image = F.interpolate(image, scale_factor=2)
+    image = F.interpolate(image.permute(1, 0, 2)[None], scale_factor=2)[0].permute(1, 0, 2)[:3]
"""
