"""What programs find out about moves, devices and the like under the redirect."""

from __future__ import annotations

#: Facts that a program finds out about itself, and leaves in `said`.
FACTS = {
    "a move copies once": """
x = torch.randn(3, requires_grad=True)
y = x.cuda()
again = y.cuda(), y.to("cuda:0"), y.to(device=torch.device("cuda", 0)), y.to(0)
said = [y is x, y.is_leaf, *(z is y for z in again)]
assert torch.equal(x, y)
""",
    "every form of a move": """
import itertools
said = 0
where = "cuda", "cuda:1", torch.device("cuda"), 0
kinds = None, torch.float32, torch.int64
for d, dtype, copy, block in itertools.product(where, kinds, (False, True), (False, True)):
    x = torch.tensor([1.5, -2.0])
    forms = [lambda t: t.to(d, dtype, block, copy),
             lambda t: t.to(device=d, dtype=dtype, non_blocking=block, copy=copy),
             lambda t: t.to(d, dtype=dtype, copy=copy), lambda t: t.to(d, dtype, copy=copy)]
    for form in forms:
        y = form(x)
        wanted = x if dtype is None else x.to(dtype)
        assert torch.equal(y, wanted) and y.dtype == wanted.dtype
        assert y.data_ptr() != x.data_ptr() and y.cuda() is y
        assert (form(y) is y) == (not copy)
        said += 1
""",
    "views are where their memory is": """
y = torch.randn(4).cuda()
said = [y.view(2, 2).cuda().data_ptr() == y.data_ptr(), y.detach().to("cuda").data_ptr() == y.data_ptr(),
        y.data.cpu().data_ptr() == y.data_ptr()]
""",
    "a copy is written alone": """
x = torch.zeros(3)
y = x.cuda()
y.add_(1)
a = np.zeros(3)
b = torch.as_tensor(a, device="cuda")
b += 1
said = [x.sum().item(), a.sum(), y.cpu().numpy().sum().item()]
""",
    "a non-leaf can't be optimized": """
w = Variable(torch.randn(3, 2), requires_grad=True).cuda()
optim.SGD([w], lr=0.1)
""",
    "a leaf can": """
w = Variable(torch.randn(3, 2).cuda(), requires_grad=True)
v = torch.randn(3, 2, device="cuda", requires_grad=True).cuda()
z = torch.zeros_like(v, requires_grad=True).to("cuda")
optim.SGD([w, v, z], lr=0.1)
""",
    "parameters stay the objects they are": """
model = nn.LSTM(3, 4)
before = [id(p) for p in model.parameters()]
optimizer = optim.Adam(model.parameters())
memory = model.weight_ih_l0.data_ptr()
model.cuda(); model.to("cuda"); model.to(torch.device("cuda:0")); model.to(0)
model.to(device="cuda", dtype=torch.float32)
said = [before == [id(p) for p in model.parameters()], next(model.parameters()).cuda() is next(model.parameters()),
        next(model.parameters()).is_leaf, memory == model.weight_ih_l0.data_ptr()]
""",
    "a snapshot on the CPU doesn't follow": """
model = nn.Linear(2, 2).cuda()
best = {k: v.cpu() for k, v in model.state_dict().items()}
with torch.no_grad():
    model.weight.add_(1)
said = torch.equal(best["weight"], model.weight)
""",
    "types": """
dtype = torch.cuda.LongTensor
x = torch.randn(3)
said = [str(x.type(dtype).dtype), str(x.type("torch.cuda.HalfTensor").dtype), str(torch.cuda.ByteTensor([1, 2]).dtype),
        isinstance(torch.cuda.FloatTensor(2), torch.cuda.FloatTensor), isinstance(x, torch.cuda.FloatTensor),
        x.type(torch.cuda.FloatTensor) is x, x.type(torch.FloatTensor) is x, x.type(),
        str(x.double().type_as(x).dtype),
        torch.cuda.sparse.FloatTensor(torch.LongTensor([[0], [1]]), torch.ones(1), torch.Size([2, 2])).cuda().is_sparse]
""",
    "modules are made there": """
kinds = [nn.Linear(2, 2, device="cuda"), nn.Conv2d(1, 1, 1, device="cuda"), nn.BatchNorm1d(2, device="cuda"),
         nn.Embedding(2, 2, device="cuda"), nn.GRU(2, 2, device="cuda"), nn.MultiheadAttention(4, 2, device="cuda"),
         copy.deepcopy(nn.LayerNorm(2, device="cuda")), nn.Transformer(4, 2, 1, 1, 4, device="cuda"),
         nn.PReLU(device="cuda")]
said = all(p.cuda() is p for m in kinds for p in m.parameters())
nn.LazyLinear(3, device="cuda")(torch.ones(1, 2))
""",
    "all that takes a device": """
d = torch.device("cuda")
made = [torch.zeros(2, device=d), torch.ones(2, device=0), torch.arange(3, device="cuda"), torch.tensor([1], device=d),
        torch.rand_like(torch.ones(2), device=d), torch.ones(1).new_tensor([2.0], device=d),
        torch.eye(2, device="cuda:0"), torch.fft.fftfreq(4, device=d), torch.hann_window(4, device=d),
        torch.full((2,), 3, device="cuda:3"),
        torch.zeros(2).to("cuda", torch.float64), torch.zeros(2).to("cuda", non_blocking=True, copy=True),
        torch.zeros(2).to(device="cuda", dtype=torch.int32), torch.ones(2).to(torch.zeros(1, device=d)),
        torch.empty(2, pin_memory=True).pin_memory().cuda(non_blocking=True), torch.asarray([1.0], device=d)]
said = [all(t.cuda() is t for t in made), [str(t.dtype) for t in made[10:13]]]
""",
    "default device": """
with torch.device("cuda"):
    a = torch.zeros(2)
torch.set_default_device("cuda")
b = torch.zeros(2)
torch.set_default_device(None)
c = torch.zeros(2)
with torch.device("meta"):
    d = nn.Linear(2, 2).weight
said = [a.cuda() is a, b.cuda() is b, c.cuda() is c, str(d.device)]
""",
    "generators": """
g = torch.Generator(device="cuda").manual_seed(3)
a = torch.randn(3, generator=g, device="cuda")
said = [torch.equal(a, torch.randn(3, generator=torch.Generator().manual_seed(3))), isinstance(g, torch.Generator),
        isinstance(torch.default_generator, torch.Generator), isinstance(3, torch.Generator),
        len(torch.cuda.default_generators)]
torch.utils.data.random_split(IMAGES, [20, 4], generator=torch.Generator("cpu").manual_seed(1))
""",
    "files": """
def on_gpu(storage):
    return "cuda:0"
file = io.BytesIO()
torch.serialization._package_registry.insert(0, (0, on_gpu, lambda storage, location: None))
torch.save({"w": torch.ones(2)}, file)
del torch.serialization._package_registry[0]
assert b"cuda:0" in file.getvalue()
said = []
for where in (None, "cpu", "cuda", "cuda:1", torch.device("cuda"), {"cuda:0": "cuda:1"}, {"cuda:0": "cpu"},
              lambda storage, location: storage, lambda storage, location: storage.cuda(0), lambda *args: None):
    file.seek(0)
    w = torch.load(file, map_location=where)["w"]
    said.append([w.sum().item(), w.cuda() is w])
""",
    "mixed precision is off for CUDA": """
one = torch.ones(2, 2)
said = []
for context in (torch.cuda.amp.autocast(), torch.autocast("cuda"), torch.autocast("cuda", dtype=torch.bfloat16),
                torch.amp.autocast("cuda", enabled=False), torch.autocast("cpu", dtype=torch.bfloat16)):
    with context:
        said.append(str((one @ one).dtype))
for scaler in torch.cuda.amp.GradScaler(), torch.amp.GradScaler("cuda"), torch.amp.GradScaler("cpu"):
    said.append(scaler.is_enabled())
@torch.cuda.amp.autocast()
def forward(x):
    return x @ x
forward(one)
""",
    "no mixed precision asked for": """
scaler = torch.cuda.amp.GradScaler(enabled=False)
with torch.cuda.amp.autocast(enabled=False):
    torch.ones(2, device="cuda")
with torch.autocast("cpu"):
    pass
""",
    "scripts and compilers": """
import torch._dynamo
from torch._dynamo.trace_rules import get_torch_obj_rule_map
get_torch_obj_rule_map()
@torch.jit.script
def scripted(x):
    return x + torch.zeros(2) + torch.ones([2])
model = nn.Linear(2, 2).cuda()
def step(x):
    return model(x.cuda()) + torch.zeros(2, device="cuda")
x = torch.ones(1, 2)
said = [scripted(x).tolist(), torch.equal(torch.compile(step, backend="eager")(x), step(x)),
        torch.equal(torch.jit.script(model)(x), model(x))]
""",
    "modes and subclasses see no loop": """
class Mine(torch.Tensor):
    pass
x = torch.ones(2).as_subclass(Mine)
y = x.cuda()
said = [type(y).__name__, y.cuda() is y, type(x.to("cuda", torch.float64)).__name__, x.to_dense().cuda().sum().item()]
torch.vmap(lambda t: t.to("cuda") * 2)(torch.ones(3))
""",
    "DataParallel": """
class Named(nn.Module):
    def forward(self, pair, scale=None):
        return pair[0] + pair[1]["x"] * scale
class Mine(nn.DataParallel):
    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.module, name)
inner = nn.Linear(2, 2)
inner.tag = 7
model = Mine(inner, device_ids=[0, 1], output_device=0)
said = [model.module is inner, model.tag, model.device_ids, list(model.state_dict()),
        nn.DataParallel(Named())((torch.ones(1), {"x": torch.ones(1)}), scale=torch.tensor([3.0])).item()]
""",
    "other devices are left alone": """
said = []
for device in ("mps", "xla"):
    try:
        torch.zeros(1, device=device)
    except Exception as error:
        said.append(device in str(error).lower())
    try:
        nn.Linear(1, 1).to(device)
    except Exception:
        said.append(True)
said += [str(torch.zeros(1, device="meta").device), str(torch.zeros(1).to("meta").device)]
""",
    "x.is_cuda stays False": "said = [torch.ones(1).cuda().is_cuda, str(torch.ones(1).cuda().device)]",
    "asked for nothing": """
torch.manual_seed(3); torch.cuda.manual_seed_all(3); torch.cuda.empty_cache()
model = nn.Sequential(nn.Linear(64, 4), nn.Dropout())
optimizer = optim.Adam(model.parameters())
for x, y in DataLoader(IMAGES, batch_size=8, shuffle=True):
    optimizer.zero_grad()
    F.cross_entropy(model(x.view(len(x), -1)), y).backward()
    optimizer.step()
from torch.utils.checkpoint import checkpoint
checkpoint(model, torch.randn(2, 64, requires_grad=True), use_reentrant=True).sum().backward()
with torch.random.fork_rng():
    torch.rand(1)
model.to("cpu").cpu()
copy.deepcopy(model).to(torch.device("cpu"), torch.float64)
torch.save(model.state_dict(), file := io.BytesIO())
file.seek(0); torch.load(file, map_location="cpu")
said = type(model[0].weight.data.new_zeros(2)).__name__
""",
    "asked whether there is one": "said = torch.cuda.is_available()",
    "another index": 'said = torch.zeros(1).to("cuda:3").sum().item()',
    "what isn't redirected raises": "torch.cuda.CUDAGraph()",
}
