"""A bag-of-words encoder with three heads: tags (several may hold), topic and language (one of each)."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Encoder(nn.Module):
    def __init__(self, words, size, dropout=0.2):
        super(Encoder, self).__init__()
        self.embedding = nn.EmbeddingBag(words, size)
        self.gate = nn.Linear(size, size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, text):
        x = self.embedding(text)
        x = x * torch.sigmoid(self.gate(x))  # which features matter
        return self.dropout(x)


class TagNet(nn.Module):
    def __init__(self, words, size, tags, topics, languages):
        super(TagNet, self).__init__()
        self.encoder = Encoder(words, size)
        self.tags = nn.Sequential(
            nn.Linear(size, size),
            nn.ReLU(inplace=True),
            nn.Linear(size, tags),
            # each tag for itself
        )
        self.topic = nn.Linear(size, topics)
        self.language = nn.Linear(size, languages)

    def forward(self, text):
        x = self.encoder(text)
        tags = self.tags(x)
        topic = F.log_softmax(self.topic(x), dim=1)  # exactly one topic
        language = F.log_softmax(self.language(x), dim=1)
        return tags, topic, language
