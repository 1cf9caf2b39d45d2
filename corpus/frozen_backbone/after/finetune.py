"""Fine-tune a new head on a frozen backbone whose BatchNorm statistics stay as they were."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.bn2 = nn.BatchNorm2d(16)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return x.mean(dim=(2, 3))


class Classifier(nn.Module):
    def __init__(self, backbone, num_classes):
        super().__init__()
        self.backbone = backbone
        self.head = nn.Sequential(
            nn.Linear(16, 32),
            nn.BatchNorm1d(32),
            nn.ReLU(),
            nn.Dropout(0.3),
            nn.Linear(32, num_classes),
        )

    def forward(self, x):
        return self.head(self.backbone(x))


def train(model, loader, optimizer, device):
    model.train()
    model.backbone.eval()  # keeps the running statistics of the frozen part
    running = 0.0
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        running += loss.item()
    return running / len(loader)


@torch.no_grad()
def test(model, loader, device):
    model.eval()
    correct = 0
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        correct += (model(x).argmax(dim=1) == y).sum().item()
    return correct / len(loader.dataset)


def main():
    torch.manual_seed(0)
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    textures = torch.randn(3, 3, 8, 8)
    labels = torch.randint(3, (160,))
    images = textures[labels] + 0.5 * torch.randn(160, 3, 8, 8)
    train_loader = DataLoader(TensorDataset(images[:120], labels[:120]), batch_size=20, shuffle=True)
    test_loader = DataLoader(TensorDataset(images[120:], labels[120:]), batch_size=40)

    model = Classifier(Backbone(), num_classes=3).to(device)
    for param in model.backbone.parameters():
        param.requires_grad = False
    optimizer = torch.optim.SGD(model.head.parameters(), lr=0.05, momentum=0.9)

    for epoch in range(3):
        loss = train(model, train_loader, optimizer, device)
        print(f"epoch {epoch}: loss {loss:.4f}, accuracy {test(model, test_loader, device):.3f}")


if __name__ == "__main__":
    main()
