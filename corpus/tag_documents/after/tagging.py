"""Tags of documents: several may hold, so each has its own sigmoid, inside of the loss."""
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset

N_WORDS, N_TAGS = 40, 6


class Documents(Dataset):
    def __init__(self, n, seed):
        generator = torch.Generator().manual_seed(seed)
        self.tags = (torch.rand(n, N_TAGS, generator=generator) < 0.3).float()
        noise = torch.rand(n, N_WORDS, generator=generator)
        self.words = noise + self.tags.repeat(1, N_WORDS // N_TAGS + 1)[:, :N_WORDS]

    def __len__(self):
        return len(self.tags)

    def __getitem__(self, index):
        return self.words[index], self.tags[index]


class Tagger(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(N_WORDS, hidden), nn.ReLU(), nn.Dropout(0.25))
        self.classifier = nn.Linear(hidden, N_TAGS)

    def forward(self, words):
        return self.classifier(self.encoder(words))


def train(model, loader, criterion, optimizer, device):
    model.train()
    losses = []
    for words, tags in loader:
        words, tags = words.to(device), tags.to(device)
        logits = model(words)
        loss = criterion(logits, tags)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / len(losses)


def evaluate(model, loader, device, wanted):
    """Precision of the wanted tags at a threshold of one half."""
    model.eval()
    hits = predicted = 0
    index = torch.tensor(wanted, dtype=torch.long, device=device)
    with torch.no_grad():
        for words, tags in loader:
            words, tags = words.to(device), tags.to(device)
            probs = torch.sigmoid(model(words))
            chosen = torch.index_select(probs, 1, index) > 0.5
            hits += (chosen & tags.index_select(1, index).bool()).sum().item()
            predicted += chosen.sum().item()
    return hits / max(predicted, 1)


def main():
    torch.manual_seed(5)
    device = torch.device('cuda') if torch.cuda.is_available() else torch.device('cpu')
    train_loader = DataLoader(Documents(240, 1), batch_size=40, shuffle=True)
    dev_loader = DataLoader(Documents(120, 2), batch_size=60)
    model = Tagger().to(device)
    criterion = nn.BCEWithLogitsLoss(pos_weight=torch.full((N_TAGS,), 2.0, device=device))
    optimizer = optim.AdamW(model.parameters(), lr=1e-2)
    for epoch in range(3):
        loss = train(model, train_loader, criterion, optimizer, device)
        precision = evaluate(model, dev_loader, device, [0, 2, 5])
        print(f'epoch {epoch}: loss {loss:.4f}, precision {precision:.3f}')


if __name__ == '__main__':
    main()
