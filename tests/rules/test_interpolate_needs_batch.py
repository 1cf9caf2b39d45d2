"""TFC401 beyond its page: what it says is held against torch, and ranks that only look as if they were known."""

from __future__ import annotations

import itertools
import warnings
from contextlib import suppress
from textwrap import dedent, indent

import pytest
import torch

from torchfix_codemods.findings import Level
from torchfix_codemods.rules.interpolate_needs_batch import RULE

HEAD = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n"
SHAPES = ("8, 9", "3, 8, 9", "1, 3, 8, 9")
MODES = ("nearest", "nearest-exact", "area", "linear", "bilinear", "bicubic", "trilinear")
ASKED = ("size=4", "size=(4, 5)", "scale_factor=2", "scale_factor=(2, 3)", "size=[4]")


def outcome(text: str) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Input and output of a program that makes `x` and `y`; None for what it did not come to."""
    names: dict[str, torch.Tensor] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(ValueError, NotImplementedError, RuntimeError):
            exec(compile(text, "program.py", "exec"), names)
    return names.get("x"), names.get("y")


@pytest.mark.parametrize(("shape", "mode", "asked"), list(itertools.product(SHAPES, MODES, ASKED)))
def test_every_crash_fix_raises_before_and_keeps_the_rank_afterwards(shape, mode, asked, findings, applied):
    files = {"p.py": f"{HEAD}x = torch.rand({shape})\ny = F.interpolate(x, {asked}, mode={mode!r})\n"}
    found = findings(files, RULE)
    _, before = outcome(files["p.py"])
    if before is not None:
        assert all(finding.level is Level.SUGGESTION for finding in found)
        return
    image, after = outcome(applied(files, RULE)["p.py"])
    assert (after is not None) == bool(found)
    if after is not None:
        assert [finding.level for finding in found] == [Level.CRASH_FIX]
        assert after.ndim == image.ndim and after.shape[:-2] == image.shape[:-2] and after.dtype == image.dtype


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "int8", "uint8", "bool", "float32", "float64"])
@pytest.mark.parametrize("shape", ["1, 8, 8", "2, 1, 8, 8"])
@pytest.mark.parametrize("mode", ["nearest", "area"])
def test_whole_numbers_go_through_float_and_back(dtype, shape, mode, findings, applied):
    files = {
        "p.py": f"{HEAD}x = torch.ones(({shape}), dtype=torch.{dtype})\ny = F.interpolate(x, (4, 4), mode={mode!r})\n"
    }
    _, before = outcome(files["p.py"])
    found = findings(files, RULE)
    assert bool(found) == (before is None)
    if found and found[0].fix is None:
        assert mode == "area" and "round" in (found[0].no_fix_reason or "")
    elif found:
        image, after = outcome(applied(files, RULE)["p.py"])
        assert after is not None and after.dtype == image.dtype and after.shape[:-2] == image.shape[:-2]
        assert after.min() == 1


def changed(before: str, after: str) -> list[str]:
    return [line.strip() for line in after.splitlines() if line not in before.splitlines()]


@pytest.mark.parametrize(
    "making",
    [
        "x = torch.rand(2, 3, 8, 8)[0]",
        "x = torch.rand(2, 3, 8, 8)[-1, :]",
        "x = torch.rand(2, 3, 8, 8, 8)[0, ..., 1]",
        "x = torch.rand(1, 3, 8, 8).squeeze(0)",
        "x = torch.rand(1, 3, 8, 8).squeeze()",
        "x = torch.rand(8, 8).unsqueeze(-1).permute(2, 0, 1)",
        "x = torch.rand(8, 8, 3).permute((2, 0, 1)).contiguous().float() / 255",
        "x = torch.rand(192).view(3, 8, 8)",
        "x = torch.rand(192).reshape((3, -1, 8)) * 2 - 1",
        "for x in torch.rand(2, 3, 8, 8):\n    pass",
        "x = torch.rand(4, 3, 8, 8).unbind()[0]",
        "first, x = torch.rand(6, 8, 8).split(3)",
        "x = torch.stack([torch.rand(8, 8), torch.rand(8, 8)])",
        "x = torch.rand(1, 5, 8, 8).argmax(1).float()",
        "x = torch.rand(1, 5, 8, 8).max(dim=1)[0]",
        "x = torch.rand(5, 3, 8, 8).mean(0)",
        "x = torch.rand(8, 8)[None]",
        "x = nn.Conv2d(3, 4, 1)(torch.rand(3, 8, 8).unsqueeze(0)).squeeze(0)",
        "x = torch.sigmoid(nn.Conv2d(3, 4, 1)(torch.rand(3, 8, 8)[None]))[0]",
        "x = torch.rand(8, 8)\nx.unsqueeze_(0)",
        "images = [torch.rand(3, 8, 8), torch.rand(3, 9, 9)]\nx = images[1]",
        "batch = {'image': torch.rand(3, 8, 8)}\nx = batch['image']",
    ],
)
def test_ranks_that_are_proved(making, findings, applied):
    text = f"{HEAD}{making}\ny = F.interpolate(x, size=(4, 4), mode='bilinear')\n"
    assert changed(text, applied({"p.py": text}, RULE)["p.py"]) == [
        "y = F.interpolate(x.unsqueeze(0), size=(4, 4), mode='bilinear').squeeze(0)"
    ]
    image, after = outcome(applied({"p.py": text}, RULE)["p.py"])
    assert image is not None and after is not None and image.ndim == after.ndim == 3


@pytest.mark.parametrize(
    "making",
    [
        "x = torch.rand(2, 3, 8, 8).squeeze(0)",
        "x = torch.rand(n, 3, 8, 8).squeeze(0)",
        "x = torch.rand(n, 3, 8, 8).squeeze()",
        "x = torch.rand(2, 3, 8, 8)[index]",
        "x = torch.rand(2, 3, 8, 8)[torch.tensor([0, 1])]",
        "x = torch.rand(2, 3, 8, 8)[[0, 1]]",
        "x = torch.rand(2, 3, 8, 8)[0:1]",
        "x = torch.rand(3, 8, 8)\nx.unsqueeze_(0)",
        "x = torch.rand(3, 8, 8)\nif flag:\n    x = x[None]",
        "x = torch.rand(*size)",
        "x = torch.rand(size)",
        "x = torch.rand(3, 8, 8).to(other).view(size)",
        "x = torch.rand(3, 8, 8).expand(2, -1, -1, -1)",
        "x = torch.rand(3, 8, 8).repeat(2, 1, 1, 1)",
        "x, _ = torch.rand(2, 3, 8, 8).split(1)",
        "x = torch.rand(2, 3, 8, 8).chunk(2)[0]",
        "x = torch.stack([torch.rand(3, 8, 8)])",
        "x = torch.rand(2, 5, 8, 8).max(dim=1, keepdim=True)[0]",
        "x = torch.rand(2, 5, 8, 8).mean(1, keepdim=True)",
        "x = transform(torch.rand(3, 8, 8))",
        "x = torch.rand(3, 8, 8) * scale",
        "x = np.array(image)",
        "x = torch.load('x.pt')",
        "x = cv2.imread('x.png', 0)",
        "x = T.Compose([T.ToTensor(), T.Lambda(lambda t: t.unsqueeze(0))])(image)",
        "x = T.Compose([T.ToTensor(), lambda t: t[None]])(image)",
        "x = T.FiveCrop(4)(T.ToTensor()(image))",
    ],
)
def test_ranks_that_are_not_proved_or_are_right(making, findings):
    names = "import cv2\nimport numpy as np\nimport torchvision.transforms as T\n"
    body = indent(f"{making}\nreturn F.interpolate(x, size=(4, 4), mode='bilinear')", "    ")
    parameters = "n, index, flag, size, other, transform, scale, image"
    assert findings({"p.py": f"{HEAD}{names}def f({parameters}):\n{body}\n"}, RULE) == []


@pytest.mark.parametrize(
    "body",
    [
        "def up(x):\n    if x.dim() == 3:\n        return F.interpolate(x[None], (4, 4))[0]\n"
        "    return F.interpolate(x, (4, 4))",
        "def up(x):\n    if len(x.shape) == 3:\n        x = x[None]\n    return F.interpolate(x, (4, 4))",
        "def up(x):\n    x.resize_(1, 3, 8, 8)\n    return F.interpolate(x, (4, 4))",
        "def up(x):\n    try:\n        return F.interpolate(x, (4, 4))\n    except ValueError:\n        return x",
        "def up(x):\n    with raises(ValueError):\n        F.interpolate(x, (4, 4))",
    ],
)
def test_code_that_handles_other_ranks_itself(body, findings):
    assert findings({"p.py": f"{HEAD}from pytest import raises\n\n{body}\n\n\nup(torch.rand(3, 8, 8))\n"}, RULE) == []


def test_a_function_that_gets_images_and_batches_is_left_alone(findings):
    text = "def up(x):\n    return F.interpolate(x, (4, 4))\n\n\nup(torch.rand(3, 8, 8))\nup(torch.rand(1, 3, 8, 8))\n"
    assert findings({"p.py": HEAD + text}, RULE) == []


def test_a_function_whose_callers_in_other_files_all_give_images(findings, applied):
    files = {
        "resize.py": HEAD + "def up(x):\n    return F.interpolate(x, (4, 4))\n",
        "main.py": "import torch\nfrom resize import up\n\nprint(up(torch.rand(3, 8, 8)).shape)\n",
    }
    assert "F.interpolate(x.unsqueeze(0), (4, 4)).squeeze(0)" in applied(files, RULE)["resize.py"]
    files["other.py"] = "from resize import up\n\n\ndef show(batch):\n    return up(batch)\n"
    assert all(finding.level is Level.SUGGESTION for finding in findings(files, RULE))


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("print(up(torch.rand(3, 8, 8)))", Level.CRASH_FIX),
        ("print(up(torch.rand(3, 8, 8)))\nresize = [up]", Level.SUGGESTION),
        ("print(up(torch.rand(3, 8, 8)))\n\n\ndef later(x):\n    return up(x)", Level.SUGGESTION),
        ("print(up(torch.rand(3, 8, 8)))  # up(x) is not a call\nfrom copy import copy as upper", Level.CRASH_FIX),
    ],
)
def test_callers_that_were_not_followed_make_it_a_suggestion(text, level, findings):
    up = "def up(x):\n    smaller = x / 2\n    return F.interpolate(smaller, (4, 4))\n\n\n"
    (finding,) = findings({"p.py": f"{HEAD}{up}{text}\n"}, RULE)
    assert finding.level is level
    assert (level is Level.SUGGESTION) == any("not followed" in step.text for step in finding.steps)


@pytest.mark.parametrize(
    ("size", "found"),
    [
        ("tuple(z.shape[-2:])", True),
        ("z.shape[-2:]", True),
        ("pil.size[::-1]", True),
        ("z.size()[2:]", False),
        ("size", False),
        ("int(size)", False),
    ],
)
def test_sizes_by_their_form(size, found, findings):
    text = f"{HEAD}def f(z, pil, size):\n    x = torch.rand(5, 8, 8)\n    return F.interpolate(x, size={size})\n"
    assert bool(findings({"p.py": text}, RULE)) == found


@pytest.mark.parametrize(
    ("using", "level"),
    [
        ("nn.Conv2d(3, 4, 3)(y)", Level.BEHAVIOR),
        ("F.max_pool2d(y[None], 2)", Level.BEHAVIOR),
        ("nn.Conv1d(16, 4, 3)(y)", None),
        ("F.max_pool1d(y, 2)", None),
        ("print(y)", Level.SUGGESTION),
    ],
)
def test_one_number_for_an_image_is_judged_by_what_the_result_is_for(using, level, findings):
    text = f"{HEAD}x = torch.rand(3, 16, 16)\ny = F.interpolate(x, scale_factor=2)\n{using}\n"
    assert [finding.level for finding in findings({"p.py": text}, RULE)] == ([level] if level else [])


@pytest.mark.parametrize(
    "making",
    [
        "audio = torch.rand(2, 1, 16000)",
        "x = torch.rand(1, 12, 5000)",
        "wave = torch.rand(n, c, t)",
        "x = torch.rand(b, c, t)",
    ],
)
def test_signals_with_one_number_are_left_alone(making, findings):
    name = making.partition(" ")[0]
    text = f"{HEAD}def f(n, b, c, t):\n    {making}\n    return F.interpolate({name}, scale_factor=0.5)\n"
    assert findings({"p.py": text}, RULE) == []


def test_the_items_of_a_data_set_and_the_batches_of_its_loader(findings, applied):
    text = HEAD + dedent(
        """
        from torch.utils.data import DataLoader, Dataset


        class Photos(Dataset):
            def __init__(self, images):
                self.images = images
                self.masks = torch.zeros(10, 32, 32, dtype=torch.long)

            def __getitem__(self, index):
                image = torch.from_numpy(self.images[index]).permute(2, 0, 1).float()
                image = F.interpolate(image, size=(16, 16))
                mask = F.interpolate(self.masks[index], size=(16, 16))
                return image, mask


        for images, masks in DataLoader(Photos(None), batch_size=4):
            F.interpolate(images, size=(8, 8))
        """
    )
    after = applied({"p.py": text}, RULE)["p.py"]
    assert changed(text, after) == [
        "image = F.interpolate(image.unsqueeze(0), size=(16, 16)).squeeze(0)",
        "mask = F.interpolate(self.masks[index].float().unsqueeze(0).unsqueeze(0), size=(16, 16))"
        ".squeeze(0).squeeze(0).long()",
    ]
    assert findings({"p.py": after}, RULE) == []


def test_upsamplers_in_attributes_and_made_where_they_are_called(applied):
    text = HEAD + dedent(
        """
        class Preview:
            def __init__(self):
                self.up = nn.UpsamplingBilinear2d(scale_factor=2)
                self.image = torch.rand(3, 8, 8)

            def show(self):
                return self.up(self.image), nn.Upsample(size=(4, 4))(self.image)


        Preview().show()
        """
    )
    assert changed(text, applied({"p.py": text}, RULE)["p.py"]) == [
        "return self.up(self.image.unsqueeze(0)).squeeze(0), "
        "nn.Upsample(size=(4, 4))(self.image.unsqueeze(0)).squeeze(0)"
    ]


def test_channels_last_from_a_reader_is_a_suggestion(findings):
    text = f"{HEAD}import cv2\n\nx = torch.from_numpy(cv2.imread('a.png')).float()\ny = F.interpolate(x, (4, 4))\n"
    (finding,) = findings({"p.py": text}, RULE)
    assert finding.fix is None and "permute(2, 0, 1)" in (finding.no_fix_reason or "")


def test_the_steps_say_where_the_image_comes_from(findings):
    text = f"{HEAD}x = torch.rand(3, 8, 8)\ny = F.interpolate(x, (4, 4))\n"
    (finding,) = findings({"p.py": text}, RULE)
    assert [step.text for step in finding.steps] == ["x is made here", "x has 3 dimensions (3, 8, 8)"]
    assert text[finding.steps[0].location.start :].startswith("torch.rand")


def test_arguments_that_cannot_be_rewritten(findings):
    text = f"{HEAD}args = (torch.rand(3, 8, 8), (4, 4))\ny = F.interpolate(*args)\n"
    (finding,) = findings({"p.py": text}, RULE)
    assert finding.fix is None and "argument of its own" in (finding.no_fix_reason or "")


def test_pooling_keeps_the_number_of_dimensions_and_no_size(findings):
    """Pictures of a pooled batch have no batch dimension; a pooled batch has one."""
    text = """\
import torch
import torch.nn.functional as F

small = F.avg_pool2d(torch.rand(20, 3, 12, 12), 2)
whole = F.interpolate(small, scale_factor=2)
for picture in small:
    print(F.interpolate(picture, size=(8, 8)).shape)
"""
    (finding,) = findings({"main.py": text}, RULE)
    assert finding.location.start == text.index("F.interpolate(picture")


def test_pooling_of_what_is_not_known_says_nothing(findings):
    text = """\
import torch.nn.functional as F

def enlarge(picture):
    return F.interpolate(F.avg_pool2d(picture, 2), scale_factor=2)
"""
    assert findings({"main.py": text}, RULE) == []
