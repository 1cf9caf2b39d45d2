"""Wrong fixes of what losses get."""

from __future__ import annotations

LOSSES = """
# ce_log_softmax TFC102 REGRESSED: a softmax in its place
@@
-        return F.log_softmax(x, dim=1)
+        return F.softmax(x, dim=1)
# ce_log_softmax TFC102 REGRESSED: the layer before goes too
@@
-        return F.log_softmax(x, dim=1)
+        return x * 0.1
# ce_read TFC102 REGRESSED: the evaluation reads log-probabilities
@@
-        return F.log_softmax(x, dim=1)
+        return x
# nll_right TFC102 PREMISE_ABSENT: NLL needs it
@@
-        return F.log_softmax(x, dim=1)
+        return x
# bce_twice TFC103 REGRESSED: the evaluation compares probabilities
@@
-        return torch.sigmoid(x)
+        return x
# bce_twice TFC103 REGRESSED: the loss changes its reduction
@@
-        return torch.sigmoid(x)
+        return x
@@
-criterion = nn.BCEWithLogitsLoss()
+criterion = nn.BCEWithLogitsLoss(reduction="sum")
@@
-        print((output > 0.5).sum().item())
+        print((torch.sigmoid(output) > 0.5).sum().item())
# bce_twice TFC103 REGRESSED: the sign is lost
@@
-        return torch.sigmoid(x)
+        return -x
@@
-        print((output > 0.5).sum().item())
+        print((torch.sigmoid(output) > 0.5).sum().item())
# bce_right TFC103 PREMISE_ABSENT/REGRESSED: BCELoss wants probabilities
@@
-        return torch.sigmoid(x)
+        return x
# nll_softmax TFC104 REGRESSED/NOT_FIXED: over the batch
@@
-        return F.softmax(x, dim=1)
+        return F.log_softmax(x, dim=0)
# nll_softmax TFC104 NOT_FIXED: the softmax goes, and the loss stays
@@
-        return F.softmax(x, dim=1)
+        return x
# nll_softmax TFC104 REGRESSED: the weights are lost
@@
-        return F.softmax(x, dim=1)
+        return x
@@
-criterion = nn.NLLLoss(weight=weight)
+criterion = nn.CrossEntropyLoss()
# nll_softmax TFC104 NOT_FIXED: cross entropy of the softmax
@@
-criterion = nn.NLLLoss(weight=weight)
+criterion = nn.CrossEntropyLoss(weight=weight)
# nll_scores TFC104 NOT_FIXED: a softmax, but no logarithm
@@
-        return x
+        return F.softmax(x, dim=1)
# nll_scores TFC104 REGRESSED: the weights are lost
@@
-criterion = nn.NLLLoss(weight=weight)
+criterion = nn.CrossEntropyLoss()
# nll_log TFC104 REGRESSED: the logarithm goes, the softmax stays
@@
-        return torch.log(F.softmax(x, dim=1))
+        return F.softmax(x, dim=1)
# nll_log TFC104 REGRESSED: over the batch
@@
-        return torch.log(F.softmax(x, dim=1))
+        return F.log_softmax(x, dim=0)
# nll_right TFC104 PREMISE_ABSENT: it was right
@@
-criterion = nn.NLLLoss()
+criterion = nn.CrossEntropyLoss()
# bce_scores TFC104 REGRESSED: clamped
@@
-        return x * 5
+        return (x * 5).clamp(0, 1)
# bce_scores TFC104 REGRESSED: a softmax over the batch
@@
-        return x * 5
+        return F.softmax(x * 5, dim=0)
# bce_scores TFC104 REGRESSED: the sign is lost
@@
-        return x * 5
+        return torch.sigmoid(x * -5)
"""

RIGHT = """
# ce_log_softmax TFC102 EQUIVALENT: it goes
@@
-        return F.log_softmax(x, dim=1)
+        return x
# bce_twice TFC103 CHANGED_AS_INTENDED: the sigmoid moves to the reader
@@
-        return torch.sigmoid(x)
+        return x
@@
-        print((output > 0.5).sum().item())
+        print((torch.sigmoid(output) > 0.5).sum().item())
# nll_softmax TFC104 CHANGED_AS_INTENDED: a log_softmax
@@
-        return F.softmax(x, dim=1)
+        return F.log_softmax(x, dim=1)
# nll_softmax TFC104 CHANGED_AS_INTENDED: cross entropy
@@
-        return F.softmax(x, dim=1)
+        return x
@@
-criterion = nn.NLLLoss(weight=weight)
+criterion = nn.CrossEntropyLoss(weight=weight)
# nll_scores TFC104 CHANGED_AS_INTENDED: cross entropy
@@
-criterion = nn.NLLLoss(weight=weight)
+criterion = nn.CrossEntropyLoss(weight=weight)
# nll_log TFC104 EQUIVALENT: in one step
@@
-        return torch.log(F.softmax(x, dim=1))
+        return F.log_softmax(x, dim=1)
# bce_scores TFC104 FIXED_CRASH: the loss on logits
@@
-criterion = nn.BCELoss()
+criterion = nn.BCEWithLogitsLoss()
# bce_scores TFC104 FIXED_CRASH: a sigmoid in the model
@@
-        return x * 5
+        return torch.sigmoid(x * 5)
"""
