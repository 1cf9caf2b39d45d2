import torch.nn as nn
import torch.nn.functional as F


class KeywordNet(nn.Module):
    """A small one-dimensional CNN over log-mel frames."""

    def __init__(self, n_mels=20, n_classes=4, width=16):
        super(KeywordNet, self).__init__()
        self.conv1 = nn.Conv1d(n_mels, width, 3, padding=1)
        self.bn1 = nn.BatchNorm1d(width)
        self.conv2 = nn.Conv1d(width, width, 3, padding=1)
        self.fc = nn.Linear(width, n_classes)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.max_pool1d(F.relu(self.conv2(x)), 2)
        return self.fc(x.mean(-1))
