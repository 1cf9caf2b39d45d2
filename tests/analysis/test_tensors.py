"""What is said of a tensor's dimensions, sizes and type, against torch itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from observed import resized

from torchfix_codemods.analysis.values import Tensor

numpy = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")
WHOLE = {getattr(torch, name): name for name in ("int64", "int32", "int16", "int8", "uint8", "bool")}

#: Methods and functions on `x`; those that do not fit the tensor at hand raise in torch and are left out.
STEPS = st.sampled_from(
    [
        "x.view(-1)",
        "x.view(x.size(0), -1)",
        "x.view(2, -1)",
        "x.reshape(-1, 2)",
        "x.reshape((3, 2))",
        "x.view_as(torch.zeros(3, 2))",
        "x.flatten()",
        "x.flatten(1)",
        "torch.flatten(x, 1)",
        "x.flatten(start_dim=1)",
        "x.flatten(0, 1)",
        "x.unsqueeze(0)",
        "x.unsqueeze(-1)",
        "x.unsqueeze(dim=1)",
        "torch.unsqueeze(x, 0)",
        "x.squeeze()",
        "x.squeeze(0)",
        "x.squeeze(-1)",
        "torch.squeeze(x, 1)",
        "x[0]",
        "x[-1]",
        "x[0:1]",
        "x[:, 0]",
        "x[:, :1]",
        "x[None]",
        "x[:, None]",
        "x[..., 0]",
        "x[..., None]",
        "x[0, ..., 0]",
        "x[0, 0]",
        "x[::2]",
        "x[x > 0]",
        "x[torch.tensor([0, 0])]",
        "x[[0, 0]]",
        "x.sum()",
        "x.sum(0)",
        "x.sum(1, keepdim=True)",
        "x.sum(dim=-1)",
        "torch.sum(x, 0)",
        "x.mean((0, 1))",
        "x.mean(dim=[0, 1])",
        "x.norm()",
        "x.std(0)",
        "x.prod(0)",
        "x.max()",
        "x.max(0)[0]",
        "x.max(0)[1]",
        "x.max(0, keepdim=True)[0]",
        "torch.max(x, 0)[0]",
        "x.max(x)",
        "x.sort(0)[0]",
        "x.topk(1)[0]",
        "x.argmax(0)",
        "x.argmax()",
        "x.permute(1, 0)",
        "x.permute(2, 0, 1)",
        "x.permute((1, 0))",
        "x.transpose(0, 1)",
        "torch.transpose(x, 0, -1)",
        "x.t()",
        "x.T",
        "torch.stack([x, x])",
        "torch.stack([x, x], 1)",
        "torch.cat([x, x])",
        "torch.cat((x, x), 1)",
        "x + 1",
        "2 * x",
        "-x",
        "x + x",
        "x * x[0]",
        "x[0] - x",
        "x + torch.rand(2, 1, 1)",
        "x @ x.t()",
        "x @ torch.rand(3)",
        "x > 0",
        "x == x",
        "x.float()",
        "x.long()",
        "x.int()",
        "x.short()",
        "x.char()",
        "x.view(torch.int32)",
        "x.to(x)",
        "x.to(torch.float16)",
        "x.type('torch.IntTensor')",
        "x > 0",
        "torch.tensor(x.tolist())",
        "x.byte()",
        "x.bool()",
        "x.to(torch.int64)",
        "x.to('cpu')",
        "x.double().cpu()",
        "x.type(torch.LongTensor)",
        "x.type_as(torch.zeros(1))",
        "x.clone().detach().data",
        "x.contiguous()",
        "x.expand(4, 2, 3)",
        "x.expand(4, *x.shape)",
        "x.expand_as(torch.zeros(4, 2, 3))",
        "x.repeat(2, 1)",
        "x.repeat(2, 1, 1)",
        "x.chunk(2)[0]",
        "x.split(1)[0]",
        "x.unbind()[0]",
        "x.narrow(0, 0, 1)",
        "x.select(0, 0)",
        "x.index_select(0, torch.tensor([0]))",
        "x.gather(0, x.long())",
        "x.clamp(0)",
        "x.abs().exp().add(1)",
        "x.mul(x)",
        "x.add(torch.rand(2, 1, 1, 1))",
        "x.pow(2)",
        "x.masked_fill(x > 0, 1)",
        "x.softmax(0)",
        "torch.softmax(x, -1)",
        "torch.sigmoid(x)",
        "F.relu(x)",
        "F.softmax(x, dim=0)",
        "F.log_softmax(x, 0)",
        "F.normalize(x, dim=0)",
        "F.dropout(x, 0.1)",
        "torch.relu(x)",
        "torch.zeros_like(x)",
        "torch.matmul(x, x)",
        "torch.zeros(x.shape)",
        "torch.zeros(x.size())",
        "torch.zeros(x.size(0), 5)",
        "torch.rand(*x.shape)",
        "x.new_zeros(2, 2)",
        "x.roll(1, 0)",
        "x.flip(0)",
        "x.cumsum(0)",
        "x if x.dim() > 1 else x[None]",
        "nn.Flatten()(x)",
        "nn.Identity()(x)",
        "nn.ReLU()(x)",
        "nn.Linear(3, 4)(x)",
        "nn.Linear(2, 4)(x)",
        "nn.Embedding(9, 4)(x.abs().long())",
        "nn.Dropout()(x)",
        "nn.Softmax(0)(x)",
        "nn.Upsample(scale_factor=2)(x)",
        "nn.Sequential(nn.Linear(3, 4), nn.ReLU())(x)",
        "nn.MSELoss()(x, x)",
        "F.mse_loss(x, x)",
        "x.unsqueeze_(0)",
        "x.squeeze_()",
    ]
)
STARTS = st.sampled_from(
    [
        "torch.rand(2, 3)",
        "torch.zeros((2, 1, 3))",
        "torch.randn(size=(1, 2, 3, 4))",
        "torch.ones(6)",
        "torch.randint(0, 9, (2, 3))",
        "torch.full((2, 3), 1.0)",
        "torch.empty(2, 2, 2, 2).zero_()",
        "torch.FloatTensor(2, 3).zero_()",
        "torch.LongTensor(2, 3).zero_()",
        "torch.tensor(1.0)",
        "torch.tensor([1.0, 2.0])",
        "torch.arange(6)",
        "torch.arange(0, 6, 2)",
        "torch.arange(0.0, 3)",
        "torch.tensor([True, False, True])",
        "torch.tensor([[0, 1], [2, 3]], dtype=torch.int16)",
        "torch.tensor([0, 1.5])",
        "torch.Tensor([0, 1])",
        "torch.IntTensor([0, 1])",
        "torch.randperm(6)",
        "torch.eye(3)",
        "torch.eye(2, 3)",
        "torch.ShortTensor(2, 3).zero_()",
        "torch.nonzero(torch.ones(4))",
        "torch.where(torch.ones(4) > 0)[0]",
        "torch.from_numpy(np.arange(6))",
        "torch.as_tensor(np.array([0, 1]), dtype=torch.int8)",
        "torch.from_numpy(np.flatnonzero(np.ones(4)))",
        "torch.tensor(np.random.permutation(6))",
        "torch.from_numpy(np.zeros((2, 3), dtype=np.int16))",
        "torch.from_numpy(np.ones(4, dtype='uint8'))",
        "torch.from_numpy(np.array([0.5, 1]))",
    ]
)


def real(lines: list[str]) -> object:
    """What torch makes of the lines; None where it refuses."""
    torch.manual_seed(0)
    names = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "np": numpy}
    try:
        for line in lines:
            exec(line, names)
    except (RuntimeError, IndexError, TypeError, ValueError, NotImplementedError):
        return None
    return names["x"]


@pytest.mark.filterwarnings("ignore")  # of what torch will not do any more
@settings(max_examples=150, deadline=None, derandomize=True)
@given(STARTS, st.lists(STEPS, min_size=1, max_size=4))
def test_what_is_said_of_a_tensor_holds_in_torch(start: str, steps: list[str]):
    lines = [f"x = {start}"]
    for step in steps:
        if isinstance(real([*lines, f"x = {step}"]), torch.Tensor):
            lines.append(f"x = {step}")
    actual = real(lines)
    assert isinstance(actual, torch.Tensor)
    said = resized("\n".join(["import numpy as np", *lines, "F.interpolate(x)"]))
    assert isinstance(said, Tensor), lines
    assert said.rank in (None, actual.dim()), lines
    if said.shape is not None:
        assert len(said.shape) == actual.dim(), lines
        assert all(size in (None, real) for size, real in zip(said.shape, actual.shape, strict=True)), lines
    assert said.dtype in (None, "float" if actual.is_floating_point() else WHOLE.get(actual.dtype)), lines


@pytest.mark.parametrize(
    ("expression", "shape"),
    [
        ("torch.rand(2, 3, 4)", (2, 3, 4)),
        ("torch.randn(size=(1, n))", (1, None)),
        ("torch.rand(2, 3, 4).view(6, -1)", (6, None)),
        ("torch.rand(2, 3).unsqueeze(0)", (1, 2, 3)),
        ("torch.rand(2, 1, 3).squeeze(1)", (2, 3)),
        ("torch.rand(2, 3)[:, None]", (2, 1, 3)),
        ("torch.rand(2, 3, 4)[0, :, 1:2]", (3, 1)),
        ("torch.rand(2, 3, 4).permute(2, 0, 1)", (4, 2, 3)),
        ("torch.zeros(torch.rand(4, 5).size())", (4, 5)),
        ("torch.rand(2, 3).softmax(1) + 1", (2, 3)),
        ("nn.Upsample(scale_factor=2)(torch.rand(1, 3, 4, 4))", (1, 3, None, None)),
        ("numpy.zeros((2, 3))", (2, 3)),
        ("nn.Conv2d(3, 4, 1)(torch.rand(2, 3, 8, 8))", (2, None, None, None)),
        ("nn.MaxPool2d(2)(torch.rand(2, 3, 8, 8))", (2, None, None, None)),
        ("nn.Linear(3, 4)(torch.rand(2, 3))", (2, None)),
    ],
)
def test_sizes_that_are_known(expression: str, shape: tuple[int | None, ...]):
    said = resized(f"import numpy\nF.interpolate({expression})")
    assert isinstance(said, Tensor) and (said.rank, said.shape) == (len(shape), shape)


@pytest.mark.parametrize(
    ("expression", "rank"),
    [
        ("x", None),
        ("torch.rand(shape)", None),
        ("torch.rand(*shape)", None),
        ("torch.rand(a, b).squeeze()", None),
        ("torch.rand(2, 3)[index]", None),
        ("torch.rand(2, 3) + x", None),
        ("torch.rand(2, 3) if flag else torch.rand(4)", None),
        ("torch.rand(2, 3) if flag else torch.rand(4, 5)", 2),
        ("torch.from_numpy(array)", None),
        ("nn.Conv2d(3, 4, 1)(x)", 4),  # images come in batches unless something says otherwise
        ("nn.Conv2d(3, 4, 1)(torch.rand(3, 8, 8))", 3),
        ("nn.BatchNorm2d(3)(x)", 4),
        ("nn.Linear(3, 4)(torch.rand(3))", 1),
        ("torch.rand(3, 4) @ torch.rand(4)", 1),
        ("torch.rand(3) @ torch.rand(3)", 0),
        ("torch.rand(3, 4) @ x", None),
        ("nn.Flatten()(torch.rand(2, 3, 4))", None),
        ("torchvision.transforms.ToTensor()(image)", 3),
        ("torchvision.transforms.ToTensor()(image)[None]", 4),
        ("torch.stack([torchvision.transforms.ToTensor()(i) for i in images])", 4),
        ("next(iter(DataLoader(TensorDataset(torch.rand(9, 3, 8, 8)))))[0]", 4),
    ],
)
def test_ranks_that_are_known_and_those_that_are_not(expression: str, rank: int | None):
    head = "import torchvision\nfrom torch.utils.data import DataLoader, TensorDataset\nx = unread()\n"
    said = resized(f"{head}F.interpolate({expression})")
    assert getattr(said, "rank", None) == rank


def test_the_layout_of_images():
    head = "import cv2, torchvision\nfrom torchvision import transforms\n"
    for expression, layout in [
        ("cv2.imread(path)", "HWC"),
        ("torch.from_numpy(cv2.imread(path)).permute(2, 0, 1)", "CHW"),
        ("transforms.Compose([transforms.Resize(3), transforms.ToTensor()])(image)", "CHW"),
        ("torchvision.io.read_image(path)", "CHW"),
        ("torchvision.io.read_image(path) / 255", "CHW"),
        ("torchvision.io.read_image(path).view(-1)", None),
    ]:
        said = resized(f"{head}F.interpolate({expression})")
        assert isinstance(said, Tensor) and said.layout == layout, expression
