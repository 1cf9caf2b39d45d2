import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

from model import SegNet


class Trainer(object):
    """The batches are too small for statistics of their own: those of the backbone stay."""

    def __init__(self, window=4, lr=0.02):
        self.device = torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')
        self.window = window
        self.model = SegNet().to(self.device)
        self.criterion = nn.CrossEntropyLoss(ignore_index=255)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=lr, momentum=0.9)
        pictures = torch.rand(26, 3, 16, 16)
        classes = pictures.argmax(dim=1)
        self.train_loader = DataLoader(TensorDataset(pictures[:18], classes[:18]), batch_size=2, shuffle=True)
        self.val_loader = DataLoader(TensorDataset(pictures[18:], classes[18:]), batch_size=4)

    def training(self, epoch):
        self.model.train()
        self.model.freeze_bn()
        train_loss = 0.0
        self.optimizer.zero_grad()
        for i, (image, target) in enumerate(self.train_loader):
            image, target = image.to(self.device), target.to(self.device)
            loss = self.criterion(self.model(image), target)
            train_loss += loss.item()
            loss /= self.window
            loss.backward()
            if (i + 1) % self.window == 0 or (i + 1) == len(self.train_loader):
                self.optimizer.step()
                self.optimizer.zero_grad()
        print('epoch %d: loss %.4f' % (epoch, train_loss / len(self.train_loader)))

    def validation(self):
        self.model.eval()
        right, count = 0, 0
        with torch.no_grad():
            for image, target in self.val_loader:
                image, target = image.to(self.device), target.to(self.device)
                right += (self.model(image).argmax(1) == target).sum().item()
                count += target.numel()
        print('pixels right: %.4f' % (right / count))


def set_bn_eval(m):
    if isinstance(m, nn.BatchNorm2d):
        m.eval()


def warm_up(model, loader, device, lr=0.01):
    """The decoder alone, for one epoch."""
    optimizer = torch.optim.SGD(model.decoder.parameters(), lr=lr)
    model.train()
    model.apply(set_bn_eval)
    for image, target in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(image.to(device)), target.to(device)).backward()
        optimizer.step()


if __name__ == '__main__':
    torch.manual_seed(1)
    trainer = Trainer()
    warm_up(trainer.model, trainer.train_loader, trainer.device)
    for epoch in range(2):
        trainer.training(epoch)
        trainer.validation()
