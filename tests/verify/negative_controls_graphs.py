"""Wrong fixes of backward passes that keep their graph."""

from __future__ import annotations

GRAPHS = """
# trunk TFC203 INCONCLUSIVE/REGRESSED: a detach that the trunk does not want
@@
-    loss = left(features).pow(2).mean()
-    loss.backward(retain_graph=True)
+    loss = left(features.detach()).pow(2).mean()
+    loss.backward()
# trunk TFC203 REGRESSED: the argument removed where it is needed
@@
-    loss.backward(retain_graph=True)
+    loss.backward()
# undetached TFC203 REGRESSED: the argument removed, and no detach
@@
-    d_loss.backward(retain_graph=True)
+    d_loss.backward()
# undetached TFC203 REGRESSED: the generator detached for both
@@
-    fake = generator(torch.randn(16, 4))
+    fake = generator(torch.randn(16, 4)).detach()
@@
-    d_loss.backward(retain_graph=True)
+    d_loss.backward()
# needless TFC203 REGRESSED: the pass is taken out with its argument
@@
-    loss.backward(retain_graph=True)
-    optimizer.step()
+    optimizer.step()
# needless TFC203 REGRESSED: the last layer learns alone
@@
-    loss = criterion(net(x), y)
+    loss = criterion(net[2](net[:2](x).detach()), y)
@@
-    loss.backward(retain_graph=True)
+    loss.backward()
# needless TFC203 NOT_FIXED: kept by its position
@@
-    loss.backward(retain_graph=True)
+    loss.backward(None, True)
# listing TFC203 INCONCLUSIVE: no graph kept, and the same order
@@
-    d_loss.backward(retain_graph=True)
+    d_loss.backward()
# listing TFC203 REGRESSED: the generator gets no gradients
@@
-    fake = generator(torch.randn(16, 4))
+    fake = generator(torch.randn(16, 4)).detach()
@@
-    g_loss = -score.mean()
@@
-    d_optimizer.step()
+    d_optimizer.step(); g_loss = -discriminator(fake).mean()
# listing TFC203 INCONCLUSIVE/REGRESSED: the discriminator is never stepped
@@
-    d_optimizer.step()
+    pass
# recurrent TFC203 INCONCLUSIVE: the state is detached, but not for the next round
@@
-    loss = head(output).pow(2).mean()
+    last = state.detach(); loss = head(output).pow(2).mean()
@@
-    loss.backward(retain_graph=True)
+    loss.backward()
"""
