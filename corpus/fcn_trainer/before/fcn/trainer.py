import math

import torch.nn as nn


class Trainer(object):

    def __init__(self, cuda, model, optimizer,
                 train_loader, val_loader, max_epoch):
        self.cuda = cuda

        self.model = model
        self.optim = optimizer
        self.criterion = nn.CrossEntropyLoss(ignore_index=255)

        self.train_loader = train_loader
        self.val_loader = val_loader

        self.epoch = 0
        self.max_epoch = max_epoch
        self.best_acc = 0

    def validate(self):
        self.model.eval()

        n_class = len(self.val_loader.dataset.class_names)
        val_loss = 0
        hits, pixels = 0, 0
        for data, target in self.val_loader:
            if self.cuda:
                data, target = data.cuda(), target.cuda()
            score = self.model(data)
            assert score.size(1) == n_class

            loss = self.criterion(score, target)
            if math.isnan(loss.item()):
                raise ValueError('loss is nan while validating')
            val_loss += loss.item() / len(data)

            lbl_pred = score.data.max(1)[1]
            valid = target != 255
            hits += (lbl_pred[valid] == target[valid]).sum().item()
            pixels += valid.sum().item()

        acc = hits / pixels
        if acc > self.best_acc:
            self.best_acc = acc
        print('valid %d: loss=%.4f acc=%.4f' % (self.epoch, val_loss / len(self.val_loader), acc))

    def train_epoch(self):
        for batch_idx, (data, target) in enumerate(self.train_loader):
            if self.cuda:
                data, target = data.cuda(), target.cuda()

            self.optim.zero_grad()
            score = self.model(data)

            loss = self.criterion(score, target)
            if math.isnan(loss.item()):
                raise ValueError('loss is nan while training')
            loss.backward()
            self.optim.step()

            if batch_idx % 6 == 0:
                print('train %d/%d: loss=%.4f' % (self.epoch, batch_idx, loss.item()))

    def train(self):
        for epoch in range(self.max_epoch):
            self.epoch = epoch
            self.train_epoch()
            self.validate()
