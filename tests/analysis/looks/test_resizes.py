"""The look at resizes keeps every program in which the rule finds something, and lets go of the usual library code."""

from __future__ import annotations

import itertools
import textwrap

import pytest

from torchfix_codemods.analysis import closer
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.looks.resizes import may_resize_unbatched
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.rules import interpolate_needs_batch

HEAD = "import torch\nimport numpy as np\nfrom torch import nn\nimport torch.nn.functional as F\n\n"
#: Images without a batch, and batches of whole numbers.
IMAGES = {
    "made": "torch.rand(3, 8, 8)",
    "mask": "torch.zeros(8, 8)",
    "whole": "torch.randint(0, 5, (1, 1, 8, 8))",
    "compared": "(torch.rand(1, 1, 8, 8) > 0.5)",
    "converted": "torch.rand(1, 1, 8, 8).long()",
    "argmax": "torch.rand(1, 3, 8, 8).argmax(1)",
    "viewed": "torch.rand(192).view(3, 8, 8)",
    "moved": "torch.rand(8, 8, 3).permute(2, 0, 1)",
    "row": "torch.rand(2, 3, 8, 8)[0]",
    "squeezed": "torch.rand(1, 3, 8, 8).squeeze(0)",
    "array": "torch.from_numpy(np.zeros((3, 8, 8)))",
    "stacked": "torch.stack([torch.rand(8, 8)] * 3)",
    "batch": "torch.rand(2, 3, 8, 8)",
    "unsqueezed": "torch.rand(8, 8).unsqueeze(0)",
    "listed": "torch.tensor([[1, 2], [3, 4]])[None]",
}
#: How it comes to the call: `IMAGE` stands for the image.
WAYS = {
    "at once": "def run():\n    return CALL(IMAGE)\n",
    "name": "def run():\n    x = IMAGE\n    return CALL(x)\n",
    "top level": "x = IMAGE\nprint(CALL(x))\n",
    "parameter": "def up(x):\n    return CALL(x)\n\ndef run():\n    return up(IMAGE)\n",
    "parameter of a script": "def up(x):\n    return CALL(x)\n\nif __name__ == '__main__':\n    up(IMAGE)\n",
    "default": "def up(x=IMAGE):\n    return CALL(x)\n\nup()\n",
    "helper": "def make():\n    return IMAGE\n\ndef run():\n    x = make()\n    return CALL(x)\n",
    "generator": "def make():\n    yield IMAGE\n\ndef run():\n    for x in make():\n        CALL(x)\n",
    "tuple": "def run():\n    x, y = IMAGE, 1\n    return CALL(x)\n",
    "list": "def run():\n    xs = [IMAGE]\n    return CALL(xs[0])\n",
    "appended": "def run():\n    xs = []\n    xs.append(IMAGE)\n    for x in xs:\n        CALL(x)\n",
    "dict": "def run():\n    xs = {'a': IMAGE}\n    return CALL(xs['a'])\n",
    "comprehension": "def run():\n    return [CALL(x) for x in [IMAGE, IMAGE]]\n",
    "walrus": "def run():\n    return CALL(x) if (x := IMAGE) is not None else None\n",
    "conditional": "def run(a):\n    x = IMAGE if a else IMAGE\n    return CALL(x)\n",
    "branches": "def run(a):\n    if a:\n        x = IMAGE\n    else:\n        x = IMAGE\n    return CALL(x)\n",
    "loop": "def run(n):\n    x = IMAGE\n    for _ in range(n):\n        x = x * 2\n    return CALL(x)\n",
    "closure": "def run():\n    x = IMAGE\n\n    def inner():\n        return CALL(x)\n\n    return inner()\n",
    "closure that appends": (
        "def run():\n    xs = []\n\n    def put():\n        xs.append(IMAGE)\n\n    put()\n    return CALL(xs[0])\n"
    ),
    "self by another name": (
        "class A:\n    def __init__(me):\n        me.x = IMAGE\n\n    def run(me):\n        return CALL(me.x)\n"
    ),
    "an attribute that is set in a function in a method": (
        "class A:\n    def __init__(self):\n        def put():\n            self.x = IMAGE\n\n        put()\n\n"
        "    def run(self):\n        return CALL(self.x)\n"
    ),
    "lambda": "up = lambda x: CALL(x)\n\nup(IMAGE)\n",
    "global": "x = IMAGE\n\ndef run():\n    return CALL(x)\n",
    "attribute": (
        "class Holder:\n    def __init__(self):\n        self.x = IMAGE\n\n    def run(self):\n"
        "        return CALL(self.x)\n"
    ),
    "attribute given": (
        "class Holder:\n    def __init__(self, x):\n        self.x = x\n\n    def run(self):\n"
        "        return CALL(self.x)\n\n"
        "def main():\n    return Holder(IMAGE).run()\n"
    ),
    "attribute of the class": "class Holder:\n    x = IMAGE\n\n    def run(self):\n        return CALL(self.x)\n",
    "attribute of a base": (
        "class Base:\n    def __init__(self):\n        self.x = IMAGE\n\nclass Holder(Base):\n    def run(self):\n"
        "        return CALL(self.x)\n"
    ),
    "property": (
        "class Holder:\n    @property\n    def x(self):\n        return IMAGE\n\n    def run(self):\n"
        "        return CALL(self.x)\n"
    ),
    "forward": (
        "class Net(nn.Module):\n    def forward(self, x):\n        return CALL(x)\n\nnet = Net()\nnet(IMAGE)\n"
    ),
    "forward in a function": (
        "class Net(nn.Module):\n    def forward(self, x):\n        y = x[None][0]\n        return CALL(y)\n\n"
        "def check_upsample():\n    'upsample'\n    net = Net()\n    return net(IMAGE)\n"
    ),
    "forward of a part": (
        "class Up(nn.Module):\n    def forward(self, x):\n        return CALL(x.clone().squeeze(9))\n\n"
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.up = Up()\n\n"
        "    def forward(self, x):\n        'upsample'\n        return self.up(IMAGE)\n"
    ),
    "layer": (
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.up = nn.Upsample(scale_factor=2, mode='bilinear')\n\n"
        "    def forward(self, x):\n        x = IMAGE\n        return self.up(x)\n"
    ),
    "layer at once": "def run():\n    return nn.Upsample(scale_factor=2, mode='bilinear')(IMAGE)\n",
    "layer in a name": "def run():\n    up = nn.Upsample(scale_factor=2, mode='bilinear')\n    return up(IMAGE)\n",
    "renamed": (
        "from torch.nn.functional import interpolate as resize\n\ndef run():\n    return resize(IMAGE, size=(4, 4))\n"
    ),
    "alias": "resize = F.interpolate\n\ndef run():\n    return resize(IMAGE, size=(4, 4))\n",
    "alias in a function": "def run():\n    resize = F.interpolate\n    return resize(IMAGE, size=(4, 4))\n",
    "conv": "conv = nn.Conv2d(3, 3, 1)\n\ndef run():\n    return CALL(conv(IMAGE))\n",
    "own layer": (
        "class Block(nn.Module):\n    def forward(self, x):\n        return x\n\nclass Net(nn.Module):\n"
        "    def __init__(self):\n        super().__init__()\n        self.block = Block()\n\n"
        "    def forward(self, x):\n        y = self.block(IMAGE)\n        return CALL(y)\n"
    ),
    "in place": "def run():\n    x = IMAGE\n    x.unsqueeze_(0)\n    x.squeeze_(0)\n    return CALL(x)\n",
    "with": "def run():\n    with torch.no_grad():\n        x = IMAGE\n    return CALL(x)\n",
    "try": "def run():\n    try:\n        x = IMAGE\n    finally:\n        pass\n    return CALL(x)\n",
    "keyword": "def run():\n    x = IMAGE\n    return F.interpolate(input=x, size=(4, 4), mode='nearest')\n",
    "method of its own": (
        "class Holder:\n    def make(self):\n        return IMAGE\n\n    def run(self):\n"
        "        return CALL(self.make())\n"
    ),
    "other functions of that name": (
        "import torchvision.transforms.functional as F\n\ndef run(img):\n    x = F.to_tensor(img)\n"
        "    return torch.nn.functional.interpolate(x, size=(4, 4), mode='bilinear')\n"
    ),
    "zip": "def run():\n    for x, y in zip([IMAGE], [1]):\n        CALL(x)\n",
    "sum": "def run():\n    x = IMAGE + 1\n    x += 2\n    return CALL(x)\n",
}
CALLS = (
    "F.interpolate({}, size=(4, 4), mode='bilinear')",
    "F.interpolate({}, scale_factor=2)",
    "torch.nn.functional.upsample({}, size=(4, 4))",
)


def project_of(files: dict[str, str]) -> Project:
    """The project of these files."""
    return Project(sorted(files), files.get)


def program(way: str, image: str, call: str) -> str:
    """A program in which an image comes to a call in this way."""
    text = WAYS[way].replace("IMAGE", IMAGES[image])
    while "CALL(" in text:
        start = text.index("CALL(")
        depth, end = 1, start + len("CALL(")
        while depth:
            depth += (text[end] == "(") - (text[end] == ")")
            end += 1
        text = text[:start] + call.format(text[start + len("CALL(") : end - 1]) + text[end:]
    return HEAD + text


def found_unlooked(files: dict[str, str], path: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the rule finds something in a file where no look dismisses it."""
    monkeypatch.setattr(closer, "LOOKS", ())
    project = project_of(files)
    file = project.parse(path)
    return file is not None and any(True for _ in interpolate_needs_batch.RULE.check(file, project))


@pytest.mark.parametrize("way", WAYS)
def test_whatever_is_found_is_kept(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for image, call in itertools.product(IMAGES, CALLS):
        files = {"main.py": program(way, image, call)}
        if found_unlooked(files, "main.py", monkeypatch):
            assert may_resize_unbatched(project_of(files), "main.py"), files["main.py"]


@pytest.mark.parametrize("way", ["parameter", "forward", "helper", "attribute given"])
def test_what_another_file_brings_is_kept(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for image in IMAGES:
        text = program(way, image, CALLS[0])
        cut = {"parameter": "def run", "forward": "net = ", "helper": "def run", "attribute given": "def main"}[way]
        first, second = text.partition(cut)[0], cut + text.partition(cut)[2]
        files = {"first.py": first, "second.py": HEAD + "from first import *\n" + second}
        for path in files:
            if found_unlooked(files, path, monkeypatch):
                assert may_resize_unbatched(project_of(files), path), files


#: Typical code of libraries in which there is nothing.
GONE = {
    "positions": """
        class Embeddings(nn.Module):
            def __init__(self, dim):
                super().__init__()
                self.positions = nn.Parameter(torch.zeros(1, 197, dim))
                self.size = 16

            def interpolate_positions(self, x, height, width):
                dim = x.shape[-1]
                grid = self.positions[:, 1:]
                grid = grid.reshape(1, 14, 14, dim)
                grid = grid.permute(0, 3, 1, 2)
                grid = F.interpolate(grid, size=(height // self.size, width // self.size), mode="bicubic")
                return grid.permute(0, 2, 3, 1).view(1, -1, dim)

            def forward(self, x):
                return x + self.interpolate_positions(x, *x.shape[-2:])
        """,
    "a processor": """
        class Processor:
            def post_process(self, outputs, sizes):
                logits = outputs.logits
                maps = []
                for idx in range(len(logits)):
                    resized = F.interpolate(logits[idx].unsqueeze(dim=0), size=sizes[idx], mode="bilinear")
                    maps.append(resized[0].argmax(dim=0))
                return maps
        """,
    "a linear one": """
        def get_positions(size, rel_pos):
            out = F.interpolate(rel_pos.reshape(1, rel_pos.shape[0], -1).permute(0, 2, 1), size=size, mode="linear")
            return out.reshape(-1, size).permute(1, 0)
        """,
    "a mask": """
        class Encoder(nn.Module):
            def forward(self, x, mask):
                out = []
                for features in self.model(x):
                    small = F.interpolate(mask[None].float(), size=features.shape[-2:]).to(torch.bool)[0]
                    out.append((features, small))
                return out
        """,
    "words only": """
        def describe(curve, upsample=True):
            '''Whether `scipy.interpolate.interp1d` is used.'''
            return "interpolate" if upsample else "nothing"
        """,
}


@pytest.mark.parametrize("name", GONE)
def test_library_code_is_let_go(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"main.py": HEAD + textwrap.dedent(GONE[name])}
    assert closer.topics(files["main.py"].encode()) & Topic.INTERPOLATE
    assert not found_unlooked(files, "main.py", monkeypatch)
    assert not may_resize_unbatched(project_of(files), "main.py")
