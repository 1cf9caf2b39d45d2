import torch.nn as nn
import torch.nn.functional as F


class FCNSmall(nn.Module):

    def __init__(self, n_class=21):
        super(FCNSmall, self).__init__()
        # conv1
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(8)
        # conv2
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1, stride=2)
        self.bn2 = nn.BatchNorm2d(16)
        self.drop2 = nn.Dropout2d(0.3)

        self.score_fr = nn.Conv2d(16, n_class, 1)
        # per-pixel class probabilities
        self.softmax = nn.Softmax(dim=1)

        self._initialize_weights()

    def _initialize_weights(self):
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight)

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        h = self.drop2(h)

        h = self.score_fr(h)
        h = F.interpolate(h, size=x.size()[2:], mode='bilinear', align_corners=False)
        return self.softmax(h)
