"""Train the tagger: python train.py"""

import argparse

import torch
import torch.nn as nn
from torch import optim
from torch.utils.data import DataLoader, TensorDataset

from model import TagNet

parser = argparse.ArgumentParser(description="tags, topic and language of short texts")
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--lr", type=float, default=0.01)
args = parser.parse_args()

device = torch.device("cuda")
WORDS, TAGS, TOPICS, LANGUAGES = 60, 5, 4, 3


def texts(count, seed):
    """Random texts of twelve words, whose labels depend on the words."""
    generator = torch.Generator().manual_seed(seed)
    words = torch.randint(0, WORDS, (count, 12), generator=generator)
    tags = torch.stack([(words % TAGS == tag).sum(1) > 2 for tag in range(TAGS)], dim=1).float()
    topic = words[:, 0] % TOPICS
    language = words[:, 1] % LANGUAGES
    return TensorDataset(words, tags, topic, language)


def train(model, loader, optimizer, criteria):
    model.train()
    tag_loss, topic_loss, language_loss = criteria
    for words, tags, topic, language in loader:
        words, tags = words.to(device), tags.to(device)
        topic, language = topic.to(device), language.to(device)
        optimizer.zero_grad()
        tag_out, topic_out, language_out = model(words)
        loss = tag_loss(tag_out, tags)
        loss = loss + topic_loss(topic_out, topic) + language_loss(language_out, language)
        loss.backward()
        optimizer.step()


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    exact = right = known = count = 0
    for words, tags, topic, language in loader:
        tag_out, topic_out, language_out = model(words.to(device))
        exact += ((tag_out > 0.5).float().cpu() == tags).all(1).sum().item()
        right += (topic_out.argmax(1).cpu() == topic).sum().item()
        known += (language_out.max(1)[1].cpu() == language).sum().item()
        count += len(words)
    print("exact tags %.2f, topics %.2f, languages %.2f" % (exact / count, right / count, known / count))


def main():
    train_loader = DataLoader(texts(256, 0), batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(texts(64, 1), batch_size=args.batch_size)
    model = TagNet(WORDS, 24, TAGS, TOPICS, LANGUAGES).to(device)
    criteria = (
        nn.BCEWithLogitsLoss(pos_weight=torch.full((TAGS,), 2.0).to(device)),
        nn.NLLLoss(),
        nn.CrossEntropyLoss(),
    )
    optimizer = optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(args.epochs):
        train(model, train_loader, optimizer, criteria)
        evaluate(model, test_loader)


if __name__ == "__main__":
    main()
