"""Right fixes for the same programs, and the verdicts that they must get."""

from __future__ import annotations

POSITIVE = """
# mlp TFC202 IMPROVED: a decorator
@@
+@torch.no_grad()
 def evaluate():
# mlp TFC202 IMPROVED: a block over the loop
@@
-    for x, y in val_loader:
-        output = net(x)
-        total += criterion(output, y).item()
-        right += (output.argmax(1) == y).sum().item()
+    with torch.no_grad():
+        for x, y in val_loader:
+            output = net(x)
+            total += criterion(output, y).item()
+            right += (output.argmax(1) == y).sum().item()
# mlp TFC202 IMPROVED: round the call
@@
-    accuracy, total = evaluate()
+    with torch.no_grad():
+        accuracy, total = evaluate()
# mlp TFC301 CHANGED_AS_INTENDED: both modes, in two functions
@@
-def train():
+def train():
+    net.train()
@@
-    right, total = 0, 0.0
+    net.eval()
+    right, total = 0, 0.0
# mlp TFC101 CHANGED_AS_INTENDED/IMPROVED: the softmax goes
@@
-        x = self.second(x)
-        return F.softmax(x, dim=1)
+        x = self.second(x)
+        return x
# cnn TFC202 IMPROVED: in another file
@@ evaluation.py
+@torch.no_grad()
 def test(model, loader):
# cnn TFC202 IMPROVED: in both files
@@ evaluation.py
-        scores = model(images)
+        with torch.no_grad():
+            scores = model(images)
@@
-    print("accuracy", test(model, loader))
+    with torch.no_grad():
+        print("accuracy", test(model, loader))
# cnn TFC301 CHANGED_AS_INTENDED: in another file
@@ evaluation.py
-    right = seen = 0
+    model.eval()
+    right = seen = 0
# autoencoder TFC202 IMPROVED: a decorator
@@
+@torch.no_grad()
 def reconstruction_error(batch):
# autoencoder TFC202 IMPROVED: round two modules
@@
 def reconstruction_error(batch):
-    code = encoder(batch)
-    restored = decoder(code)
+    with torch.no_grad():
+        code = encoder(batch)
+        restored = decoder(code)
     return ((restored - batch) ** 2).mean().item()
# features TFC202 IMPROVED: the method that predicts
@@
+    @torch.no_grad()
     def predict(self, x):
# features TFC202 IMPROVED: the loop of a script
@@
-    for x, y in val_loader:
-        right += (model.predict(x) == y).float().sum().item()
+    with torch.no_grad():
+        for x, y in val_loader:
+            right += (model.predict(x) == y).float().sum().item()
# distillation TFC202 IMPROVED: a decorator
@@
+@torch.no_grad()
 def agreement():
# distillation TFC202 IMPROVED: the frozen teacher in the training
@@
-        soft = F.softmax(teacher(x) / 2.0, dim=1)
+        with torch.no_grad():
+            soft = F.softmax(teacher(x) / 2.0, dim=1)
# monitoring TFC202 IMPROVED: the watched forward
@@
-    watched = F.cross_entropy(net(held_out), truth)
-    history.append(watched.item())
+    with torch.no_grad():
+        watched = F.cross_entropy(net(held_out), truth)
+    history.append(watched.item())
# monitoring TFC301 CHANGED_AS_INTENDED: the watched forward
@@
-    watched = F.cross_entropy(net(held_out), truth)
+    net.eval()
+    watched = F.cross_entropy(net(held_out), truth)
# accumulation TFC202 IMPROVED: a printed loss without its graph
@@
+@torch.no_grad()
 def validate():
# dictionary TFC202 IMPROVED: a method
@@
+    @torch.no_grad()
     def evaluate(self):
# dictionary TFC301 CHANGED_AS_INTENDED: a method
@@
-        errors = []
+        self.model.eval()
+        errors = []
# rnn TFC202 IMPROVED: a generator function
@@
+@torch.no_grad()
 def sample(length):
# rnn TFC202 IMPROVED: the loop within it
@@
-        scores, state = model(word, state)
+        with torch.no_grad():
+            scores, state = model(word, state)
# gan TFC202 IMPROVED: the samples
@@
-    samples = generator(fixed)
+    with torch.no_grad():
+        samples = generator(fixed)
# gan TFC301 CHANGED_AS_INTENDED: the samples
@@
-    samples = generator(fixed)
+    generator.eval()
+    samples = generator(fixed)
+    generator.train()
# policy TFC202 IMPROVED: the greedy one
@@
-probabilities = policy(state)
+with torch.no_grad():
+    probabilities = policy(state)
# dqn TFC201 EQUIVALENT/IMPROVED/CHANGED_AS_INTENDED: the target network
@@
-    followers = Variable(followers, volatile=True)
-    following = target(followers).max(1)[0]
+    with torch.no_grad():
+        following = target(followers).max(1)[0]
# volatile TFC201 IMPROVED: the evaluation
@@
-    for x, y in zip(inputs.split(16), targets.split(16)):
-        x, y = Variable(x, volatile=True), Variable(y, volatile=True)
-        right += (net(x).data.max(1)[1] == y.data).sum()
+    with torch.no_grad():
+        for x, y in zip(inputs.split(16), targets.split(16)):
+            x, y = Variable(x), Variable(y)
+            right += (net(x).data.max(1)[1] == y.data).sum()
# manual TFC202 IMPROVED: the last line
@@
-right = (head(torch.tanh(encoder(inputs))).argmax(1) == targets).sum()
+with torch.no_grad():
+    right = (head(torch.tanh(encoder(inputs))).argmax(1) == targets).sum()
# lbfgs TFC202 IMPROVED: between the steps
@@
     optimizer.step(closure)
-    scores = net(inputs)
+    with torch.no_grad():
+        scores = net(inputs)
# stuck TFC302 CHANGED_AS_INTENDED: into the epoch
@@
 for epoch in range(2):
+    net.train()
     for x, y in zip(inputs.split(16), targets.split(16)):
# dropout TFC303 CHANGED_AS_INTENDED: by keyword
@@
-        x = F.dropout(x, p=0.3)
+        x = F.dropout(x, p=0.3, training=self.training)
# argmax TFC101 CHANGED_AS_INTENDED/IMPROVED: only argmax follows
@@
-        return F.softmax(x, dim=1)
+        return x
# threshold TFC101 CHANGED_AS_INTENDED/IMPROVED: the evaluation gets its own softmax
@@
-        return F.softmax(x, dim=1)
+        return x
@@
     with torch.no_grad():
-        output = net(inputs)
+        output = torch.softmax(net(inputs), dim=1)
# entropy TFC101 CHANGED_AS_INTENDED/IMPROVED: the evaluation gets its own softmax
@@
-        return F.softmax(x, dim=1)
+        return x
@@
     with torch.no_grad():
-        output = net(inputs)
+        output = torch.softmax(net(inputs), dim=1)
# image TFC401 FIXED_CRASH: a batch of one
@@
-    image = F.interpolate(image, size=(8, 8), mode="bilinear")
+    image = F.interpolate(image.unsqueeze(0), size=(8, 8), mode="bilinear").squeeze(0)
# image TFC401 FIXED_CRASH: every channel an image, which is the same
@@
-    image = F.interpolate(image, size=(8, 8), mode="bilinear")
+    image = F.interpolate(image.unsqueeze(1), size=(8, 8), mode="bilinear").squeeze(1)
# grey TFC401 FIXED_CRASH: a batch of one
@@
-    image = F.interpolate(image, size=(8, 8), mode="bilinear")
+    image = F.interpolate(image.unsqueeze(0), size=(8, 8), mode="bilinear").squeeze(0)
# width TFC401 CHANGED_AS_INTENDED: height too
@@
-    image = F.interpolate(image, scale_factor=2)
+    image = F.interpolate(image.unsqueeze(0), scale_factor=2).squeeze(0)
# attention TFC202 IMPROVED: a decorator, in spite of the faster way
@@
+@torch.no_grad()
 def score():
"""
