"""CIFAR classifier of 2017: pinned memory, async copies, volatile inputs in validation."""
import argparse
import time

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.utils.data as data
from torch.autograd import Variable

parser = argparse.ArgumentParser(description='Train a small residual network')
parser.add_argument('--epochs', default=2, type=int, help='number of epochs')
parser.add_argument('--lr', default=0.05, type=float, help='learning rate')
parser.add_argument('--print-freq', default=2, type=int, help='print frequency')


class AverageMeter(object):
    """Keeps the current value and the average."""

    def __init__(self):
        self.val = self.sum = self.count = 0

    def update(self, val, n=1):
        self.val = val
        self.sum += val * n
        self.count += n

    @property
    def avg(self):
        return float(self.sum) / max(self.count, 1)


class Block(nn.Module):
    def __init__(self, planes):
        super(Block, self).__init__()
        self.conv = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(planes)

    def forward(self, x):
        return F.relu(x + self.bn(self.conv(x)))


class ResNet(nn.Module):
    def __init__(self, planes=8, classes=4):
        super(ResNet, self).__init__()
        self.stem = nn.Conv2d(3, planes, 3, padding=1)
        self.block = Block(planes)
        self.fc = nn.Linear(planes, classes)

    def forward(self, x):
        x = self.block(F.relu(self.stem(x)))
        return self.fc(x.mean(3).mean(2))


def images(count):
    labels = torch.arange(count) % 4
    noise = torch.randn(count, 3, 8, 8)
    return data.TensorDataset(noise + labels.float().view(-1, 1, 1, 1), labels)


def train(loader, model, criterion, optimizer, epoch, print_freq):
    batch_time, losses = AverageMeter(), AverageMeter()
    model.train()
    end = time.time()
    for i, (input, target) in enumerate(loader):
        target = target.cuda(async=True)  # the input follows by itself
        input_var = Variable(input.cuda())
        target_var = Variable(target)
        loss = criterion(model(input_var), target_var)
        losses.update(loss.item(), input.size(0))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        batch_time.update(time.time() - end)
        end = time.time()
        if i % print_freq == 0:
            print('Epoch [{0}][{1}/{2}] Loss {3:.4f}'.format(epoch, i, len(loader), losses.avg))


def validate(loader, model, criterion):
    losses, top1 = AverageMeter(), AverageMeter()
    model.eval()
    for input, target in loader:
        target = target.cuda(async=True)
        input_var = Variable(input.cuda(), volatile=True)
        output = model(input_var)
        losses.update(criterion(output, target).item(), input.size(0))
        top1.update(output.max(1)[1].eq(target).float().mean().item(), input.size(0))
    print(' * Prec@1 {0:.3f} Loss {1:.4f}'.format(top1.avg, losses.avg))
    return top1.avg


def main():
    args = parser.parse_args()
    torch.manual_seed(1)
    model = ResNet().cuda()
    criterion = nn.CrossEntropyLoss().cuda()
    optimizer = torch.optim.SGD(model.parameters(), args.lr, momentum=0.9)
    train_loader = data.DataLoader(images(64), batch_size=16, shuffle=True)
    val_loader = data.DataLoader(images(32), batch_size=16)
    best = 0
    for epoch in range(args.epochs):
        train(train_loader, model, criterion, optimizer, epoch, args.print_freq)
        best = max(best, validate(val_loader, model, criterion))


if __name__ == '__main__':
    main()
