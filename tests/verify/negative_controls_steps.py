"""Wrong fixes of clearing and of accumulated gradients."""

from __future__ import annotations

STEPS = """
# windows TFC204 PREMISE_ABSENT: the accumulation is cleared in every round
@@
-        loss = criterion(net(x), y) / 3
+        optimizer.zero_grad()
+        loss = criterion(net(x), y) / 3
# endless TFC204 REGRESSED: cleared in every round, where the step is every second
@@
-        loss = criterion(net(x), y) / 2
+        optimizer.zero_grad()
+        loss = criterion(net(x), y) / 2
# mlp TFC204 PREMISE_ABSENT: cleared twice
@@
         output = net(x)
+        optimizer.zero_grad()
         loss = criterion(output, y)
# byhand TFC204 PREMISE_ABSENT: cleared by hand already
@@
-        criterion(net(x), y).backward()
+        optimizer.zero_grad()
+        criterion(net(x), y).backward()
# uncleared TFC204 NOT_FIXED: cleared once
@@
-for epoch in range(3):
+optimizer.zero_grad()
+for epoch in range(3):
# uncleared TFC204 NOT_FIXED/REGRESSED: between the backward pass and the step
@@
         loss.backward()
+        optimizer.zero_grad()
         optimizer.step()
# uncleared TFC204 REGRESSED: the step out of the loop
@@
-        loss.backward()
-        optimizer.step()
+        loss.backward()
+    optimizer.step()
+    optimizer.zero_grad()
# uncleared TFC204 REGRESSED: a name that is not there
@@
-        output = net(x)
+        optim.zero_grad()
+        output = net(x)
# lost TFC204 NOT_FIXED/REGRESSED: it goes, and nothing comes
@@
-        loss.backward()
-        optimizer.zero_grad()
-        optimizer.step()
+        optimizer.zero_grad()
+        optimizer.step()
+        loss.backward()
+        optimizer.zero_grad()
# forgotten TFC204 NOT_FIXED: the other optimizer once more
@@
-    real_loss.backward()
+    optimizer_g.zero_grad()
+    real_loss.backward()
# summed TFC205 NOT_FIXED: the loss is divided behind the backward pass
@@
         loss.backward()
+        loss = loss / 3
# summed TFC205 NOT_FIXED: divided by another number
@@
-        loss.backward()
+        (loss / 30).backward()
# summed TFC205 REGRESSED: cleared in every round
@@
-        loss = criterion(net(x), y)
+        optimizer.zero_grad()
+        loss = criterion(net(x), y)
# thrown TFC205 REGRESSED: a smaller window
@@
-        if (i + 1) % 3 == 0:
-            optimizer.step()
+        if (i + 1) % 6 == 0:
+            optimizer.step()
# uncleared TFC205 PREMISE_ABSENT: nothing is added up on purpose
@@
-        loss.backward()
+        (loss / 3).backward()
"""
