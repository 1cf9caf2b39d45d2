"""Programs that end in every way but the ordinary one: each leaves a clear report, and the observer goes on."""

from __future__ import annotations

import pytest
from running import Programs

from torchfix_codemods.verify.comparison import Comparison
from torchfix_codemods.verify.verdict import cause_of

TRAIN = """
import torch, os, sys, time
net = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
def train():
    for batch in range(2):
        optimizer.zero_grad()
        net(torch.randn(8, 4)).sum().backward()
        optimizer.step()
"""


@pytest.mark.parametrize(
    "ending, status, why",
    [
        ("sys.exit()", "exit", ""),
        ("sys.exit(0)", "exit", ""),
        ("sys.exit('no good')", "exit", "no good"),
        ("os._exit(0)", "exit", ""),
        ("os._exit(3)", "exit", "3"),
        ("raise KeyboardInterrupt", "crashed", ""),
        ("import threading; threading.Thread(target=time.sleep, args=(99,)).start()", "finished", ""),
        ("if os.fork() == 0:\n    net(torch.randn(1, 4)); os._exit(0)\nos.wait()", "finished", ""),
        ("import shutil; shutil.rmtree(os.getcwd())", "finished", ""),
        ("print('x' * 30_000_000)", "finished", ""),
        ("import multiprocessing\nmultiprocessing.Process(target=print).start()", "finished", ""),
    ],
)
def test_endings(programs: Programs, ending: str, status: str, why: str):
    run = programs.run(TRAIN + "train()\n" + ending + "\n")
    assert (run.status, run.why) == (status, why), (run.failure, run.output[-500:])
    assert len(run.steps) == 2


def test_a_process_that_is_killed_still_counts_for_what_it_has_told(programs: Programs):
    run = programs.run(TRAIN + "train()\nos.kill(os.getpid(), 9)\n")
    assert run.status == "killed"
    assert len(run.steps) == 2
    assert programs.run(TRAIN + "train()\n").status == "finished"


def test_a_server_that_never_ends_is_stopped(programs: Programs):
    run = programs.run(TRAIN + "while True:\n    time.sleep(0.1)\n", limits={"seconds": 1})
    assert (run.status, run.why) == ("stopped", "seconds")
    assert "nothing was trained" in cause_of(run)


def test_a_program_that_catches_everything_is_left(programs: Programs):
    run = programs.run(
        TRAIN + "while True:\n    try:\n        train()\n    except:\n        pass\n",
        limits={"inner": 999, "outer": 999, "steps": 6},
    )
    assert (run.status, run.why) == ("stopped", "steps")
    assert len(run.steps) == 6


def test_what_cannot_run_says_what_would_help(programs: Programs):
    asks = programs.run("import argparse\np = argparse.ArgumentParser()\np.add_argument('data')\np.parse_args()\n")
    assert asks.why == "2"
    assert "required: data" in cause_of(asks) and "args =" in cause_of(asks)
    assert "asks for input" in cause_of(programs.run("name = input('name? ')\n"))
    assert "'sklearn_or_so'" in cause_of(programs.run("import sklearn_or_so.metrics\n"))
    assert "files =" in cause_of(programs.run("open('data/train.csv')\n"))
    assert "assert 1 > 2 (main.py:1)" in cause_of(programs.run("assert 1 > 2\n"))
    assert "args =" in cause_of(programs.run("{}['resnet20']\n"))
    assert "'json.no_such' is missing from its package (prepare" in cause_of(programs.run("import json.no_such\n"))
    assert cause_of(programs.run("import torch.utils.ffi\n")).startswith("this torch has no torch.utils.ffi (python")
    hungry = programs.run('raise RuntimeError("DefaultCPUAllocator: can\'t allocate memory")\n')
    assert "memory = ..." in cause_of(hungry)
    assert "another version" in cause_of(programs.run("from json import no_such\n"))
    assert cause_of(programs.run(TRAIN + "train()\nassert 1 > 2\n")) == ""  # a model ran: that is no cause
    assert "print 1" in programs.run("print 1\n").output
    assert cause_of(programs.run("print 1\n")).startswith("Python refuses the text: SyntaxError")


def test_an_interpreter_that_dies_hard(programs: Programs):
    run = programs.run(TRAIN + "train()\nimport ctypes; ctypes.string_at(0)\n")
    assert run.status == "killed" and len(run.steps) == 2


def test_nan_is_told(programs: Programs):
    run = programs.run(TRAIN + "(net(torch.ones(1, 4)).sum() * float('nan')).backward()\n")
    assert str(run.losses[0]) == "nan"


def test_a_seed_from_the_clock_shows_and_can_be_overridden(programs: Programs):
    program = TRAIN.replace("net =", "torch.manual_seed(time.time_ns() % 2**31)\nnet =") + "train()\n"
    first, second = programs.run(program), programs.run(program)
    assert Comparison(first, second, second).noisy
    first, second = (programs.run(program, fixed_seeds=True) for _ in range(2))
    assert not Comparison(first, second, second).noisy
    assert any(kind == "seed" for kind, _, _ in first.notes)


def test_a_script_that_is_a_module_of_a_package(programs: Programs):
    files = {
        "pkg/__init__.py": "",
        "pkg/net.py": "from torch import nn\nnet = nn.Linear(2, 1)\n",
        "pkg/train.py": "import torch\nfrom .net import net\nnet(torch.ones(1, 2)).sum().backward()\n"
        "print(__package__)\n",
    }
    run = programs.run(files, "pkg/train.py", module="pkg.train", paths=["."])
    assert run.output.split() == ["pkg"], run.output
    assert len(run.trainings) == 1


def test_a_program_that_closes_its_output_and_goes_on(programs: Programs):
    """In one long call of C, which holds the alarm back: its parent has to end it."""
    block = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\n"
    run = programs.run(TRAIN + block + "train()\nos.close(1); os.close(2)\ntime.sleep(99)\n", limits={"seconds": 1})
    assert run.status == "killed" and run.overdue and len(run.steps) == 2
