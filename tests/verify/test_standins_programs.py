"""Programs of their time run on a machine that has torch and numpy, and nothing else of what they import."""

from __future__ import annotations

from pathlib import Path

import old_programs
import pytest
from standin_runner import Outcome, Program, run_all

pytestmark = pytest.mark.slow

PICTURES = {f"pictures/{kind}/{number}.jpg": "" for kind in ("cat", "dog") for number in range(2)}
PROGRAMS = {
    "tutorial": Program(old_programs.TUTORIAL_CNN),
    "progress_bar": Program(old_programs.PROGRESS_BAR_CIFAR),
    "official": Program(old_programs.OFFICIAL_MNIST),
    "transfer": Program(old_programs.TRANSFER_LEARNING),
    "dcgan": Program(old_programs.DCGAN),
    "words": Program(old_programs.WORD_LANGUAGE_MODEL, kinds=("text",)),
    "words_without": Program(old_programs.WORD_LANGUAGE_MODEL, kinds=("folders",)),
    "tensorboard": Program(old_programs.TENSORBOARD_2017),
    "own": Program(old_programs.OWN_DATASET, files=PICTURES),
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return run_all(PROGRAMS, tmp_path_factory.mktemp("programs"))


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name != "words_without"])
def test_the_program_runs_to_its_end(outcomes: dict[str, Outcome], name: str):
    assert outcomes[name].error == ""


def test_a_small_network_learns_the_digits(outcomes: dict[str, Outcome]):
    accuracy, losses = outcomes["tutorial"].values
    first, last = map(float, losses.split())
    assert float(accuracy) > 0.8
    assert last < first / 2
    assert outcomes["tutorial"].notes == {("torchvision", "stub"): 1, ("dataset", "MNIST"): 2}


def test_a_terminal_is_made_up_and_a_folder_made(outcomes: dict[str, Outcome]):
    outcome = outcomes["progress_bar"]
    assert outcome.values[-1] == "True 80"
    assert outcome.notes[("terminal", "size")] == 1
    assert outcome.notes[("folder", "checkpoint/run")] == 1
    assert (outcome.folder / "checkpoint/run/ckpt.pth").stat().st_size > 0


def test_verbose_schedulers_are_counted(outcomes: dict[str, Outcome]):
    assert outcomes["official"].notes[("legacy", "scheduler verbose=")] == 1


def test_a_pretrained_network_is_replaced_by_a_random_one_and_said(outcomes: dict[str, Outcome]):
    notes = outcomes["transfer"].notes
    assert notes[("weights", "resnet18")] == 1
    assert notes[("dataset", "ImageFolder")] == 2
    assert notes[("legacy", "transforms.Scale")] == 1
    assert notes[("inert", "matplotlib")] == 1


def test_samples_of_a_gan_lie_where_it_put_them(outcomes: dict[str, Outcome]):
    assert outcomes["dcgan"].values[-1] == "126227"
    assert (outcomes["dcgan"].folder / "samples/fake_000.png").exists()
    assert outcomes["dcgan"].notes[("legacy", "0-dim [0]")] == 9


def test_a_text_is_made_up_only_when_asked_for(outcomes: dict[str, Outcome]):
    words = outcomes["words"]
    assert words.values == ["201 20 True"]
    assert words.notes == {("text", "data/wikitext-2/train.txt"): 1, ("text", "data/wikitext-2/valid.txt"): 1}
    assert "AssertionError" in outcomes["words_without"].error
    assert outcomes["words_without"].notes == {}


def test_all_that_a_program_of_2017_needs_is_counted(outcomes: dict[str, Outcome]):
    outcome = outcomes["tensorboard"]
    assert outcome.values == [
        "done True 0 True True",
        "tensor([1, 0, 0], dtype=torch.uint8) tensor([5., 0., 5.])",
        "torch.Size([16, 3, 32, 32])",
    ]
    legacy = {what: count for (kind, what), count in outcome.notes.items() if kind == "legacy"}
    assert legacy == {
        "0-dim [0]": 6,
        "1 - mask": 1,
        "byte mask": 1,
        "collections.Iterable": 1,
        "iterator.next()": 1,
        "non-contiguous .view": 3,
        "numpy.int": 1,
        "scheduler verbose=": 1,
        "time.clock": 1,
    }
    inert = {what for kind, what in outcome.notes if kind == "inert"}
    assert inert == {
        "progress",
        "tensorboardX",
        "tensorboard_logger",
        "termcolor",
        "torch.utils.tensorboard",
        "tqdm",
        "wandb",
    }


def test_a_data_set_of_the_user_s_own_and_picture_files(outcomes: dict[str, Outcome]):
    *shapes, gradient = outcomes["own"].values
    assert float(gradient) > 0
    assert shapes == [
        "64 torch.Size([8, 3, 32, 32]) torch.Size([8, 3, 32, 32]) torch.int64",
        "torch.Size([4, 3, 16, 16]) [0, 0, 1, 1]",
    ]


def test_runs_are_the_same_each_time(outcomes: dict[str, Outcome], tmp_path: Path):
    again = run_all({"own": PROGRAMS["own"]}, tmp_path)
    assert again["own"].output == outcomes["own"].output
