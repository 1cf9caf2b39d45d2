"""Fine-tune the head of a small network whose features were trained elsewhere.

    python finetune.py [epochs]
"""
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(7)
device = torch.device('cuda')


def conv_bn(inp, oup, stride):
    return nn.Sequential(
        nn.Conv2d(inp, oup, 3, stride, 1, bias=False),
        nn.BatchNorm2d(oup),
        nn.ReLU(inplace=True),
    )


class Features(nn.Module):

    def __init__(self):
        super(Features, self).__init__()
        self.layers = nn.Sequential(conv_bn(3, 8, 1), conv_bn(8, 16, 2), nn.Dropout2d(0.1))
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, x):
        return torch.flatten(self.pool(self.layers(x)), 1)


class Classifier(nn.Module):
    """`features` stay as they are, `fc` learns."""

    def __init__(self, num_classes):
        super(Classifier, self).__init__()
        self.features = Features()
        self.bottleneck = nn.Sequential(nn.Linear(16, 12), nn.BatchNorm1d(12), nn.ReLU())
        self.fc = nn.Linear(12, num_classes)
        # transfer learning: only the new layers are trained
        for param in self.features.parameters():
            param.requires_grad = False

    def forward(self, x):
        return self.fc(self.bottleneck(self.features(x)))


def fake_data(n):
    labels = torch.randint(0, 4, (n,))
    images = torch.rand(n, 3, 16, 16) + labels.float().view(-1, 1, 1, 1) / 4
    return TensorDataset(images, labels)


def train(epoch, model, loader, optimizer):
    model.train()    # back from evaluation
    for m in model.features.modules():  # keep frozen BatchNorm statistics
        if isinstance(m, nn.modules.batchnorm._BatchNorm):
            m.eval()
    total = 0.
    for step, (images, labels) in enumerate(loader):
        images, labels = images.to(device), labels.to(device)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item()
    print('epoch %d  loss %.3f' % (epoch, total / len(loader)))


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    right = 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        right += (model(images).argmax(1) == labels).sum().item()
    return right / len(loader.dataset)


def main():
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    train_loader = DataLoader(fake_data(64), batch_size=16, shuffle=True)
    test_loader = DataLoader(fake_data(32), batch_size=16)

    model = Classifier(4).to(device)
    optimizer = torch.optim.SGD((p for p in model.parameters() if p.requires_grad), lr=0.05, momentum=0.9)
    for epoch in range(epochs):
        train(epoch, model, train_loader, optimizer)
        print('accuracy %.3f' % evaluate(model, test_loader))


if __name__ == '__main__':
    main()
