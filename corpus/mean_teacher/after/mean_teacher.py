"""Semi-supervised learning with a mean teacher: the student is pulled to what the teacher says."""
import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self, n_in=10, n_hidden=32, n_classes=3):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(n_in, n_hidden)
        self.drop = nn.Dropout(p=0.2)
        self.fc2 = nn.Linear(n_hidden, n_classes)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = self.drop(x)
        return self.fc2(x)


class MeanTeacher:
    def __init__(self, model, alpha=0.95, weight=1.0):
        self.use_cuda = torch.cuda.is_available()
        self.student = model
        self.teacher = copy.deepcopy(model)
        if self.use_cuda:
            self.student.cuda()
            self.teacher.cuda()
        self.alpha = alpha
        self.weight = weight
        self.class_criterion = nn.CrossEntropyLoss()
        self.consistency_criterion = nn.MSELoss()
        self.optimizer = torch.optim.Adam(self.student.parameters(), lr=0.01)

    def update_teacher(self):
        with torch.no_grad():
            for ema, param in zip(self.teacher.parameters(), self.student.parameters()):
                ema.mul_(self.alpha).add_(param, alpha=1 - self.alpha)

    def train_epoch(self, loader):
        self.student.train()
        self.teacher.eval()
        total = 0.
        for inputs, target in loader:
            if self.use_cuda:
                inputs, target = inputs.cuda(), target.cuda()
            noisy = inputs + 0.1 * torch.randn_like(inputs)
            student_out = self.student(inputs)
            with torch.no_grad():
                teacher_out = self.teacher(noisy)

            class_loss = self.class_criterion(student_out, target)
            consistency_loss = self.consistency_criterion(student_out, teacher_out)
            loss = class_loss + self.weight * consistency_loss

            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.update_teacher()
            total += loss.item()
        return total / len(loader)

    def validate(self, loader, model):
        model.eval()
        correct = 0
        with torch.no_grad():
            for inputs, target in loader:
                if self.use_cuda:
                    inputs, target = inputs.cuda(), target.cuda()
                correct += (model(inputs).argmax(1) == target).sum().item()
        return correct / len(loader.dataset)


def main():
    torch.manual_seed(3)
    centers = 2 * torch.randn(3, 10)
    labels = torch.randint(3, (240,))
    points = centers[labels] + torch.randn(240, 10)
    train_loader = DataLoader(TensorDataset(points[:180], labels[:180]), batch_size=30, shuffle=True)
    val_loader = DataLoader(TensorDataset(points[180:], labels[180:]), batch_size=60)

    trainer = MeanTeacher(Net())
    for epoch in range(3):
        loss = trainer.train_epoch(train_loader)
        print('epoch %d loss %.4f student %.3f teacher %.3f' % (
            epoch, loss, trainer.validate(val_loader, trainer.student), trainer.validate(val_loader, trainer.teacher)))


if __name__ == '__main__':
    main()
