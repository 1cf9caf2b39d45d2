"""Right fixes of targets, and the verdicts that they must get."""

from __future__ import annotations

RIGHT_TARGET_FIXES = """
# teacher TFC105 CHANGED_AS_INTENDED: under no_grad
@@
-    hint = teacher(x)
+    with torch.no_grad():
+        hint = teacher(x)
# teacher TFC105 CHANGED_AS_INTENDED: detached where it is computed
@@
-    hint = teacher(x)
+    hint = teacher(x).detach()
# leaf TFC105 EQUIVALENT: without the flag
@@
-.tolist(), requires_grad=True)
+.tolist())
"""
