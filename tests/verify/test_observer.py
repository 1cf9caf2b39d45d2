"""What the observer sees of forwards, backwards, steps and functions, against what can be counted by hand."""

from __future__ import annotations

import pytest
from running import Programs


def test_used_and_unused_forwards(programs: Programs):
    run = programs.run(
        """
        import torch
        from torch import nn
        net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 2))
        x = torch.randn(6, 4)
        net(x).sum().backward()
        net(x)
        with torch.no_grad():
            net(x)
        net.eval()
        net(x)
        """
    )
    seen = [(f.used, f.graph, f.mode, f.statistics, f.dropped) for f in run.forwards]
    assert seen == [
        (True, True, "train", 1, 1),
        (False, True, "train", 1, 1),
        (False, False, "train", 1, 1),
        (False, True, "eval", 0, 0),
    ]
    assert [f.training for f in run.forwards] == [2, 2, 2, 0]


def test_running_statistics_are_told_by_their_counter(programs: Programs):
    """`running_mean._version` does not change although the values do: asking it would silently report nothing."""
    run = programs.run(
        """
        import torch
        from torch import nn
        norm = nn.BatchNorm1d(3)
        mean, version = norm.running_mean.clone(), norm.running_mean._version
        norm(torch.randn(5, 3) + 7)
        print(bool((norm.running_mean != mean).all()), norm.running_mean._version == version)
        norm.eval()
        norm(torch.randn(5, 3))
        """
    )
    assert run.output.split() == ["True", "True"]
    assert [forward.statistics for forward in run.forwards] == [1, 0]


def test_saved_bytes_against_a_count_by_hand(programs: Programs):
    """Input of 32 x 20, ReLU output of 32 x 512: each once, parameters left out."""
    run = programs.run(
        """
        import torch
        from torch import nn
        net = nn.Sequential(nn.Linear(20, 512), nn.ReLU(), nn.Linear(512, 10))
        net(torch.randn(32, 20)).sum().backward()
        with torch.no_grad():
            net(torch.randn(32, 20))
        """
    )
    assert [forward.saved for forward in run.forwards] == [32 * 20 * 4 + 32 * 512 * 4, 0]


def test_observation_does_not_hide_a_value_changed_in_place(programs: Programs):
    program = """
        import torch
        from torch import nn
        first, second = nn.Linear(3, 3), nn.Linear(3, 1)
        optimizer = torch.optim.SGD(second.parameters(), lr=0.1)
        out = second(torch.tanh(first(torch.ones(2, 3))))
        out.mean().backward(retain_graph=True)
        optimizer.step()
        {}
        """
    broken = programs.run(program.format("out.sum().backward()"))
    assert broken.failure.kind == "RuntimeError"
    assert "modified by an inplace operation" in broken.failure.message
    assert broken.failure.place == ("main.py", 9)
    assert programs.run(program.format("second(torch.ones(2, 3)).sum().backward()")).status == "finished"
    looked_for = programs.run(program.format("out.sum().backward()"), anomaly=True)
    assert looked_for.failure.cause == ("main.py", 6)


def test_a_second_backward_still_raises(programs: Programs):
    run = programs.run(
        """
        import torch
        net = torch.nn.Linear(3, 1)
        loss = net(torch.ones(2, 3)).pow(2).sum()
        loss.backward()
        loss.backward()
        """
    )
    assert "second time" in run.failure.message


def test_double_backward_checkpoint_and_custom_functions_are_as_without_observation(programs: Programs):
    run = programs.run(
        """
        import torch
        from torch import nn
        from torch.utils.checkpoint import checkpoint
        class Twice(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x * x
            @staticmethod
            def backward(ctx, g):
                return 2 * ctx.saved_tensors[0] * g
        net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        x = torch.ones(2, 3, requires_grad=True)
        gradient, = torch.autograd.grad(net(x).sum(), x, create_graph=True)
        gradient.pow(2).sum().backward()
        for reentrant in (True, False):
            checkpoint(net, x, use_reentrant=reentrant).sum().backward()
        Twice.apply(net(x)).sum().backward()
        print("all", len(list(net.parameters())))
        """
    )
    assert run.status == "finished", run.failure
    assert len(run.backwards) >= 4


@pytest.mark.parametrize(
    "made, activation",
    [
        ("net(x)", ""),
        ("F.softmax(net(x), dim=1)", "softmax"),
        ("torch.softmax(net(x), 1).view(8, 5)", "softmax"),
        ("nn.Softmax(dim=1)(net(x))[:, :4]", "softmax"),
        ("net(x).sigmoid()", "sigmoid"),
        ("F.log_softmax(net(x), dim=1)", "log_softmax"),
        ("F.softmax(net(x), dim=1) * 3", ""),
        ("F.softmax(net(x), dim=1).log()", "log"),
        ("F.softmax(net(x), dim=1).detach()", "softmax"),
    ],
)
def test_what_enters_cross_entropy(programs: Programs, made: str, activation: str):
    run = programs.run(
        f"""
        import torch
        import torch.nn.functional as F
        from torch import nn
        net, x = nn.Linear(3, 5), torch.randn(8, 3)
        nn.CrossEntropyLoss()({made}, torch.randint(0, 4, (8,)))
        """
    )
    (call,) = [call for call in run.calls if call.kind == "ce"]
    assert call.facts["activation"] == activation
    assert call.place == ("main.py", 6)


def test_steps_know_whether_gradients_were_cleared(programs: Programs):
    run = programs.run(
        """
        import torch
        net = torch.nn.Linear(3, 1)
        optimizer = torch.optim.Adam(net.parameters())
        def train(*clear):
            for each in clear:
                each()
            net(torch.ones(2, 3)).sum().backward()
            optimizer.step()
        train(optimizer.zero_grad)
        train(net.zero_grad)
        train()
        net(torch.ones(2, 3)).sum().backward()
        train(optimizer.zero_grad)
        """
    )
    assert [step.cleared for step in run.steps] == [True, True, False, True]
    assert [step.backwards for step in run.steps] == [1, 1, 1, 2]
    assert all(step.norm > 0 for step in run.steps)


def test_the_same_program_is_the_same_bit_for_bit(programs: Programs):
    program = """
        import torch, random
        from torch import nn
        from torch.utils.data import DataLoader, TensorDataset
        net = nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.3), nn.Linear(16, 3))
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1 + random.random())
        data = TensorDataset(torch.randn(256, 8), torch.randint(0, 3, (256,)))
        for epoch in range(3):
            for x, y in DataLoader(data, batch_size=16, shuffle=True, num_workers=2):
                optimizer.zero_grad()
                nn.functional.cross_entropy(net(x), y).backward()
                optimizer.step()
            {}
        """
    first, second, evaluated = (programs.run(program.format(x)) for x in ("pass", "pass", "net(data[0][0][None])"))
    assert len(first.checksums) == 8
    assert first.checksums == second.checksums == evaluated.checksums
    assert programs.run(program.format("pass"), seed=1).checksums != first.checksums


def test_dropout_and_shapes(programs: Programs):
    run = programs.run(
        """
        import torch
        import torch.nn.functional as F
        from torch import nn
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer, self.drop = nn.Linear(4, 4), nn.Dropout(0.5)
            def forward(self, x):
                return F.dropout(self.drop(self.layer(x)), 0.5)
        net = Net().eval()
        net(torch.ones(1, 4))
        F.interpolate(torch.ones(1, 3, 4, 4), scale_factor=2)
        torch.arange(9).index_select(0, torch.tensor([1, 8]))
        F.interpolate(torch.ones(3, 4, 4), size=(8, 8), mode="bilinear")
        """
    )
    (forward,) = run.forwards
    assert (forward.mode, forward.dropped) == ("eval", 1)
    dropped = [(c.facts["active"], c.facts["training"]) for c in run.calls if c.kind == "dropout"]
    assert dropped == [(False, False), (True, False)]
    shapes = [(c.facts["shape"], c.facts["out"], c.facts["error"]) for c in run.calls if c.kind == "interpolate"]
    assert shapes[0] == ([1, 3, 4, 4], [1, 3, 8, 8], "")
    assert shapes[1][2] == "ValueError"
    (index,) = [c.facts for c in run.calls if c.kind == "index"]
    assert (index["low"], index["high"], index["size"]) == (1, 8, 9)


def test_marks_are_hit_where_their_lines_run(programs: Programs):
    program = """
        import torch
        @torch.no_grad()
        def evaluate(x):
            "docstring"
            return x
        def never():
            return 1
        if len("a") == 2:
            print("never")
        else:
            evaluate(1)
        """
    marks = [["decorator", 3, 3], ["never", 8, 8], ["branch", 10, 10], ["call", 12, 12], ["header", 9, 9]]
    run = programs.run(program, marks={"main.py": marks})
    assert run.status == "finished", run.failure
    assert run.hits == {"decorator", "call", "header"}


def test_evaluations_can_be_asked_twice(programs: Programs):
    program = """
        import torch
        from torch import nn
        net = nn.Sequential(nn.Linear(4, 64), nn.Dropout(0.5), nn.BatchNorm1d(64))
        net(torch.randn(4, 4)).sum().backward()
        net.eval()
        net(torch.randn(4, 4))
        net[1].train()
        net(torch.randn(4, 4)).sum().backward()
        """
    run = programs.run(program, repeat=True)
    assert run.status == "finished", run.failure
    assert [forward.repeats for forward in run.forwards] == [None, True, False]
    assert {forward.repeats for forward in programs.run(program).forwards} == {None}
