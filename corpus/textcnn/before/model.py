import torch
from torch import nn
import torch.nn.functional as func


class TextCNN(nn.Module):
    """Convolutions of several widths over word vectors, max over time, one linear layer."""

    def __init__(self, vocab_size, n_classes, embed_dim=24, n_filters=12, widths=(2, 3, 4), dropout=.5):
        super(TextCNN, self).__init__()
        self.embedding = nn.Embedding(vocab_size, embed_dim, padding_idx=0)
        self.convs = nn.ModuleList([nn.Conv2d(1, n_filters, (width, embed_dim)) for width in widths])
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(n_filters * len(widths), n_classes)

    def forward(self, x):
        x = self.embedding(x).unsqueeze(1)  # (N, 1, words, embed_dim)
        x = [func.relu(conv(x)).squeeze(3) for conv in self.convs]
        x = [func.max_pool1d(item, item.size(2)).squeeze(2) for item in x]
        x = self.dropout(torch.cat(x, 1))

        logits = self.fc(x)
        probs = func.softmax(logits, dim=1)   # what the paper calls y
        confidence = probs.max(1)[0]
        return probs, confidence
