"""Wrong fixes that switch gradients off where they are needed, or leave evaluations that are no longer the same."""

from __future__ import annotations

GRADIENTS = """
# mlp TFC202 REGRESSED: round the training forward
@@
-        output = net(x)
+        with torch.no_grad():
+            output = net(x)
         loss = criterion(output, y)
# mlp TFC202 REGRESSED: on the training function
@@
+@torch.no_grad()
 def train():
# mlp TFC202 REGRESSED: round the whole epoch
@@
 for epoch in range(3):
-    train()
+    with torch.no_grad():
+        train()
# mlp TFC202 REGRESSED: detach put on the loss
@@
-        loss.backward()
+        loss.detach().backward()
# mlp TFC202 REGRESSED: no call of no_grad
@@
-    for x, y in val_loader:
+    with torch.no_grad:
+     for x, y in val_loader:
# mlp TFC202 REGRESSED: a name that is not there
@@
+@th.no_grad()
 def evaluate():
# mlp TFC202 REGRESSED: returns after one batch
@@
+@torch.no_grad()
 def evaluate():
@@
-    return right / len(data), total
+        return right / len(data), total
# mlp TFC202 REGRESSED: counts the last batch alone
@@
+@torch.no_grad()
 def evaluate():
@@
-        right += (output.argmax(1) == y).sum().item()
+    right += (output.argmax(1) == y).sum().item()
# mlp TFC202 REGRESSED: half of the batches
@@
-    for x, y in val_loader:
+    with torch.no_grad():
+     for x, y in list(val_loader)[6:]:
# mlp TFC202 REGRESSED: an empty loop
@@
+@torch.no_grad()
 def evaluate():
@@
-    for x, y in val_loader:
+    for x, y in []:
# mlp TFC202 REGRESSED: half of every batch
@@
-    for x, y in val_loader:
-        output = net(x)
+    with torch.no_grad():
+     for x, y in val_loader:
+        output = net(x[:8]).repeat(2, 1)
# mlp TFC202 REGRESSED: other inputs
@@
-    for x, y in val_loader:
-        output = net(x)
+    with torch.no_grad():
+     for x, y in val_loader:
+        output = net(x * x)
# mlp TFC202 REGRESSED: the step out of the loop
@@
-        loss.backward()
-        optimizer.step()
+    loss.backward()
+    optimizer.step()
# cnn TFC202 REGRESSED: in another file, returns after one batch
@@ evaluation.py
+@torch.no_grad()
 def test(model, loader):
@@ evaluation.py
-    return right / seen
+        return right / seen
# cnn TFC202 REGRESSED: gradients off, and never on again
@@ evaluation.py
-    right = seen = 0
+    torch.set_grad_enabled(False); right = seen = 0
# cnn TFC202 REGRESSED: no normalisation in training
@@
-        loss = criterion(model(batch), labels)
+        loss = criterion(model[-1](model[:-1](batch).detach()), labels)
# autoencoder TFC202 REGRESSED: round the encoder in training, which is silent
@@
     optimizer.zero_grad()
-    code = encoder(batch)
+    with torch.no_grad():
+        code = encoder(batch)
# autoencoder TFC202 REGRESSED: round both in training
@@
     optimizer.zero_grad()
-    code = encoder(batch)
-    restored = decoder(code)
+    with torch.no_grad():
+        code = encoder(batch)
+        restored = decoder(code)
# autoencoder TFC202 REGRESSED: the mean over half of it
@@
+@torch.no_grad()
 def reconstruction_error(batch):
@@
-    return ((restored - batch) ** 2).mean().item()
+    return ((restored - batch)[:, :8] ** 2).mean().item()
# features TFC202 REGRESSED: the features, silently
@@
-        hidden = self.features(x)
+        with torch.no_grad():
+            hidden = self.features(x)
# features TFC202 REGRESSED: a decorator on the features
@@
+    @torch.no_grad()
     def features(self, x):
# features TFC202 REGRESSED: a sum that is a value
@@
-    for x, y in val_loader:
-        right += (model.predict(x) == y).float().sum().item()
+    with torch.no_grad():
+        for x, y in val_loader:
+            right = (model.predict(x) == y).float().sum().item()
# distillation TFC202 REGRESSED: round the student
@@
-        scores = student(x)
+        with torch.no_grad():
+            scores = student(x)
# distillation TFC202 REGRESSED: one of two losses loses its gradient
@@
-        loss = F.cross_entropy(scores, y) + kl(F.log_softmax(scores / 2.0, dim=1), soft)
+        with torch.no_grad():
+            soft_loss = kl(F.log_softmax(scores / 2.0, dim=1), soft)
+        loss = F.cross_entropy(scores, y) + soft_loss
# monitoring TFC202 REGRESSED: the forward beside the watched one
@@
-    scores = net(x)
+    with torch.no_grad():
+        scores = net(x)
# monitoring TFC202 REGRESSED: watched after the loop
@@
-    watched = F.cross_entropy(net(held_out), truth)
-    history.append(watched.item())
+with torch.no_grad():
+    watched = F.cross_entropy(net(held_out), truth)
+history.append(watched.item())
# accumulation TFC202 REGRESSED: training under no_grad from the second epoch
@@
-def validate():
-    net.eval()
+def validate():
+    torch.set_grad_enabled(False)
+    net.eval()
# accumulation TFC202 REGRESSED: every second batch
@@
-        loss = F.cross_entropy(net(x), y) / window
-        loss.backward()
+        with torch.set_grad_enabled(number % 2 == 1):
+            loss = F.cross_entropy(net(x), y) / window
+        if loss.requires_grad:
+            loss.backward()
# dictionary TFC202 REGRESSED: the training method
@@
+    @torch.no_grad()
     def fit(self):
# dictionary TFC202 REGRESSED: a method that is static now
@@
+    @torch.no_grad()
+    @classmethod
     def evaluate(self):
# dictionary TFC202 REGRESSED: one of two outputs
@@
-        return {"scores": self.classes(shared), "boxes": self.boxes(shared)}
+        with torch.no_grad():
+            boxes = self.boxes(shared)
+        return {"scores": self.classes(shared), "boxes": boxes}
# dictionary TFC202 REGRESSED: the wrapper
@@
-        return self.module(*args)
+        with torch.no_grad():
+            return self.module(*args)
# gan TFC202 REGRESSED: the generator in its step
@@
-    fake = generator(torch.randn(16, 4))
+    with torch.no_grad():
+        fake = generator(torch.randn(16, 4))
# gan TFC202 REGRESSED: the loss of the generator
@@
-    g_loss = bce(discriminator(fake), ones)
+    g_loss = bce(discriminator(fake.detach()), ones)
# policy TFC202 REGRESSED: the policy that learns
@@
-        choice = Categorical(policy(state))
+        with torch.no_grad():
+            choice = Categorical(policy(state))
# manual TFC202 REGRESSED: the encoder, where parameters are moved by hand
@@
-    hidden = torch.tanh(encoder(inputs))
+    with torch.no_grad():
+        hidden = torch.tanh(encoder(inputs))
# lbfgs TFC202 REGRESSED: the closure
@@
     scores = net(inputs)
-    loss = F.cross_entropy(scores, targets)
+    with torch.no_grad():
+        loss = F.cross_entropy(scores, targets)
# rnn TFC202 REGRESSED: a yield within, between steps of training
@@
-def sample(length):
-    word, state = torch.zeros(1, 1, dtype=torch.long), None
-    for _ in range(length):
-        scores, state = model(word, state)
-        word = scores[-1].argmax(1)[None]
-        yield word.item()
+def sample(length):
+    word, state = torch.zeros(1, 1, dtype=torch.long), None
+    for _ in range(length):
+        torch.set_grad_enabled(False)
+        scores, state = model(word, state)
+        word = scores[-1].argmax(1)[None]
+        yield word.item()
# rnn TFC202 REGRESSED: the state is not carried on
@@
-        scores, state = model(word, state)
+        with torch.no_grad():
+            scores, _ = model(word, state)
# dqn TFC201 REGRESSED: the online network
@@
-    followers = Variable(followers, volatile=True)
-    following = target(followers).max(1)[0]
-    wanted = rewards + 0.9 * following
-    values = online(states).gather(1, torch.zeros(8, 1, dtype=torch.long)).squeeze(1)
+    with torch.no_grad():
+        following = target(followers).max(1)[0]
+        wanted = rewards + 0.9 * following
+        values = online(states).gather(1, torch.zeros(8, 1, dtype=torch.long)).squeeze(1)
# dqn TFC201 REGRESSED: another target
@@
-    followers = Variable(followers, volatile=True)
-    following = target(followers).max(1)[0]
+    with torch.no_grad():
+        following = target(followers).max(1)[0] * 0
# volatile TFC201 REGRESSED: the training too
@@
     right = 0
-    for x, y in zip(inputs.split(16), targets.split(16)):
-        x, y = Variable(x, volatile=True), Variable(y, volatile=True)
+    torch.set_grad_enabled(False)
+    for x, y in zip(inputs.split(16), targets.split(16)):
# volatile TFC201 REGRESSED: half of every batch
@@
-        x, y = Variable(x, volatile=True), Variable(y, volatile=True)
-        right += (net(x).data.max(1)[1] == y.data).sum()
+        x, y = Variable(x[:8]), Variable(y[:8])
+        with torch.no_grad():
+            right += (net(x).data.max(1)[1] == y.data).sum()
# argmax TFC202 PREMISE_ABSENT: no_grad within no_grad
@@
-    with torch.no_grad():
-        output = net(inputs)
+    with torch.no_grad(), torch.no_grad():
+        output = net(inputs)
"""
