"""Training scripts in the manner of their years, written for CUDA; `for_cpu` writes the same for the CPU."""

from __future__ import annotations

#: What every program starts with. Each leaves its parameters in `model`.
HEAD = """
import copy, io, random, time
import numpy as np
import torch, torch.nn as nn, torch.nn.functional as F, torch.optim as optim
from torch.autograd import Variable
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(1); np.random.seed(1); random.seed(1)
IMAGES = TensorDataset(torch.randn(24, 1, 8, 8), torch.arange(24) % 4)
"""

REPLACEMENTS = (
    (".cuda(non_blocking=True)", ""),
    (".cuda(0)", ""),
    (".cuda()", ""),
    ("torch.cuda.FloatTensor", "torch.FloatTensor"),
    ("torch.cuda.LongTensor", "torch.LongTensor"),
    ('"cuda:0"', '"cpu"'),
    ('"cuda"', '"cpu"'),
    ("device=0", 'device="cpu"'),
)


def for_cpu(program: str) -> str:
    """The same program as its author would have written it for the CPU."""
    for cuda, cpu in REPLACEMENTS:
        program = program.replace(cuda, cpu)
    return program


EITHER = {
    "mnist_2017": """
use_cuda = torch.cuda.is_available() or True
class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 4, kernel_size=3)
        self.drop = nn.Dropout2d()
        self.fc = nn.Linear(4 * 3 * 3, 4)
    def forward(self, x):
        x = F.relu(F.max_pool2d(self.drop(self.conv1(x)), 2))
        x = F.dropout(x.view(-1, 36), training=self.training)
        return F.log_softmax(self.fc(x), dim=1)
model = Net()
torch.cuda.manual_seed(1)
if use_cuda:
    model.cuda()
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.5)
for epoch in range(2):
    model.train()
    for data, target in DataLoader(IMAGES, batch_size=8, shuffle=True):
        if use_cuda:
            data, target = data.cuda(), target.cuda()
        data, target = Variable(data), Variable(target)
        optimizer.zero_grad()
        F.nll_loss(model(data), target).backward()
        optimizer.step()
    model.eval()
    correct = 0
    for data, target in DataLoader(IMAGES, batch_size=8):
        if use_cuda:
            data, target = data.cuda(), target.cuda()
        pred = model(Variable(data)).data.max(1, keepdim=True)[1]
        correct += pred.eq(target.view_as(pred)).cpu().sum().item()
""",
    "imagenet_2017": """
import torch.backends.cudnn as cudnn
model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(256, 4))
model = torch.nn.DataParallel(model).cuda()
cudnn.benchmark = True
criterion = nn.CrossEntropyLoss().cuda()
optimizer = optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
loader = DataLoader(IMAGES, batch_size=6, shuffle=True, pin_memory=True)
best = None
for epoch in range(2):
    for images, target in loader:
        target = target.cuda(non_blocking=True)
        output = model(images)
        loss = criterion(output, target)
        _, pred = output.topk(1, 1, True, True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        torch.cuda.empty_cache()
assert all(key.startswith("module.") for key in model.state_dict())
model = model.module
""",
    "gan_2018": """
Tensor = torch.cuda.FloatTensor
generator = nn.Sequential(nn.Linear(5, 16), nn.LeakyReLU(0.2), nn.Linear(16, 64), nn.Tanh())
discriminator = nn.Sequential(nn.Linear(64, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1), nn.Sigmoid())
loss = torch.nn.BCELoss()
generator.cuda(); discriminator.cuda(); loss.cuda()
og = torch.optim.Adam(generator.parameters(), lr=1e-2, betas=(0.5, 0.999))
od = torch.optim.Adam(discriminator.parameters(), lr=1e-2, betas=(0.5, 0.999))
for imgs, _ in DataLoader(IMAGES, batch_size=8):
    valid = Variable(Tensor(imgs.size(0), 1).fill_(1.0), requires_grad=False)
    fake = Variable(Tensor(imgs.size(0), 1).fill_(0.0), requires_grad=False)
    real = Variable(imgs.type(Tensor)).view(imgs.size(0), -1)
    og.zero_grad()
    z = Variable(Tensor(np.random.normal(0, 1, (imgs.shape[0], 5))))
    made = generator(z)
    loss(discriminator(made), valid).backward()
    og.step()
    od.zero_grad()
    ((loss(discriminator(real), valid) + loss(discriminator(made.detach()), fake)) / 2).backward()
    od.step()
model = nn.ModuleList([generator, discriminator])
""",
    "language_model_2018": """
device = torch.device("cuda")
class RNNModel(nn.Module):
    def __init__(self, ntoken=11, ninp=6, nlayers=2):
        super().__init__()
        self.nlayers, self.nhid = nlayers, ninp
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = nn.LSTM(ninp, ninp, nlayers, dropout=0.2)
        self.decoder = nn.Linear(ninp, ntoken)
        self.decoder.weight = self.encoder.weight
    def forward(self, input, hidden):
        output, hidden = self.rnn(self.encoder(input), hidden)
        return self.decoder(output), hidden
    def init_hidden(self, bsz):
        weight = next(self.parameters())
        return weight.new_zeros(self.nlayers, bsz, self.nhid), weight.new_zeros(self.nlayers, bsz, self.nhid)
data = (torch.arange(200) * 7 % 11).view(4, -1).t().contiguous().to(device)
model = RNNModel().to(device)
assert model.decoder.weight is model.encoder.weight
hidden = model.init_hidden(4)
for i in range(0, 40, 5):
    hidden = tuple(h.detach() for h in hidden)
    model.zero_grad()
    output, hidden = model(data[i:i + 5], hidden)
    F.cross_entropy(output.view(-1, 11), data[i + 1:i + 6].view(-1)).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
    for p in model.parameters():
        p.data.add_(p.grad, alpha=-1.0)
""",
    "seq2seq_2018": """
device = "cuda"
encoder = nn.GRU(4, 4).to(device)
embedding = nn.Embedding(9, 4).to(device)
out = nn.Linear(4, 9).to(device)
model = nn.ModuleList([encoder, embedding, out])
optimizers = [optim.SGD(m.parameters(), lr=0.1) for m in model]
for step in range(6):
    source = torch.tensor([1, 2, 3, step], dtype=torch.long, device=device).view(-1, 1)
    target = torch.LongTensor([4, 5, 6]).to(device)
    hidden = torch.zeros(1, 1, 4, device=device)
    for o in optimizers:
        o.zero_grad()
    for token in source:
        _, hidden = encoder(embedding(token).view(1, 1, -1), hidden)
    loss, token = 0, torch.tensor([[0]], device=device)
    for want in target:
        result, hidden = encoder(embedding(token).view(1, 1, -1), hidden)
        scores = out(result[0])
        loss += F.cross_entropy(scores, want.view(1))
        token = want if random.random() < 0.5 else scores.topk(1)[1].squeeze().detach()
    loss.backward()
    for o in optimizers:
        o.step()
""",
    "dqn_2019": """
device = torch.device("cuda" if torch.cuda.is_available() or True else "cpu")
model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).to(device)
target = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).to(device)
target.load_state_dict(model.state_dict())
target.eval()
optimizer = optim.RMSprop(model.parameters())
def frame(i):
    following = None if i % 5 == 0 else torch.randn(1, 4, device=device)
    action = torch.tensor([[i % 2]], device=device)
    return torch.randn(1, 4, device=device), action, following, torch.ones(1, device=device)
memory = [frame(i) for i in range(30)]
for step in range(8):
    state, action, following, reward = zip(*random.sample(memory, 10))
    mask = torch.tensor(tuple(s is not None for s in following), device=device, dtype=torch.bool)
    values = model(torch.cat(state)).gather(1, torch.cat(action))
    nexts = torch.zeros(10, device=device)
    nexts[mask] = target(torch.cat([s for s in following if s is not None])).max(1)[0].detach()
    loss = F.smooth_l1_loss(values, (nexts * 0.9 + torch.cat(reward)).unsqueeze(1))
    optimizer.zero_grad()
    loss.backward()
    for p in model.parameters():
        p.grad.data.clamp_(-1, 1)
    optimizer.step()
    if step % 3 == 0:
        target.load_state_dict(model.state_dict())
""",
    "gcn_2019": """
edges = torch.tensor([[0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 0]])
adj = torch.sparse_coo_tensor(edges, torch.ones(6), (5, 5))
features, labels, index = torch.randn(5, 3), torch.arange(5) % 2, torch.LongTensor([0, 2, 3])
class GCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.FloatTensor(3, 2))
        self.weight.data.uniform_(-1, 1)
        self.register_buffer("scale", torch.ones(1))
    def forward(self, x, adj):
        return F.log_softmax(torch.spmm(adj, torch.mm(x, self.weight)) * self.scale, dim=1)
model = GCN()
optimizer = optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
model.cuda()
features, adj, labels, index = features.cuda(), adj.cuda(), labels.cuda(), index.cuda()
for epoch in range(8):
    optimizer.zero_grad()
    F.nll_loss(model(features, adj)[index], labels[index]).backward()
    optimizer.step()
""",
    "resume_2019": """
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).cuda()
optimizer = optim.Adam(model.parameters(), lr=0.01)
def steps(n):
    for _ in range(n):
        optimizer.zero_grad()
        model(torch.randn(5, 4).cuda()).pow(2).mean().backward()
        optimizer.step()
steps(3)
best = {k: v.cpu().clone() for k, v in model.state_dict().items()}
file = io.BytesIO()
torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
steps(2)
file.seek(0)
checkpoint = torch.load(file, map_location=lambda storage, loc: storage.cuda(0))
file.seek(0)
checkpoint = torch.load(file, map_location="cuda:0")
model.load_state_dict(checkpoint["model"])
optimizer.load_state_dict(checkpoint["optimizer"])
for state in optimizer.state.values():
    for k, v in state.items():
        if isinstance(v, torch.Tensor):
            state[k] = v.cuda()
assert all(torch.equal(v, model.state_dict()[k].cpu()) for k, v in best.items())
steps(3)
""",
    "style_2017": """
dtype = torch.cuda.FloatTensor
target = Variable(torch.randn(1, 3, 6, 6).type(dtype))
features = nn.Conv2d(3, 4, 3).type(dtype)
image = Variable(torch.randn(1, 3, 6, 6).type(dtype), requires_grad=True)
optimizer = optim.LBFGS([image])
def gram(x):
    x = features(x).view(4, -1)
    return x.mm(x.t())
def closure():
    optimizer.zero_grad()
    loss = F.mse_loss(gram(image), gram(target).detach())
    loss.backward()
    return loss
for i in range(2):
    optimizer.step(closure)
model = nn.ParameterList([nn.Parameter(image.data)])
""",
    "amp_2020": """
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4)).to("cuda")
optimizer = optim.AdamW(model.parameters(), lr=1e-2)
scaler = torch.cuda.amp.GradScaler(enabled=True)
for i in range(6):
    x, y = torch.randn(8, 8).to("cuda"), (torch.arange(8) % 4).to("cuda")
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.amp.autocast(enabled=True):
        loss = F.cross_entropy(model(x), y)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
assert scaler.get_scale() == 1.0
""",
    "transformer_2021": """
device = torch.device("cuda:0")
layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, device=device)
model = nn.Sequential(nn.Embedding(12, 8, device=device), layer, nn.Linear(8, 12, device=device))
mask = torch.triu(torch.ones(6, 6, device=device), diagonal=1).bool()
g = torch.Generator(device=device)
g.manual_seed(3)
optimizer = optim.Adam(model.parameters(), lr=1e-3, foreach=False)
for i in range(4):
    tokens = torch.randint(0, 12, (3, 7), generator=g, device=device)
    hidden = model[1](model[0](tokens[:, :-1]), src_mask=mask)
    loss = F.cross_entropy(model[2](hidden).flatten(0, 1), tokens[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.inference_mode():
        model[2](hidden).argmax(-1).cpu().numpy()
""",
    "default_type_2018": """
torch.set_default_tensor_type("torch.cuda.FloatTensor")
model = nn.Sequential(nn.Linear(4, 4), nn.PReLU(), nn.Linear(4, 1))
optimizer = optim.SGD(model.parameters(), lr=0.1)
w = torch.ones(4, requires_grad=True)
optimizer.add_param_group({"params": [w.to("cuda")]})
for i in range(5):
    optimizer.zero_grad()
    (model(torch.randn(6, 4) * w) ** 2).mean().backward()
    optimizer.step()
model = nn.ModuleList([model, nn.ParameterList([nn.Parameter(w.data)])])
""",
    "gpt_2024": """
device = "cuda"
on_gpu = device != "cpu"
torch.backends.cuda.matmul.allow_tf32 = True
torch.backends.cudnn.allow_tf32 = True
with torch.device(device):
    model = nn.ModuleDict(dict(wte=nn.Embedding(10, 8), attn=nn.Linear(8, 24), head=nn.Linear(8, 10)))
data = np.arange(300, dtype=np.int64) % 10
def get_batch():
    ix = torch.randint(len(data) - 7, (4,))
    x = torch.stack([torch.from_numpy(data[i:i + 6]) for i in ix])
    y = torch.stack([torch.from_numpy(data[i + 1:i + 7]) for i in ix])
    if on_gpu:
        return x.pin_memory().to(device, non_blocking=True), y.pin_memory().to(device, non_blocking=True)
    return x.to(device), y.to(device)
scaler = torch.amp.GradScaler(device, enabled=on_gpu)
optimizer = optim.AdamW(model.parameters(), lr=1e-2, fused=False)
for i in range(5):
    x, y = get_batch()
    with torch.autocast(device_type=device, dtype=torch.bfloat16, enabled=on_gpu):
        q, k, v = model["attn"](model["wte"](x)).chunk(3, -1)
        out = model["head"](F.scaled_dot_product_attention(q, k, v, is_causal=True))
        loss = F.cross_entropy(out.view(-1, 10), y.view(-1))
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad(set_to_none=True)
""",
}

#: No CPU torch runs them as they are.
CUDA_ONLY = {
    "prefetcher_2018": """
class Prefetcher:
    def __init__(self, loader):
        self.loader, self.stream = iter(loader), torch.cuda.Stream()
        self.mean = torch.tensor([0.1]).cuda().view(1, 1, 1, 1)
        self.preload()
    def preload(self):
        try:
            self.input, self.target = next(self.loader)
        except StopIteration:
            self.input = self.target = None
            return
        with torch.cuda.stream(self.stream):
            self.input = self.input.cuda(non_blocking=True).float().sub_(self.mean)
            self.target = self.target.cuda(non_blocking=True)
    def next(self):
        torch.cuda.current_stream().wait_stream(self.stream)
        input, target = self.input, self.target
        if input is not None:
            input.record_stream(torch.cuda.current_stream())
        self.preload()
        return input, target
torch.cuda.set_device(0)
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 4)).cuda(0)
optimizer = optim.SGD(model.parameters(), 0.1)
prefetcher = Prefetcher(DataLoader(IMAGES, batch_size=8))
input, target = prefetcher.next()
while input is not None:
    torch.cuda.nvtx.range_push("step")
    optimizer.zero_grad()
    F.cross_entropy(model(input), target).backward()
    optimizer.step()
    torch.cuda.nvtx.range_pop()
    input, target = prefetcher.next()
""",
    "benchmark_2020": """
assert torch.cuda.is_available(), "needs a GPU"
print(torch.cuda.get_device_name(0), torch.cuda.get_device_capability(), torch.cuda.device_count())
total = torch.cuda.get_device_properties(0).total_memory / 2 ** 30
with torch.cuda.device(0):
    model = nn.Linear(4, 4).cuda()
start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
start.record()
model(torch.cuda.FloatTensor(2, 4).normal_()).sum().backward()
end.record()
torch.cuda.synchronize()
assert 0 < start.elapsed_time(end) < 60000
print("%.1f ms, %.2f of %.1f GiB" % (start.elapsed_time(end), torch.cuda.max_memory_allocated() / 2 ** 30, total))
torch.cuda.reset_peak_memory_stats()
""",
    "states_2019": """
model = nn.DataParallel(nn.Linear(4, 4), device_ids=[0]).cuda()
torch.cuda.manual_seed_all(5)
states = torch.cuda.get_rng_state(), torch.get_rng_state(), torch.cuda.get_rng_state_all()
noise = torch.randn(3, 4, device="cuda")
torch.set_rng_state(states[1])
torch.cuda.set_rng_state(states[0])
assert torch.equal(noise, torch.randn(3, 4, device="cuda"))
torch.cuda.set_rng_state(torch.zeros(16, dtype=torch.uint8))
torch.nn.parallel.data_parallel(model.module, noise, [0]).sum().backward()
assert model.module.weight.grad.get_device() == 0
""",
}
