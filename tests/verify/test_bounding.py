"""Loops in which a model works end early; all others, and the texts, stay as they are."""

from __future__ import annotations

import pytest
from running import Programs

HEAD = """
import torch
from torch import nn
net = nn.Linear(4, 2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
def step():
    optimizer.zero_grad()
    net(torch.randn(8, 4)).sum().backward()
    optimizer.step()
"""


def printed(programs: Programs, body: str, **job) -> list[str]:
    run = programs.run(HEAD + body, **job)
    assert run.status == "finished", (run.failure, run.output)
    return run.output.split()


def test_an_inner_loop_ends_after_four_and_an_outer_one_after_two(programs: Programs):
    run = programs.run(
        HEAD
        + """
for epoch in range(80):
    for batch in range(1000):
        step()
    with torch.no_grad():
        for batch in range(1000):
            net(torch.randn(8, 4))
    print("epoch", epoch)
print("saved")
"""
    )
    assert run.status == "finished"
    assert len(run.steps) == 8
    assert len(run.trainings) == 8 and len(run.evaluations) == 8
    assert run.output.split() == ["epoch", "0", "epoch", "1", "saved"]


def test_loops_without_work_run_to_their_end(programs: Programs):
    body = """
words = {}
for number in range(5000):
    words[number] = len(words)
total = sum(number for number in range(3000))
while len(words) > 10:
    words.popitem()
print(len(words), total)
"""
    assert printed(programs, body) == ["10", str(sum(range(3000)))]


@pytest.mark.parametrize(
    "loop",
    [
        "n = 0\nwhile True:\n    step(); n += 1\nprint(n)",
        "n = 0\nwhile n < 100:\n    step(); n += 1\nelse:\n    print(n)",
        "print(len([step() for _ in range(100)]))",
        "print(sum(1 for _ in range(100) if step() is None))",
        "n = 0\nfor n in range(1, 101):\n    step()\n    if n == 50:\n        break\nelse:\n    print(n)",
    ],
)
def test_every_kind_of_loop(programs: Programs, loop: str):
    assert printed(programs, loop + "\n") == ["4"]


def test_loops_of_a_forward_are_left_alone(programs: Programs):
    run = programs.run(
        """
        import torch
        from torch import nn
        class Recurrent(nn.Module):
            def __init__(self):
                super().__init__()
                self.cell = nn.Linear(4, 4)
                self.count = 0
            def forward(self, x):
                for step in range(50):
                    x = self.cell(x)
                    self.count += 1
                return x
        net = Recurrent()
        net(torch.zeros(1, 4)).sum().backward()
        print(net.count)
        """
    )
    assert run.output.split() == ["50"]
    assert len(run.forwards) == 1


def test_a_loop_left_by_an_exception_is_forgotten(programs: Programs):
    body = """
def broken():
    for batch in range(10):
        step()
        raise ValueError
for epoch in range(3):
    try:
        broken()
    except ValueError:
        print("caught")
for batch in range(9):
    step()
print("end")
"""
    assert printed(programs, body) == ["caught", "caught", "caught", "end"]


def test_limits_of_the_job(programs: Programs):
    body = "for epoch in range(9):\n    for batch in range(9):\n        step()\n"
    assert len(programs.run(HEAD + body, limits={"inner": 3, "outer": 1}).steps) == 3
    stopped = programs.run(HEAD + body, limits={"inner": 9, "outer": 9, "steps": 5})
    assert (stopped.status, stopped.why, len(stopped.steps)) == ("stopped", "steps", 5)


def test_imported_modules_are_bounded_too_and_others_are_not(programs: Programs):
    run = programs.run(
        {
            "main.py": "from pkg.train import train\ntrain(100)\n",
            "pkg/__init__.py": "",
            "pkg/train.py": HEAD + "def train(n):\n    for i in range(n):\n        step()\n",
        }
    )
    assert len(run.steps) == 4
    assert run.forwards[0].stack[-1] == ("main.py", 2)


def test_the_program_sees_itself_as_python_would_have_it(programs: Programs):
    run = programs.run(
        '''
        """Its docstring."""
        from __future__ import annotations
        import pickle, sys, os
        class Config:
            """Of the class."""
            value: undefined_name = 1
        def function():
            "of the function"
            for i in []:
                pass
        copy = pickle.loads(pickle.dumps(Config()))
        print(__doc__, __name__, os.path.basename(__file__), sys.argv[1:], type(copy) is Config, function.__doc__)
        import helper
        print(helper.answer)
        ''',
        args=["--epochs", "1"],
        marks={"main.py": [["m", 1, 40]]},
    )
    assert run.failure.kind == "ModuleNotFoundError"
    assert run.failure.missing == "helper"
    assert run.output.startswith("Its docstring. __main__ main.py ['--epochs', '1'] True of the function")
    assert run.hits == {"m"}


def test_a_loop_over_batches_that_evaluates_now_and_then_comes_round_to_training(programs: Programs):
    run = programs.run(
        HEAD
        + """
for epoch in range(9):
    for batch in range(1000):
        step()
        if batch % 2 == 1:
            for held_back in range(1000):
                net(torch.randn(8, 4))
"""
    )
    assert len(run.steps) == 8
    assert [forward.used for forward in run.forwards[:11]] == [True] * 2 + [False] * 4 + [True] * 2 + [False] * 3


def test_where_nothing_is_trained_a_loop_may_go_further(programs: Programs):
    body = """
with torch.no_grad():
    print(len([net(torch.randn(1, 4)) for letter in range(10)]), len([net(torch.randn(1, 4)) for letter in range(90)]))
for epoch in range(9):
    for batch in range(9):
        step()
    print(epoch)
"""
    assert printed(programs, body) == ["4", "4", "0", "1"]
    assert printed(programs, body, limits={"evaluating": 64}) == ["10", "64", "0", "1"]
