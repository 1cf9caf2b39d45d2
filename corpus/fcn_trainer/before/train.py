#!/usr/bin/env python

import argparse

import torch
from torch.utils.data import DataLoader

import fcn


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('-g', '--gpu', type=int, default=0)
    parser.add_argument('--max-epoch', type=int, default=3)
    parser.add_argument('--lr', type=float, default=0.05)
    args = parser.parse_args()

    torch.manual_seed(1337)
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(args.gpu)
        torch.cuda.manual_seed(1337)

    # 1. dataset
    train_loader = DataLoader(fcn.Blobs(96, seed=1), batch_size=8, shuffle=True)
    val_loader = DataLoader(fcn.Blobs(32, seed=2), batch_size=8, shuffle=False)

    # 2. model
    model = fcn.models.FCNSmall(n_class=fcn.Blobs.n_class)
    if cuda:
        model = model.cuda()

    # 3. optimizer
    optim = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)

    trainer = fcn.Trainer(cuda, model, optim, train_loader, val_loader, args.max_epoch)
    trainer.train()


if __name__ == '__main__':
    main()
