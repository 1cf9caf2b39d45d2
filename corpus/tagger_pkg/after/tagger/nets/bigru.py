from torch import Tensor, nn


class BiGRUTagger(nn.Module):
    def __init__(self, vocab: int, n_tags: int, dim: int = 16, hidden: int = 16) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab, dim)
        self.gru = nn.GRU(dim, hidden, batch_first=True, bidirectional=True)
        layers = [
            nn.Linear(2 * hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(0.3),
            nn.Linear(hidden, n_tags),
            # a distribution over the tags
        ]
        self.head = nn.Sequential(*layers)

    def forward(self, words: Tensor) -> Tensor:
        """(batch, words) -> (batch, words, tags)"""
        states, _ = self.gru(self.embed(words))
        return self.head(states)
