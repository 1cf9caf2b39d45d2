import argparse

import torch

from solver import Solver


def main(config):
    torch.manual_seed(config.seed)
    basis = torch.randn(4, 64)
    codes = torch.randn(320, 4)
    data = torch.sigmoid(codes @ basis)
    solver = Solver(config, data[:256], data[256:])

    if config.mode == 'train':
        solver.train()
        solver.sample()
    print('test loss %.4f' % solver.test())


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--mode', type=str, default='train', choices=['train', 'test'])
    parser.add_argument('--num_epochs', type=int, default=3)
    parser.add_argument('--batch_size', type=int, default=32)
    parser.add_argument('--z_dim', type=int, default=8)
    parser.add_argument('--lr', type=float, default=0.002)
    parser.add_argument('--seed', type=int, default=11)
    main(parser.parse_args())
