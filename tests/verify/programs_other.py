"""Programs in further styles: recurrent, adversarial, reinforcement, by hand, with closures, old, with images."""

from __future__ import annotations

_HEAD = """
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(3)
inputs = torch.randn(64, 8)
targets = inputs[:, :3].argmax(1)
"""

#: Hidden states carried on, sampling by a generator function.
RNN = """
import torch
import torch.nn.functional as F
from torch import nn

class Language(nn.Module):
    def __init__(self, words=12, width=16):
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(words, width), nn.LSTM(width, width, 2, dropout=0.3)
        self.out = nn.Linear(width, words)

    def forward(self, words, state=None):
        hidden, state = self.lstm(self.embedding(words), state)
        return self.out(hidden), state

text = torch.randint(0, 12, (40, 4))
model = Language()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

def sample(length):
    word, state = torch.zeros(1, 1, dtype=torch.long), None
    for _ in range(length):
        scores, state = model(word, state)
        word = scores[-1].argmax(1)[None]
        yield word.item()

for epoch in range(2):
    model.train()
    for start in range(0, 30, 10):
        scores, _ = model(text[start : start + 9])
        loss = F.cross_entropy(scores.reshape(-1, 12), text[start + 1 : start + 10].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    print(list(sample(4)))
"""

#: Samples are drawn from the generator between its steps.
GAN = """
import torch
from torch import nn

generator = nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8))
discriminator = nn.Sequential(nn.Linear(8, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
g_optimizer = torch.optim.Adam(generator.parameters(), lr=0.01)
d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=0.01)
bce = nn.BCEWithLogitsLoss()
ones, zeros = torch.ones(16, 1), torch.zeros(16, 1)
fixed = torch.randn(16, 4)
for step in range(4):
    real = torch.randn(16, 8) + 2
    fake = generator(torch.randn(16, 4))
    d_loss = bce(discriminator(real), ones) + bce(discriminator(fake.detach()), zeros)
    d_optimizer.zero_grad()
    d_loss.backward()
    d_optimizer.step()
    g_loss = bce(discriminator(fake), ones)
    g_optimizer.zero_grad()
    g_loss.backward()
    g_optimizer.step()
    samples = generator(fixed)
    print("mean of samples", samples.mean().item())
"""

#: A policy gives probabilities on purpose.
POLICY = """
import torch
from torch import nn
from torch.distributions import Categorical

class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 16), nn.Linear(16, 2)

    def forward(self, state):
        x = torch.relu(self.first(state))
        return torch.softmax(self.second(x), dim=-1)

policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=0.01)
for episode in range(4):
    logs, rewards = [], []
    state = torch.randn(4)
    for _ in range(3):
        choice = Categorical(policy(state))
        action = choice.sample()
        logs.append(choice.log_prob(action))
        rewards.append(float(action.item()))
        state = state + torch.randn(4) * 0.1
    loss = -(torch.stack(logs) * torch.tensor(rewards)).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
state = torch.randn(4)
probabilities = policy(state)
print("greedy", probabilities.argmax().item())
"""

#: Q-learning with a second network for its targets.
DQN = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Variable

online = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
target = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
target.load_state_dict(online.state_dict())
optimizer = torch.optim.SGD(online.parameters(), lr=0.05)
for step in range(4):
    states, followers, rewards = torch.randn(8, 4), torch.randn(8, 4), torch.randn(8)
    followers = Variable(followers, volatile=True)
    following = target(followers).max(1)[0]
    wanted = rewards + 0.9 * following
    values = online(states).gather(1, torch.zeros(8, 1, dtype=torch.long)).squeeze(1)
    loss = F.mse_loss(values, wanted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("done")
"""

#: Old code: everything in Variables, a volatile input in the evaluation.
VOLATILE = (
    _HEAD
    + """
from torch.autograd import Variable

net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(2):
    for x, y in zip(inputs.split(16), targets.split(16)):
        x, y = Variable(x), Variable(y)
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
    right = 0
    for x, y in zip(inputs.split(16), targets.split(16)):
        x, y = Variable(x, volatile=True), Variable(y, volatile=True)
        right += (net(x).data.max(1)[1] == y.data).sum()
    print("right", int(right))
"""
)

#: No optimizer: the parameters are moved by hand.
MANUAL = (
    _HEAD
    + """
encoder, head = nn.Linear(8, 8), nn.Linear(8, 3)
parameters = [*encoder.parameters(), *head.parameters()]
for step in range(5):
    hidden = torch.tanh(encoder(inputs))
    scores = head(hidden)
    loss = F.cross_entropy(scores, targets)
    loss.backward()
    for parameter in parameters:
        parameter.data.add_(parameter.grad, alpha=-0.1)
        parameter.grad = None
right = (head(torch.tanh(encoder(inputs))).argmax(1) == targets).sum()
print("right", right.item())
"""
)

#: The optimizer asks for the loss itself.
LBFGS = (
    _HEAD
    + """
net = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
optimizer = torch.optim.LBFGS(net.parameters(), lr=0.1, max_iter=3)

def closure():
    optimizer.zero_grad()
    scores = net(inputs)
    loss = F.cross_entropy(scores, targets)
    loss.backward()
    return loss

for step in range(3):
    optimizer.step(closure)
    scores = net(inputs)
    print("accuracy", (scores.argmax(1) == targets).float().mean().item())
"""
)

#: The mode is set once, before the epochs.
STUCK = (
    _HEAD
    + """
net = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

def evaluate():
    net.eval()
    with torch.no_grad():
        return (net(inputs).argmax(1) == targets).float().mean().item()

net.train()
for epoch in range(2):
    for x, y in zip(inputs.split(16), targets.split(16)):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
    print("accuracy %.3f" % evaluate())
"""
)

#: Fine-tuning: the normalisation is held in evaluation mode on purpose.
FROZEN = (
    _HEAD
    + """
net = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

def freeze():
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.eval()

for epoch in range(2):
    net.train()
    freeze()
    for x, y in zip(inputs.split(16), targets.split(16)):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
"""
)

#: Dropout as a function, on in evaluation too.
DROPOUT = (
    _HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(8, 16), nn.Linear(16, 3)
        self.frozen = nn.Linear(1, 1).eval()

    def forward(self, x):
        x = F.relu(self.first(x))
        x = F.dropout(x, p=0.3)
        return self.second(x)

net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(2):
    net.train()
    net.frozen.eval()
    for x, y in zip(inputs.split(16), targets.split(16)):
        optimizer.zero_grad()
        F.cross_entropy(net(x), y).backward()
        optimizer.step()
    net.eval()
    with torch.no_grad():
        print("accuracy", (net(inputs).argmax(1) == targets).float().mean().item())
"""
)

OTHERS = {
    "rnn": RNN,
    "gan": GAN,
    "policy": POLICY,
    "dqn": DQN,
    "volatile": VOLATILE,
    "manual": MANUAL,
    "lbfgs": LBFGS,
    "stuck": STUCK,
    "frozen": FROZEN,
    "dropout": DROPOUT,
}
