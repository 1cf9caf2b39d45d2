"""Right fixes of backward passes that keep their graph, and the verdicts that they must get."""

from __future__ import annotations

GRAPHS = """
# needless TFC203 IMPROVED: the argument removed
@@
-    loss.backward(retain_graph=True)
+    loss.backward()
# undetached TFC203 IMPROVED: the output of the generator detached
@@
-    d_loss = discriminator(fake).mean() - discriminator(torch.randn(16, 8)).mean()
+    d_loss = discriminator(fake.detach()).mean() - discriminator(torch.randn(16, 8)).mean()
@@
-    d_loss.backward(retain_graph=True)
+    d_loss.backward()
# listing TFC203 FIXED_CRASH: one net after the other
@@
-    score = discriminator(fake)
+    score = discriminator(fake.detach())
@@
-    g_loss = -score.mean()
@@
-    d_loss.backward(retain_graph=True)
-    d_optimizer.step()
+    d_loss.backward()
+    d_optimizer.step()
+    g_loss = -discriminator(fake).mean()
# listing TFC203 FIXED_CRASH: both from one graph
@@
-    d_loss.backward(retain_graph=True)
-    d_optimizer.step()
+    d_loss.backward(retain_graph=True, inputs=list(discriminator.parameters()))
@@
-    g_loss.backward()
+    g_loss.backward(inputs=list(generator.parameters()))
+    d_optimizer.step()
# recurrent TFC203 FIXED_CRASH: detached where the round begins
@@
-    output, state = cell(torch.randn(5, 3, 4), state)
+    state = state.detach()
+    output, state = cell(torch.randn(5, 3, 4), state)
@@
-    loss.backward(retain_graph=True)
+    loss.backward()
"""
