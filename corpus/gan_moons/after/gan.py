"""A GAN on two half moons. D sees detached samples; G is trained through D after D's step."""
import math

import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(7)
cuda = torch.cuda.is_available()
device = torch.device('cuda' if cuda else 'cpu')

latent_dim = 8
batch_size = 32


class Generator(nn.Module):
    def __init__(self):
        super().__init__()

        def block(n_in, n_out):
            return [nn.Linear(n_in, n_out), nn.BatchNorm1d(n_out), nn.LeakyReLU(0.2, inplace=True)]

        self.model = nn.Sequential(*block(latent_dim, 32), *block(32, 32), nn.Linear(32, 2))

    def forward(self, z):
        return self.model(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Dropout(0.1), nn.Linear(32, 32), nn.LeakyReLU(0.2))
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        return self.out(self.features(x))


def moons(n):
    t = math.pi * torch.rand(n)
    upper = torch.rand(n) < 0.5
    x = torch.where(upper, torch.cos(t), 1 - torch.cos(t))
    y = torch.where(upper, torch.sin(t), 0.5 - torch.sin(t))
    return torch.stack([x, y], dim=1) + 0.05 * torch.randn(n, 2)


netG = Generator().to(device)
netD = Discriminator().to(device)
criterion = nn.BCEWithLogitsLoss()
optimizerD = optim.Adam(netD.parameters(), lr=2e-3, betas=(0.5, 0.999))
optimizerG = optim.Adam(netG.parameters(), lr=2e-3, betas=(0.5, 0.999))
fixed_noise = torch.randn(64, latent_dim, device=device)

for epoch in range(3):
    netG.train()
    netD.train()
    for i in range(8):
        real = moons(batch_size).to(device)
        valid = torch.ones(batch_size, 1, device=device)
        fake_label = torch.zeros(batch_size, 1, device=device)

        # (1) D: real samples up, generated ones down
        optimizerD.zero_grad()
        noise = torch.randn(batch_size, latent_dim, device=device)
        fake = netG(noise)
        errD_real = criterion(netD(real), valid)
        errD_fake = criterion(netD(fake.detach()), fake_label)
        errD = errD_real + errD_fake
        errD.backward()
        optimizerD.step()

        # (2) G: what it made should look real
        optimizerG.zero_grad()
        output = netD(fake)
        errG = criterion(output, valid)
        errG.backward()
        optimizerG.step()

    netG.eval()
    with torch.no_grad():
        samples = netG(fixed_noise)
    print('epoch %d: D %.4f, G %.4f, spread %.3f' % (epoch, errD.item(), errG.item(), samples.std().item()))
