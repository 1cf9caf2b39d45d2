import torch
import torch.nn as nn
import torch.nn.functional as F


class Teacher(nn.Module):
    def __init__(self, n_in=20, n_classes=5):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(n_in, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, n_classes))

    def forward(self, x):
        return self.net(x)


class Student(nn.Module):
    """Attends over four views of the input; the attention softmax isn't the class scores."""

    def __init__(self, n_in=20, n_classes=5, dropout_rate=0.1):
        super().__init__()
        self.dropout_rate = dropout_rate
        self.views = nn.ModuleList([nn.Linear(n_in, 16) for _ in range(4)])
        self.score = nn.Linear(16, 1)
        self.softmax = nn.Softmax(dim=1)
        self.fc = nn.Linear(16, n_classes)

    def forward(self, x):
        views = torch.stack([torch.tanh(view(x)) for view in self.views], dim=1)
        weights = self.softmax(self.score(views).squeeze(2))
        pooled = (weights.unsqueeze(2) * views).sum(dim=1)
        pooled = F.dropout(pooled, p=self.dropout_rate, training=self.training)
        return self.fc(pooled)


class MCDropoutHead(nn.Module):
    """Dropout stays on when it is asked for its uncertainty: that is the whole point."""

    def __init__(self, student, samples=8):
        super().__init__()
        self.student = student
        self.samples = samples

    def forward(self, x):
        draws = [torch.softmax(self.student(F.dropout(x, p=0.2, training=True)), dim=1)
                 for _ in range(self.samples)]
        draws = torch.stack(draws)
        return draws.mean(0), draws.std(0)
