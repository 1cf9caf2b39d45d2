"""Topic vectors of words; then the words closest to a query."""
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

from data import batches, corpus

STOP_WORDS = [0, 3, 7]
torch.manual_seed(3)


class TopicModel(nn.Module):
    def __init__(self, words, topics, size=8):
        super().__init__()
        self.emb = nn.EmbeddingBag(words, size, mode="mean")
        self.out = nn.Linear(size, topics)

    def forward(self, bags):
        return self.out(self.emb(bags))


def nearest(table, query, limit=5):
    """Rows of `table` most like row `query`, itself left out."""
    scores = table @ table[query]
    order = np.argsort(-scores.detach().cpu().numpy())
    keep = torch.arange(table.size(0)) != query
    return order[:limit], table.index_select(0, keep)    # neighbours, and all the others


def main():
    bags, labels = corpus()
    net = TopicModel(40, 3).cuda()
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(net.parameters(), lr=0.05)
    for epoch in range(3):
        for words, topics in batches(bags, labels, 8):
            loss = criterion(net(words.cuda()), topics.cuda())   # topics are int32
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print("epoch", epoch, "loss", loss.item())

    table = torch.eye(40).cuda()
    stop = table.index_select(0, STOP_WORDS)
    ids = torch.tensor([5, 9, 2], dtype=torch.int32).cuda()      # int32 is fine
    print(stop.shape, table.index_select(1, ids).shape)
    neighbours, others = nearest(table, 5)
    print(len(neighbours), others.shape)


if __name__ == "__main__":
    main()
