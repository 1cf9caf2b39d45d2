#! /usr/bin/env python
import torch
import torch.nn as nn

import data_helpers
from model import TextCNN

# Parameters
# ==================================================
batch_size = 32
num_epochs = 4
use_cuda = torch.cuda.is_available()

torch.manual_seed(10)


def evaluate(model, x_dev, y_dev):
    corrects, conf_sum = 0, 0.
    for x_batch, y_batch in data_helpers.batch_iter(x_dev, y_dev, 50, shuffle=False):
        if use_cuda:
            x_batch, y_batch = x_batch.cuda(), y_batch.cuda()
        probs, confidence = model(x_batch)
        predictions = torch.max(probs, 1)[1]
        corrects += (predictions == y_batch).sum().item()
        conf_sum += confidence.sum().item()
    return corrects / len(x_dev), conf_sum / len(x_dev)


def main():
    x_train, y_train = data_helpers.load_data(320, seed=1)
    x_dev, y_dev = data_helpers.load_data(100, seed=2)

    cnn = TextCNN(len(data_helpers.WORDS), len(data_helpers.CLASSES))
    if use_cuda:
        cnn.cuda()

    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(cnn.parameters(), lr=1e-2)

    for epoch in range(1, num_epochs + 1):
        cnn.train()
        for x_batch, y_batch in data_helpers.batch_iter(x_train, y_train, batch_size):
            if use_cuda:
                x_batch, y_batch = x_batch.cuda(), y_batch.cuda()
            optimizer.zero_grad()
            probs, _ = cnn(x_batch)
            loss = criterion(probs, y_batch)
            loss.backward()
            optimizer.step()

        cnn.eval()
        acc, conf = evaluate(cnn, x_dev, y_dev)
        print('epoch %d: loss %.4f, dev acc %.3f (confidence %.2f)' % (epoch, loss.item(), acc, conf))


if __name__ == '__main__':
    main()
