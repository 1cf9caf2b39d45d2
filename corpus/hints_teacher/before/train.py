"""A small encoder learns the codes of a larger one, whose weights came with the paper."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from nets import Encoder

ACCUMULATE = 3


def load_teacher(device):
    teacher = Encoder(width=64, depth=3).to(device)
    # in place of torch.load(): weights and statistics of another training
    for m in teacher.modules():
        if isinstance(m, nn.BatchNorm1d):
            m.running_mean.normal_(0, 0.1)
            m.running_var.uniform_(0.5, 1.5)
    for p in teacher.parameters():
        p.requires_grad_(False)
    return teacher


def train_epoch(student, teacher, loader, optimizer, device):
    student.train()
    teacher.eval()
    total = 0.0
    optimizer.zero_grad()
    for i, (x,) in enumerate(loader):
        x = x.to(device)
        hint = teacher(x)
        loss = F.smooth_l1_loss(student(x), hint)
        total += loss.item()
        (loss / ACCUMULATE).backward()
        if (i + 1) % ACCUMULATE == 0 or i + 1 == len(loader):
            optimizer.step()
            optimizer.zero_grad()
    return total / len(loader)


@torch.no_grad()
def distance(student, teacher, x):
    student.eval()
    teacher.eval()
    return F.mse_loss(student(x), teacher(x)).item()


def main():
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    points = torch.randn(160, 12)
    loader = DataLoader(TensorDataset(points[:128]), batch_size=16, shuffle=True)  # 8 batches, windows of 3
    teacher, student = load_teacher(device), Encoder().to(device)
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    for epoch in range(3):
        loss = train_epoch(student, teacher, loader, optimizer, device)
        print(f"epoch {epoch}: loss {loss:.4f}, distance {distance(student, teacher, points[128:].to(device)):.4f}")


if __name__ == "__main__":
    main()
