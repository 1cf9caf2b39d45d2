"""Train a small ResNet with gradients accumulated over several batches."""
import argparse

import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset

from model import SmallResNet


def get_args():
    parser = argparse.ArgumentParser()
    parser.add_argument('--epochs', type=int, default=2)
    parser.add_argument('--batch-size', type=int, default=16)
    parser.add_argument('--accum-steps', type=int, default=4)
    parser.add_argument('--lr', type=float, default=0.05)
    return parser.parse_args()


def get_loaders(batch_size):
    patterns = torch.randn(4, 3, 12, 12)
    labels = torch.randint(4, (192,))
    images = patterns[labels] + 0.5 * torch.randn(192, 3, 12, 12)
    train_set = TensorDataset(images[:128], labels[:128])
    test_set = TensorDataset(images[128:], labels[128:])
    return DataLoader(train_set, batch_size, shuffle=True), DataLoader(test_set, batch_size)


def train_one_epoch(model, loader, criterion, optimizer, device, accum_steps):
    model.train()
    total = 0.0
    optimizer.zero_grad()
    for i, (images, labels) in enumerate(loader):
        images, labels = images.to(device), labels.to(device)
        loss = criterion(model(images), labels)
        total += loss.item()
        # every batch counts as one part of the window
        loss = loss / accum_steps
        loss.backward()
        if (i + 1) % accum_steps == 0 or i + 1 == len(loader):
            optimizer.step()
            optimizer.zero_grad()
    return total / len(loader)


def evaluate(model, loader, criterion, device):
    model.eval()
    correct, total = 0, 0.0
    with torch.no_grad():
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            outputs = model(images)
            total += criterion(outputs, labels).item()
            correct += outputs.argmax(dim=1).eq(labels).sum().item()
    return total / len(loader), correct / len(loader.dataset)


def main():
    args = get_args()
    torch.manual_seed(1)
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    train_loader, test_loader = get_loaders(args.batch_size)

    model = SmallResNet().to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=5e-4)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)

    for epoch in range(args.epochs):
        train_loss = train_one_epoch(model, train_loader, criterion, optimizer, device, args.accum_steps)
        test_loss, acc = evaluate(model, test_loader, criterion, device)
        scheduler.step()
        print('epoch {}: train {:.4f}, test {:.4f}, acc {:.3f}'.format(epoch, train_loss, test_loss, acc))


if __name__ == '__main__':
    main()
