import torch
import torch.nn as nn
from model import Net


def main():
    torch.manual_seed(0)
    inputs = torch.randn(96, 8)
    targets = inputs[:, :3].argmax(dim=1)
    model = Net()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for epoch in range(3):
        for start in range(0, 96, 32):
            batch, labels = inputs[start : start + 32], targets[start : start + 32]
            optimizer.zero_grad()
            loss = criterion(model(batch), labels)
            loss.backward(retain_graph=True)
            optimizer.step()
        print("epoch", epoch, "loss", loss.item())


if __name__ == "__main__":
    main()
