"""Programs that classify or reconstruct, in many styles, each with mistakes that rules are about."""

from __future__ import annotations

_HEAD = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

inputs = torch.randn(128, 8)
targets = inputs[:, :4].argmax(1)
data = TensorDataset(inputs, targets)
loader = DataLoader(data, batch_size=16, shuffle=True)
val_loader = DataLoader(data, batch_size=16)
"""

#: Functions for training and evaluation; evaluates in training mode and with graphs, softmax before the loss.
MLP = (
    _HEAD
    + """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Linear(8, 32), nn.BatchNorm1d(32)
        self.drop, self.second = nn.Dropout(0.3), nn.Linear(32, 4)

    def forward(self, x):
        x = self.drop(F.relu(self.norm(self.first(x))))
        x = self.second(x)
        return F.softmax(x, dim=1)

net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

def train():
    for x, y in loader:
        optimizer.zero_grad()
        output = net(x)
        loss = criterion(output, y)
        loss.backward()
        optimizer.step()

def evaluate():
    right, total = 0, 0.0
    for x, y in val_loader:
        output = net(x)
        total += criterion(output, y).item()
        right += (output.argmax(1) == y).sum().item()
    return right / len(data), total

for epoch in range(3):
    train()
    accuracy, total = evaluate()
    print("epoch %d: accuracy %.3f, loss %.4f" % (epoch, accuracy, total))
"""
)

#: Small images; the evaluation stands in another file.
CNN = {
    "evaluation.py": """
        import torch

        def test(model, loader):
            right = seen = 0
            for images, labels in loader:
                scores = model(images)
                right += int((scores.argmax(1) == labels).sum())
                seen += len(labels)
            return right / seen
        """,
    "main.py": """
        import torch
        from torch import nn
        from torch.utils.data import DataLoader, TensorDataset
        from evaluation import test

        images = torch.randn(64, 1, 8, 8)
        data = TensorDataset(images, (images.mean((1, 2, 3)) > 0).long())
        loader = DataLoader(data, batch_size=16, shuffle=True)
        model = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(32, 2),
        )
        optimizer = torch.optim.Adam(model.parameters())
        criterion = nn.CrossEntropyLoss()

        def train_epoch():
            model.train()
            for batch, labels in loader:
                optimizer.zero_grad()
                loss = criterion(model(batch), labels)
                loss.backward()
                optimizer.step()

        for epoch in range(2):
            train_epoch()
            print("accuracy", test(model, loader))
        """,
}

#: Encoder and decoder are modules of their own; the reconstruction error is monitored.
AUTOENCODER = """
import torch
from torch import nn

encoder = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))
decoder = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 16))
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.01)
data = torch.randn(64, 16)
held_out = torch.randn(32, 16)

def reconstruction_error(batch):
    code = encoder(batch)
    restored = decoder(code)
    return ((restored - batch) ** 2).mean().item()

for step in range(6):
    batch = data[torch.randint(0, 64, (16,))]
    optimizer.zero_grad()
    code = encoder(batch)
    restored = decoder(code)
    loss = ((restored - batch) ** 2).mean()
    loss.backward()
    optimizer.step()
    if step % 2 == 0:
        error = reconstruction_error(held_out)
        print(f"step {step}: {error:.5f}")
"""

#: A student learns from a teacher that stays as it is.
DISTILLATION = (
    _HEAD
    + """
teacher = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 4)).eval()
student = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.2), nn.ReLU(), nn.Linear(8, 4))
optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
kl = nn.KLDivLoss(reduction="batchmean")

def distill():
    student.train()
    for x, y in loader:
        soft = F.softmax(teacher(x) / 2.0, dim=1)
        scores = student(x)
        loss = F.cross_entropy(scores, y) + kl(F.log_softmax(scores / 2.0, dim=1), soft)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

def agreement():
    student.eval()
    same = 0
    for x, _ in val_loader:
        same += (student(x).argmax(1) == teacher(x).argmax(1)).sum().item()
    return same

for epoch in range(2):
    distill()
    print("agreement", agreement())
"""
)

#: A head on the features of a backbone that is trained too; predictions by a method.
FEATURES = (
    _HEAD
    + """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(8, 16), nn.ReLU())
        self.head = nn.Linear(16, 4)

    def features(self, x):
        return self.backbone(x)

    def forward(self, x):
        hidden = self.features(x)
        return self.head(hidden)

    def predict(self, x):
        return self(x).argmax(1)

model = Model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
for epoch in range(2):
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = 0
    for x, y in val_loader:
        right += (model.predict(x) == y).float().sum().item()
    print("right:", right)
"""
)

#: Held-out data is looked at in every step, within the training loop.
MONITORING = (
    _HEAD
    + """
net = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 4))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
held_out, truth = torch.randn(16, 8), torch.randint(0, 4, (16,))
history = []
for x, y in loader:
    net.train()
    optimizer.zero_grad()
    scores = net(x)
    loss = F.cross_entropy(scores, y)
    loss.backward()
    optimizer.step()
    watched = F.cross_entropy(net(held_out), truth)
    history.append(watched.item())
print(["%.4f" % value for value in history])
"""
)

#: Gradients of two batches are accumulated.
ACCUMULATION = (
    _HEAD
    + """
net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 4))
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
window = 2

def train(epoch):
    net.train()
    optimizer.zero_grad()
    for number, (x, y) in enumerate(loader):
        loss = F.cross_entropy(net(x), y) / window
        loss.backward()
        if (number + 1) % window == 0:
            optimizer.step()
            optimizer.zero_grad()

def validate():
    net.eval()
    losses = []
    for x, y in val_loader:
        losses.append(F.cross_entropy(net(x), y))
    return sum(losses) / len(losses)

for epoch in range(2):
    train(epoch)
    print("validation loss:", validate())
"""
)

#: The model gives a dictionary, and stands in a wrapper like DataParallel.
DICTIONARY = (
    _HEAD
    + """
class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU())
        self.classes, self.boxes = nn.Linear(16, 4), nn.Linear(16, 2)

    def forward(self, x):
        shared = self.trunk(x)
        return {"scores": self.classes(shared), "boxes": self.boxes(shared)}

class Parallel(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, *args):
        return self.module(*args)

model = Parallel(Detector())
optimizer = torch.optim.Adam(model.parameters())

class Trainer:
    def __init__(self, model):
        self.model = model

    def fit(self):
        self.model.train()
        for x, y in loader:
            out = self.model(x)
            loss = F.cross_entropy(out["scores"], y) + F.mse_loss(out["boxes"], x[:, :2])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def evaluate(self):
        errors = []
        for x, _ in val_loader:
            errors.append((self.model(x)["boxes"] - x[:, :2]).abs().mean().item())
        return sum(errors) / len(errors)

trainer = Trainer(model)
for epoch in range(2):
    trainer.fit()
    print("box error %.4f" % trainer.evaluate())
"""
)

SUPERVISED = {
    "mlp": MLP,
    "cnn": CNN,
    "autoencoder": AUTOENCODER,
    "distillation": DISTILLATION,
    "features": FEATURES,
    "monitoring": MONITORING,
    "accumulation": ACCUMULATION,
    "dictionary": DICTIONARY,
}
