"""Super-resolution with a perceptual loss, a few pictures of the batch at a time."""
import torch
from torch import nn
from torch.nn import functional as F

STEPS = 2


class Features(nn.Module):
    """The first layers of a classifier: what a picture looks like to it."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 12, 3, padding=1))

    def forward(self, picture):
        return self.layers(picture)


class Upscaler(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 12, 3, padding=1))
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, small):
        return self.shuffle(self.body(small)) + F.interpolate(small, scale_factor=2)


def train(net, features, loader, optimizer, scaler, device):
    net.train()
    total = 0.0
    optimizer.zero_grad()
    for step, (small, large) in enumerate(loader):
        small, large = small.to(device), large.to(device)
        picture = net(small)
        wanted = features(large).detach()
        loss = F.l1_loss(picture, large) + 0.1 * F.mse_loss(features(picture), wanted)
        total += loss.item()
        scaler.scale(loss / STEPS).backward()
        if (step + 1) % STEPS == 0 or step + 1 == len(loader):
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
    return total / len(loader)


@torch.no_grad()
def preview(net, pictures, device, rows=(4, 0, 2)):
    """Some pictures, one by one, and the middle channels of all."""
    net.eval()
    chosen = pictures.index_select(0, torch.tensor(rows, device=pictures.device))
    ends = torch.index_select(chosen, 3, torch.arange(0, chosen.size(3), 2, dtype=torch.int64))
    shown = [F.interpolate(picture.unsqueeze(0), size=(8, 8)).squeeze(0) for picture in chosen]
    return net(chosen.to(device)).mean().item(), ends.mean().item(), torch.stack(shown).mean().item()


def main():
    torch.manual_seed(3)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    large = torch.rand(20, 3, 12, 12)
    small = F.avg_pool2d(large, 2)
    loader = [(small[i:i + 4], large[i:i + 4]) for i in range(0, 20, 4)]
    net, features = Upscaler().to(device), Features().to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005)
    scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")
    for epoch in range(3):
        print("epoch %d loss %.4f" % (epoch, train(net, features, loader, optimizer, scaler, device)))
    print("preview %.4f %.4f %.4f" % preview(net, small, device))


if __name__ == "__main__":
    main()
