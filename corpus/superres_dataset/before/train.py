from math import log10

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader

from dataset import PhotoDataset, fake_photos

torch.manual_seed(123)
device = torch.device("cuda")


class Net(nn.Module):
    def __init__(self, upscale_factor):
        super(Net, self).__init__()
        self.relu = nn.ReLU()
        self.conv1 = nn.Conv2d(3, 16, 5, 1, 2)
        self.conv2 = nn.Conv2d(16, 3 * upscale_factor ** 2, 3, 1, 1)
        self.pixel_shuffle = nn.PixelShuffle(upscale_factor)

    def forward(self, x):
        up = F.interpolate(x, scale_factor=2, mode='nearest')
        x = self.relu(self.conv1(x))
        return up + self.pixel_shuffle(self.conv2(x))


print('===> Loading datasets')
train_loader = DataLoader(PhotoDataset(fake_photos(64, 0)), batch_size=8, shuffle=True)
test_loader = DataLoader(PhotoDataset(fake_photos(16, 1)), batch_size=8)

print('===> Building model')
model = Net(upscale_factor=2).to(device)
criterion = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=0.003)


def train(epoch):
    epoch_loss = 0
    for input, target in train_loader:
        input, target = input.to(device), target.to(device)

        optimizer.zero_grad()
        loss = criterion(model(input), target)
        epoch_loss += loss.item()
        loss.backward()
        optimizer.step()

    print("===> Epoch {} Complete: Avg. Loss: {:.4f}".format(epoch, epoch_loss / len(train_loader)))


def test():
    avg_psnr = 0
    with torch.no_grad():
        for input, target in test_loader:
            input, target = input.to(device), target.to(device)

            prediction = model(input)
            mse = criterion(prediction, target)
            avg_psnr += 10 * log10(1 / mse.item())
    print("===> Avg. PSNR: {:.4f} dB".format(avg_psnr / len(test_loader)))


for epoch in range(1, 4):
    train(epoch)
    test()

# a thumbnail of the first one, for the README
photo, _ = PhotoDataset(fake_photos(1, 2))[0]
thumb = F.interpolate(photo[None], size=(8, 8), mode='bilinear', align_corners=False)[0]
print(tuple(thumb.shape))
