"""The claims that rule pages make: each asserts something about the run before and the run after."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from observation import Observed


def works(before: Observed, after: Observed) -> None:
    """Both programs run to their end."""
    assert before.error is None, before.error
    assert after.error is None, after.error


def raises_before(before: Observed, after: Observed) -> None:
    """Today's torch refuses the program before, and runs it afterwards."""
    assert before.error is not None, "the program ran before"
    assert after.error is None, after.error


def softmax_gone(before: Observed, after: Observed) -> None:
    """Softmax (or sigmoid) was applied to what entered the loss; afterwards it is not."""
    works(before, after)
    assert any(loss.activated for loss in before.losses)
    assert after.losses and not any(loss.activated for loss in after.losses)


def floor_gone(before: Observed, after: Observed) -> None:
    """No loss was under ln(e + C - 1) - 1; afterwards training gets below it."""
    works(before, after)
    floors = [math.log(math.e + loss.classes - 1) - 1 for loss in before.losses]
    assert all(loss.value > floor - 1e-5 for loss, floor in zip(before.losses, floors, strict=True))
    assert min(loss.value for loss in after.losses) < min(floors)


def sigmoid_floor_gone(before: Observed, after: Observed) -> None:
    """No loss on logits was under 0.313, its least of a sigmoid; afterwards training gets below it."""
    works(before, after)
    assert before.losses and min(loss.value for loss in before.losses) > 0.313
    assert min(loss.value for loss in after.losses) < 0.313


def no_negative_loss(before: Observed, after: Observed) -> None:
    """The likelihood of classes was above 1, a loss under 0; afterwards none is."""
    works(before, after)
    assert min(loss.value for loss in before.losses) < 0
    assert after.losses and min(loss.value for loss in after.losses) >= 0


def finite_loss(before: Observed, after: Observed) -> None:
    """A loss was infinite or no number; afterwards none is."""
    works(before, after)
    assert not all(math.isfinite(loss.value) for loss in before.losses)
    assert after.losses and all(math.isfinite(loss.value) for loss in after.losses)


def same_output(before: Observed, after: Observed) -> None:
    """Both print the same."""
    works(before, after)
    assert before.output == after.output != ""


def volatile_warning_gone(before: Observed, after: Observed) -> None:
    """The warning that `volatile` has no effect is gone."""
    works(before, after)
    assert any("volatile" in message for message in before.warnings)
    assert not any("volatile" in message for message in after.warnings)


def no_graph_in_eval(before: Observed, after: Observed) -> None:
    """Evaluation built graphs; afterwards it builds none."""
    works(before, after)
    assert any(forward.graph for forward in before.evaluation)
    assert after.evaluation and not any(forward.graph for forward in after.evaluation)
    assert len(after.training) == len(before.training)


def fewer_graphs(before: Observed, after: Observed) -> None:
    """Gradients reached a network that only computes targets; afterwards fewer forwards build graphs."""
    works(before, after)
    assert len(after.forwards) == len(before.forwards)
    assert sum(forward.graph for forward in after.forwards) < sum(forward.graph for forward in before.forwards)
    assert after.evaluation and not any(forward.graph for forward in after.evaluation)


def training_loss_unchanged(before: Observed, after: Observed) -> None:
    """Every loss on which `backward` is called has the same value."""
    works(before, after)
    assert before.backward_values
    torch.testing.assert_close(
        torch.tensor(after.backward_values), torch.tensor(before.backward_values), rtol=1e-4, atol=1e-5
    )


def target_released(before: Observed, after: Observed) -> None:
    """The target of a loss needed gradients; afterwards none does."""
    works(before, after)
    assert any(before.targets)
    assert after.targets and not any(after.targets)


def fewer_gradients(before: Observed, after: Observed) -> None:
    """Parameters that nobody trains got gradients; afterwards fewer have one."""
    works(before, after)
    assert 0 < after.gradients < before.gradients


def two_evaluations_equal(before: Observed, after: Observed) -> None:
    """Evaluating a batch twice gave two answers or moved running statistics; afterwards neither."""
    works(before, after)
    assert not all(forward.repeatable for forward in before.evaluation)
    assert after.evaluation and all(forward.repeatable for forward in after.evaluation)


def dropout_in_training(before: Observed, after: Observed) -> None:
    """Training repeated itself although it has dropout; afterwards it does not."""
    works(before, after)
    assert before.training and all(forward.repeatable for forward in before.training)
    assert after.training and not any(forward.repeatable for forward in after.training)


def train_mode_at_backward(before: Observed, after: Observed) -> None:
    """Some training ran in evaluation mode; afterwards all of it runs in training mode."""
    works(before, after)
    assert not all(forward.training for forward in before.training)
    assert after.training and all(forward.training for forward in after.training)


def training_stays_in_train_mode(before: Observed, after: Observed) -> None:
    """The fix did not put training into evaluation mode."""
    works(before, after)
    assert after.training and all(forward.training for forward in after.training)


def gradients_cleared(before: Observed, after: Observed) -> None:
    """Steps used gradients that older steps had used already; afterwards none does, and there are as many steps."""
    works(before, after)
    assert any(step.stale for step in before.steps.found)
    gradients_are_fresh(after, after)
    assert len(after.steps.found) == len(before.steps.found)


def gradients_are_fresh(before: Observed, after: Observed) -> None:
    """Each step uses the gradients of all backward passes since the one before, and no others."""
    works(before, after)
    for run in (before, after):
        assert run.steps.found and not any(step.stale for step in run.steps.found)
        assert all(step.used for step in run.steps.found)


def steps_move(before: Observed, after: Observed) -> None:
    """No step changed a parameter; afterwards each does."""
    works(before, after)
    assert before.steps.found and not any(step.moved for step in before.steps.found)
    assert len(after.steps.found) == len(before.steps.found) and all(step.moved for step in after.steps.found)


def windows_whole(before: Observed, after: Observed) -> None:
    """Steps used fewer backward passes than had run; afterwards each uses all."""
    works(before, after)
    assert any(step.used < step.ran for step in before.steps.found)
    assert len(after.steps.found) == len(before.steps.found)
    assert all(step.used == step.ran > 1 for step in after.steps.found)


def first_step_divided(before: Observed, after: Observed) -> None:
    """The first step's gradient is divided by the number of its backward passes."""
    works(before, after)
    first, other = before.steps.found[0], after.steps.found[0]
    assert first.used == other.used > 1 and math.isclose(first.norm, other.norm * first.used, rel_tol=1e-3)


def rest_used(before: Observed, after: Observed) -> None:
    """The last backward passes were followed by no step; afterwards they are."""
    works(before, after)
    assert before.steps.left and not after.steps.left
    assert len(after.steps.found) > len(before.steps.found)


#: Claims that need each forward called twice.
REPLAYING = {"two-evaluations-equal", "dropout-in-training"}

CLAIMS: dict[str, Callable[[Observed, Observed], None]] = {
    claim.__name__.replace("_", "-"): claim
    for claim in (
        works,
        raises_before,
        softmax_gone,
        floor_gone,
        sigmoid_floor_gone,
        no_negative_loss,
        finite_loss,
        same_output,
        volatile_warning_gone,
        no_graph_in_eval,
        fewer_graphs,
        training_loss_unchanged,
        target_released,
        fewer_gradients,
        two_evaluations_equal,
        dropout_in_training,
        train_mode_at_backward,
        training_stays_in_train_mode,
        gradients_cleared,
        gradients_are_fresh,
        steps_move,
        windows_whole,
        first_step_divided,
        rest_used,
    )
}
