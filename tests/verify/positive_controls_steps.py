"""Right fixes of clearing and of accumulated gradients."""

from __future__ import annotations

STEPS = """
# uncleared TFC204 CHANGED_AS_INTENDED: before the forward
@@
-        output = net(x)
+        optimizer.zero_grad()
+        output = net(x)
# uncleared TFC204 CHANGED_AS_INTENDED: by the model, behind the step
@@
         optimizer.step()
+        net.zero_grad()
# uncleared TFC204 CHANGED_AS_INTENDED: by hand
@@
-        output = net(x)
+        for p in net.parameters():
+            p.grad = None
+        output = net(x)
# lost TFC204 CHANGED_AS_INTENDED: moved before the backward pass
@@
-        loss.backward()
-        optimizer.zero_grad()
-        optimizer.step()
+        optimizer.zero_grad()
+        loss.backward()
+        optimizer.step()
# endless TFC204 CHANGED_AS_INTENDED: behind the step
@@
             optimizer.step()
+            optimizer.zero_grad()
# forgotten TFC204 CHANGED_AS_INTENDED: before both of its backward passes
@@
-    real_loss.backward()
+    optimizer_d.zero_grad()
+    real_loss.backward()
# summed TFC205 CHANGED_AS_INTENDED: divided
@@
-        loss.backward()
+        (loss / 3).backward()
# thrown TFC205 CHANGED_AS_INTENDED: cleared behind the step
@@
-        optimizer.zero_grad()
-        loss = criterion(net(x), y) / 3
+        loss = criterion(net(x), y) / 3
@@
             optimizer.step()
+            optimizer.zero_grad()
"""
