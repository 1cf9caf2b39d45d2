"""The second run sees what CUDA refuses, and nothing else."""

from __future__ import annotations

from functools import cache

import pytest
from device_programs import CUDA_ONLY, EITHER, HEAD, for_cpu
from device_runner import Ran, run_all

#: What a program does wrong, each with the same done right.
PAIRS = {
    "a batch left behind": (
        "nn.Linear(2, 2).cuda()(torch.ones(1, 2))",
        "nn.Linear(2, 2).cuda()(torch.ones(1, 2).cuda())",
    ),
    "a model left behind": (
        'nn.Linear(2, 2)(torch.ones(1, 2, device="cuda"))',
        'nn.Linear(2, 2).to("cuda")(torch.ones(1, 2, device="cuda"))',
    ),
    "data from numpy": (
        "torch.ones(2).cuda() + torch.from_numpy(np.ones(2))",
        "torch.ones(2).cuda() + torch.from_numpy(np.ones(2)).cuda()",
    ),
    "a loader's target": (
        "for x, y in DataLoader(IMAGES): F.cross_entropy(nn.Flatten()(x.cuda()), y)",
        "for x, y in DataLoader(IMAGES): F.cross_entropy(nn.Flatten()(x.cuda()), y.cuda())",
    ),
    "a hidden state": (
        "nn.LSTM(2, 2).cuda()(torch.ones(1, 1, 2).cuda(), (torch.zeros(1, 1, 2), torch.zeros(1, 1, 2)))",
        "nn.LSTM(2, 2).cuda()(torch.ones(1, 1, 2).cuda(), (torch.zeros(1, 1, 2).cuda(), torch.zeros(1, 1, 2).cuda()))",
    ),
    "a list": (
        "torch.cat([torch.ones(2).cuda(), torch.ones(2)])",
        "torch.cat([torch.ones(2).cuda(), torch.ones(2).cuda() * 2])",
    ),
    "a parameter without register": (
        "class M(nn.Module):\n  def __init__(s):\n    super().__init__(); s.w = torch.ones(2)\n"
        "  def forward(s, x): return x * s.w\nM().cuda()(torch.ones(2).cuda())",
        "class M(nn.Module):\n  def __init__(s):\n    super().__init__(); s.register_buffer('w', torch.ones(2))\n"
        "  def forward(s, x): return x * s.w\nM().cuda()(torch.ones(2).cuda())",
    ),
    "an index on the GPU": (
        'torch.ones(3)[torch.tensor([0, 1], device="cuda")]',
        'torch.ones(3, device="cuda")[torch.tensor([0, 1])]',
    ),
    "a keyword": (
        "F.cross_entropy(torch.ones(2, 3).cuda(), target=torch.tensor([0, 1]))",
        "F.cross_entropy(torch.ones(2, 3).cuda(), target=torch.tensor([0, 1]).cuda())",
    ),
    "brought back": (
        "x = torch.ones(2).cuda(); x.to(torch.device('cpu')) + x",
        "x = torch.ones(2).cuda(); x.to(torch.device('cpu')).to(x.device) + x",
    ),
    "made on the CPU of one on the GPU": (
        "x = torch.ones(2).cuda(); x.new_zeros(2, device='cpu') + x",
        "x = torch.ones(2).cuda(); x.new_zeros(2) + torch.zeros_like(x) + torch.ones(2, device=x.device) + x",
    ),
}

#: What CUDA allows, or what can't be told.
ALLOWED = {
    "a number": "torch.ones(2).cuda() * torch.tensor(2.0)",
    "written into": "x = torch.zeros(2).cuda(); x[0] = torch.ones(()); x[:] = torch.ones(2); x.copy_(torch.ones(2))",
    "a legacy constructor": "torch.ones(2).cuda() + torch.FloatTensor(2).zero_()",
    "packed": """
packed = nn.utils.rnn.pack_padded_sequence(torch.ones(2, 3, 2).cuda(), torch.tensor([3, 1]), batch_first=True)
for rnn in nn.LSTM(2, 2), nn.GRU(2, 2), nn.RNN(2, 2):
    nn.utils.rnn.pad_packed_sequence(rnn.cuda()(packed)[0])[0] + torch.ones(1).cuda()
""",
    "targets of ctc": """
scores = torch.randn(5, 2, 4).log_softmax(2).cuda()
nn.CTCLoss()(scores, torch.randint(1, 4, (2, 2)), torch.tensor([5, 5]), torch.tensor([2, 2]))
""",
    "like another": "x = torch.ones(4).cuda(); x.view_as(torch.ones(2, 2)); torch.ones(4).type_as(x) + x",
    "scattered": "nn.DataParallel(nn.Linear(2, 2))(torch.ones(3, 2)) + torch.ones(2).cuda()",
    "a default device": "torch.set_default_device('cuda'); nn.Linear(2, 2)(torch.ones(1, 2)) + torch.ones(2).cuda()",
    "gradients": """
model = nn.Linear(2, 2).cuda()
model(torch.ones(1, 2).cuda()).sum().backward()
assert model.weight.grad.is_cuda
nn.utils.clip_grad_norm_(model.parameters(), 1.0)
optimizer = optim.Adam(model.parameters())
optimizer.step(); optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict())); optimizer.step()
""",
    "the CPU alone": "nn.Linear(2, 2)(torch.ones(1, 2)).detach().numpy()",
}

ANSWERS = """
x = torch.ones(2)
y = x.cuda()
assert y.is_cuda and not x.is_cuda and not y.is_cpu and x.is_cpu
said = [str(t.device) for t in (x, y, y * 2, y.view(2, 1), y.data, y.cpu(), y.to("cpu"), nn.Linear(1, 1).cuda().weight)]
said += [y.get_device(), x.get_device(), y.type(), x.type(), str(y.type(torch.FloatTensor).device), y.to(y.device) is y]
said += [isinstance(y * 2, torch.cuda.FloatTensor), isinstance(x, torch.cuda.FloatTensor), y.long().is_cuda]
"""


@cache
def ran() -> dict[tuple[str, str], Ran]:
    jobs = {(name, "plain"): HEAD + for_cpu(text) for name, text in EITHER.items()}
    jobs |= {(name, "shadow"): HEAD + text for name, text in (EITHER | CUDA_ONLY | ALLOWED).items()}
    for name, (wrong, right) in PAIRS.items():
        jobs[name, "shadow"] = HEAD + wrong
        jobs["right: " + name, "shadow"] = HEAD + right
    jobs["answers", "shadow"] = HEAD + ANSWERS
    jobs["numpy", "shadow"] = HEAD + "torch.ones(2).cuda().numpy()"
    jobs["array", "shadow"] = HEAD + "np.asarray(torch.ones(2).cuda())"
    jobs["patch", "redirect"] = HEAD + PAIRS["a batch left behind"][0]
    return run_all(jobs)


@pytest.mark.parametrize("name", PAIRS)
def test_a_mismatch_is_seen(name: str):
    error = ran()[name, "shadow"].error
    assert error.startswith("ShadowMismatch: ")
    assert "on the same device" in error
    assert ran()["right: " + name, "shadow"].error == ""


@pytest.mark.parametrize("name", ALLOWED)
def test_what_cuda_allows_is_not_accused(name: str):
    assert ran()[name, "shadow"].error == ""


@pytest.mark.parametrize("name", [*EITHER, *CUDA_ONLY])
def test_correct_programs_run_with_the_same_bits(name: str):
    shadowed = ran()[name, "shadow"]
    assert shadowed.error == ""
    if name in EITHER:
        assert shadowed.crc == ran()[name, "plain"].crc


@pytest.mark.parametrize("name", ["numpy", "array"])
def test_numpy_refuses_a_tensor_on_the_gpu(name: str):
    assert ran()[name, "shadow"].error.startswith("TypeError: can't convert cuda:0 device type tensor to numpy.")


def test_tensors_answer_as_on_a_gpu():
    gpu, cpu = "cuda:0", "cpu"
    devices = [cpu, gpu, gpu, gpu, gpu, cpu, cpu, gpu]
    types = ["torch.cuda.FloatTensor", "torch.FloatTensor"]
    assert ran()["answers", "shadow"].error == ""
    assert ran()["answers", "shadow"].said == [*devices, 0, -1, *types, cpu, True, True, False, True]


def test_the_redirect_alone_sees_no_mismatch():
    assert ran()["patch", "redirect"].error == ""


@pytest.mark.parametrize(
    "old", ["del torch.overrides.TorchFunctionMode", "redirect_places.ON_STORAGES = False"], ids=["1.12", "2.0"]
)
def test_an_old_torch_says_that_it_observes_nothing(old: str):
    source = f"""
import torch.overrides
from observer import redirect_places, shadow
notes = []
{old}
shadow.install(lambda kind, what: notes.append([kind, what]))
said = [notes, (torch.ones(2).cuda() + torch.ones(2)).tolist()]
"""
    answer = run_all({("old", "plain"): source}, first="nothing")["old", "plain"]
    assert answer.error == ""
    assert answer.said == [[["shadow", "not observed"], ["redirect", "Tensor.cuda"]], [2.0, 2.0]]
