"""
A conditional GAN that learns to draw curves: the label says which of two families a curve is of.
"""
import numpy as np
import torch
import torch.nn as nn

torch.manual_seed(1)
np.random.seed(1)

# Hyper Parameters
BATCH_SIZE = 32
LR_G = 0.001
LR_D = 0.001
N_NOISE = 5             # think of this as number of ideas for generating a curve
N_POINTS = 15           # number of points on the canvas
POINTS = np.vstack([np.linspace(-1, 1, N_POINTS) for _ in range(BATCH_SIZE)])
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def real_curves():
    a = np.random.uniform(1, 2, size=BATCH_SIZE)[:, np.newaxis]
    curves = a * np.power(POINTS, 2) + (a - 1)
    labels = (a - 1) > 0.5                   # upper curves (1), lower curves (0)
    curves = torch.from_numpy(curves).float()
    labels = torch.from_numpy(labels.astype(np.float32))
    return curves.to(device), labels.to(device)


class Generator(nn.Module):
    def __init__(self):
        super(Generator, self).__init__()
        self.layers = nn.Sequential(
            nn.Linear(N_NOISE + 1, 64),      # noise and the label
            nn.ReLU(),
            nn.Linear(64, N_POINTS),
        )

    def forward(self, noise, labels):
        return self.layers(torch.cat((noise, labels), 1))


class Discriminator(nn.Module):
    def __init__(self):
        super(Discriminator, self).__init__()
        self.layers = nn.Sequential(
            nn.Linear(N_POINTS + 1, 64),
            nn.ReLU(),
            nn.Linear(64, 1),
            nn.Sigmoid(),                    # the probability that the curve is real
        )

    def forward(self, curves, labels):
        return self.layers(torch.cat((curves, labels), 1))


G = Generator().to(device)
D = Discriminator().to(device)
opt_D = torch.optim.Adam(D.parameters(), lr=LR_D)
opt_G = torch.optim.Adam(G.parameters(), lr=LR_G)

for step in range(40):
    curves, labels = real_curves()
    noise = torch.randn(BATCH_SIZE, N_NOISE, device=device)
    drawn = G(noise, labels)

    prob_real = D(curves, labels)            # D tries to increase this
    prob_drawn = D(drawn.detach(), labels)            # D tries to reduce this

    score_real = torch.log(prob_real)
    score_drawn = torch.log(1. - prob_drawn)
    D_loss = -torch.mean(score_real + score_drawn)

    opt_D.zero_grad()
    D_loss.backward()       # reusing computational graph
    opt_D.step()

    opt_G.zero_grad()
    prob_drawn = D(drawn, labels)
    score_drawn = torch.log(1. - prob_drawn)
    G_loss = torch.mean(score_drawn)  # the opposite of what D wants
    G_loss.backward()
    opt_G.step()

    if step % 10 == 0:
        print("step %d: D thinks %.2f of the real ones, %.2f of the drawn ones" % (
            step, prob_real.mean().item(), prob_drawn.mean().item()))

with torch.no_grad():
    curve = G(torch.randn(1, N_NOISE, device=device), torch.ones(1, 1, device=device))
print("a curve of", curve.shape[1], "points")
