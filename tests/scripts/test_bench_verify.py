"""The measurements of verification, on programs of a few lines: which are chosen, what is told, what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
import bench_public  # noqa: E402
import bench_verify  # noqa: E402

from torchfix_codemods.source.verify_settings import VerifySettings  # noqa: E402

TRAINING = """\
import torch
net = torch.nn.Linear(2, 1)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(9):
    net(torch.ones(4, 2)).sum().backward()
    optimizer.step()
net(torch.ones(1, 2))
"""


def write(folder: Path, texts: dict[str, str]) -> Path:
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_programs_that_train_are_chosen_by_what_they_ask_for_and_by_name(tmp_path: Path):
    asking = "import argparse\np = argparse.ArgumentParser()\np.add_argument('data')\np.parse_args()\n" + TRAINING
    texts = {"a.py": TRAINING, "sub/main.py": TRAINING, "my_train.py": TRAINING, "train.py": asking}
    write(tmp_path, {**texts, "tests/test_train.py": TRAINING, "show.py": "print('nothing is trained')\n"})
    assert bench_public.programs_of(tmp_path, 9) == ["my_train.py", "sub/main.py", "a.py", "train.py"]
    assert bench_public.programs_of(tmp_path, 1) == ["my_train.py"]


@pytest.mark.slow
def test_how_far_programs_get(tmp_path: Path):
    write(tmp_path, {"main.py": TRAINING, "run.py": "import no_such_thing\n" + TRAINING})
    trained, stopped = (bench_public.observed(tmp_path, name, VerifySettings()) for name in ("main.py", "run.py"))
    assert (trained.trained, trained.steps, trained.evaluated, trained.graphs) == (4, 4, 1, 1)
    assert trained.reached and trained.cause == ""
    assert not stopped.reached and "'no_such_thing' is missing" in stopped.cause
    assert bench_public.line(trained).split(" | ")[1:4] == ["4 backwards, 4 steps", "1 (1 with a graph)", "finished"]


def test_the_measured_script_has_as_many_fixes_as_it_should(tmp_path: Path):
    write(tmp_path, {"train.py": bench_verify.program_with(10)})
    told = bench_verify.torchfix("check", "train.py", cwd=tmp_path).stdout.decode()
    assert told.count(" TFC202 ") == 10 and " TFC1" not in told


def test_what_is_not_there_is_named(capsys: pytest.CaptureFixture[str]):
    for arguments, said in ((["corpus", "nothing"], "no such program"), (["public", "/no/such"], "no such folder")):
        with pytest.raises(SystemExit):
            bench_verify.main(arguments)
        assert said in capsys.readouterr().err
