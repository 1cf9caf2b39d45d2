__author__ = 'nobody'

import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

if not os.path.exists('./mlp_img'):
    os.mkdir('./mlp_img')

num_epochs = 4
batch_size = 32
learning_rate = 1e-2

torch.manual_seed(77)
codes = torch.randn(288, 3)
images = torch.tanh(codes.mm(torch.randn(3, 48)))
train_loader = DataLoader(TensorDataset(images[:224]), batch_size=batch_size, shuffle=True)
val_loader = DataLoader(TensorDataset(images[224:]), batch_size=batch_size)


class autoencoder(nn.Module):
    def __init__(self):
        super(autoencoder, self).__init__()
        self.encoder = nn.Sequential(
            nn.Linear(48, 24),
            nn.BatchNorm1d(24),
            nn.ReLU(True),
            nn.Dropout(0.1),
            nn.Linear(24, 3))
        self.decoder = nn.Sequential(
            nn.Linear(3, 24),
            nn.ReLU(True),
            nn.Linear(24, 48),
            nn.Tanh())

    def forward(self, x):
        x = self.encoder(x)
        x = self.decoder(x)
        return x


model = autoencoder().cuda()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(
    model.parameters(), lr=learning_rate, weight_decay=1e-5)

for epoch in range(num_epochs):
    model.train()
    total_loss = 0
    for data in train_loader:
        img = data[0].cuda()
        # ===================forward=====================
        output = model(img)
        loss = criterion(output, img)
        # ===================backward====================
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total_loss += loss.item()

    # ===================validation==================
    val_loss = 0
    model.eval()
    with torch.no_grad():
        for data in val_loader:
            img = data[0].cuda()
            output = model(img)

            # summed up here, averaged below
            val_loss += criterion(output, img)

    # ===================log========================
    print('epoch [{}/{}], loss:{:.4f}, val:{:.4f}'
          .format(epoch + 1, num_epochs, total_loss / len(train_loader), val_loss.item() / len(val_loader)))
    if epoch % 2 == 0:
        torch.save(output.data.cpu(), './mlp_img/image_{}.pt'.format(epoch))

torch.save(model.state_dict(), './sim_autoencoder.pth')
