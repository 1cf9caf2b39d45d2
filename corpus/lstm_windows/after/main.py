"""A forecaster that accumulates gradients, for GPUs with little memory."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

ACCUM_STEPS = 4
EPOCHS = 2


class Forecaster(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.lstm = nn.LSTM(1, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 1)

    def forward(self, series):
        states, _ = self.lstm(series)
        return self.head(states[:, -1])


def waves(count):
    start = torch.rand(count, 1) * 6.28
    wave = torch.sin(start + torch.arange(13) * 0.5)
    return TensorDataset(wave[:, :12, None], wave[:, 12:])


def main():
    torch.manual_seed(0)
    loader = DataLoader(waves(72), batch_size=8)
    model = Forecaster().cuda()
    criterion = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(EPOCHS):
        model.train()
        optimizer.zero_grad()
        for i, (series, following) in enumerate(loader):
            prediction = model(series.cuda())
            loss = criterion(prediction, following.cuda())
            loss.backward()  # adds to what is there
            if (i + 1) % ACCUM_STEPS == 0:
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
        print("epoch", epoch, "last loss %.3f" % loss.item())


if __name__ == "__main__":
    main()
