# coding: utf-8
"""A word language model with truncated backpropagation through time."""
import math

import torch
import torch.nn as nn

import model as models

torch.manual_seed(1111)
device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')

NTOKENS, BPTT, CLIP, EPOCHS = 12, 6, 0.25, 2


def make_corpus(n):
    """A walk over the words: each is followed by one of two."""
    words = [0]
    for step in torch.randint(1, 3, (n - 1,)).tolist():
        words.append((words[-1] * 2 + step) % NTOKENS)
    return torch.tensor(words)


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    return data.narrow(0, 0, nbatch * bsz).view(bsz, -1).t().contiguous().to(device)


def repackage_hidden(h):
    """Wraps hidden states in new Tensors, to detach them from their history."""
    if isinstance(h, torch.Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


def get_batch(source, i):
    seq_len = min(BPTT, len(source) - 1 - i)
    return source[i:i + seq_len], source[i + 1:i + 1 + seq_len].view(-1)


train_data = batchify(make_corpus(600), 10)
val_data = batchify(make_corpus(200), 5)

model = models.RNNModel(NTOKENS, 16, 24, 2).to(device)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def evaluate(data_source):
    # Turn on evaluation mode which disables dropout.
    model.eval()
    total_loss = 0.
    hidden = model.init_hidden(5)
    with torch.no_grad():
        for i in range(0, data_source.size(0) - 1, BPTT):
            data, targets = get_batch(data_source, i)
            output, hidden = model(data, hidden)
            hidden = repackage_hidden(hidden)
            total_loss += len(data) * criterion(output, targets).item()
    return total_loss / (len(data_source) - 1)


def train():
    # Turn on training mode which enables dropout.
    model.train()
    total_loss = 0.
    hidden = model.init_hidden(10)
    for batch, i in enumerate(range(0, train_data.size(0) - 1, BPTT)):
        data, targets = get_batch(train_data, i)
        # Starting each batch, we detach the hidden state from how it was previously produced.
        hidden = repackage_hidden(hidden)
        optimizer.zero_grad()
        output, hidden = model(data, hidden)
        loss = criterion(output, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        total_loss += loss.item()
    return total_loss / (batch + 1)


for epoch in range(1, EPOCHS + 1):
    train_loss = train()
    val_loss = evaluate(val_data)
    print('| epoch {:3d} | loss {:5.2f} | valid loss {:5.2f} | valid ppl {:8.2f}'.format(
        epoch, train_loss, val_loss, math.exp(val_loss)))
