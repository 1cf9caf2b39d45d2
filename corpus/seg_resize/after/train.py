import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader

from dataset import Shapes

torch.manual_seed(2)
use_gpu = torch.cuda.is_available()


class MiniUNet(nn.Module):
    def __init__(self, n_classes=2):
        super(MiniUNet, self).__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.mid = nn.Sequential(nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU())
        self.up = nn.Conv2d(24, 8, 3, padding=1)
        self.drop = nn.Dropout2d(0.1)
        self.head = nn.Conv2d(8, n_classes, 1)

    def forward(self, x):
        down = self.down(x)
        mid = F.interpolate(self.mid(down), size=down.shape[2:], mode='bilinear', align_corners=False)
        x = F.relu(self.up(torch.cat([down, mid], dim=1)))
        return self.head(self.drop(x))


def iou(pred, target):
    inter = ((pred == 1) & (target == 1)).sum().item()
    union = ((pred == 1) | (target == 1)).sum().item()
    return inter / max(union, 1)


train_loader = DataLoader(Shapes(48), batch_size=8, shuffle=True)
val_loader = DataLoader(Shapes(16, seed=1), batch_size=8)

net = MiniUNet()
if use_gpu:
    net.cuda()
criterion = nn.CrossEntropyLoss(ignore_index=255)
optimizer = optim.Adam(net.parameters(), lr=5e-3)

for epoch in range(3):
    net.train()
    epoch_loss = 0.0
    for images, masks in train_loader:
        if use_gpu:
            images, masks = images.cuda(), masks.cuda()
        optimizer.zero_grad()
        output = net(images)
        loss = criterion(output, masks)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item()

    net.eval()
    scores = []
    with torch.no_grad():
        for images, masks in val_loader:
            if use_gpu:
                images, masks = images.cuda(), masks.cuda()
            output = net(images)
            scores.append(iou(output.argmax(dim=1), masks))
    print('epoch %d: loss %.4f, IoU %.3f' % (epoch, epoch_loss / len(train_loader), sum(scores) / len(scores)))
