"""Wrong fixes of targets: what learns loses its gradient, the graph stays, or the target is another one."""

from __future__ import annotations

TARGET_FIXES = """
# teacher TFC105 REGRESSED: the student's side is cut
@@
-    loss = criterion(output, hint) + criterion(student(x), projection(hint))
+    loss = criterion(output.detach(), hint) + criterion(student(x).detach(), projection(hint))
# teacher TFC105 REGRESSED/INCONCLUSIVE: the student runs without a graph too
@@
-    hint = teacher(x)
-    output = projection(student(x))
+    with torch.no_grad():
+        hint = teacher(x)
+        output = projection(student(x))
# teacher TFC105 REGRESSED/INCONCLUSIVE: a projection that learns is cut off
@@
-projection(hint))
+projection(hint).detach())
# teacher TFC105 REGRESSED: the teacher is put into evaluation mode as well
@@
-    hint = teacher(x)
+    teacher.eval()
+    with torch.no_grad():
+        hint = teacher(x)
# teacher TFC105 REGRESSED: the classes instead of the numbers
@@
-    hint = teacher(x)
+    hint = F.one_hot(teacher(x).argmax(1), 4).float()
# teacher TFC105 NOT_FIXED: the input is detached
@@
-    hint = teacher(x)
+    hint = teacher(x.detach())
# teacher TFC105 REGRESSED: no_grad switched off for the rest too
@@
-    hint = teacher(x)
+    torch.set_grad_enabled(False)
+    hint = teacher(x)
# frozen_teacher TFC105 PREMISE_ABSENT: there is no graph to cut
@@
-teacher(x))
+teacher(x).detach())
# mutual TFC105 REGRESSED: one of two that learn is cut off
@@
-two(x))
+two(x).detach())
# bootstrapped TFC105 INCONCLUSIVE: another algorithm, which may be meant
@@
-    loss = F.smooth_l1_loss(value(x), wanted)
+    loss = F.smooth_l1_loss(value(x), wanted.detach())
# leaf TFC105 REGRESSED: the target is lost
@@
-    y = torch.tensor(x.sum(1, keepdim=True).tolist(), requires_grad=True)
+    y = torch.zeros(len(x), 1)
# leaf TFC105 NOT_FIXED: the flag is set all the same
@@
-.tolist(), requires_grad=True)
+.tolist()).requires_grad_()
"""
