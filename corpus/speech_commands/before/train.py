import argparse

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

from engine import fit_head, train_one_epoch, validate
from model import KeywordNet

parser = argparse.ArgumentParser()
parser.add_argument('--epochs', type=int, default=2)
parser.add_argument('--lr', type=float, default=0.02)
parser.add_argument('--optimizer', default='sgd')
args = parser.parse_args()


def speech(count):
    labels = torch.arange(count) % 4
    features = torch.randn(count, 20, 16) + labels[:, None, None]
    return TensorDataset(features, labels)


def main():
    torch.manual_seed(1)
    device = torch.device('cuda')
    model = KeywordNet().to(device)
    criterion = nn.CrossEntropyLoss()
    if args.optimizer == 'adam':
        optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    scaler = torch.amp.GradScaler('cuda', enabled=False)
    train_loader = DataLoader(speech(48), batch_size=8, shuffle=True)
    val_loader = DataLoader(speech(16), batch_size=8)

    head = torch.optim.SGD(model.fc.parameters(), lr=args.lr)
    fit_head(model, train_loader, criterion, head, device)
    for epoch in range(args.epochs):
        optimizer.zero_grad()
        train_one_epoch(model, train_loader, criterion, optimizer, scaler, device)
        print('epoch %d: accuracy %.2f' % (epoch, validate(model, val_loader, device)))


if __name__ == '__main__':
    main()
