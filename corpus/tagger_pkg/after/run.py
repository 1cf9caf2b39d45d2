import torch

from tagger import engine
from tagger.nets import build as build_net
from tagger.utils import get_device, toy_corpus


def main():
    torch.manual_seed(0)
    device = get_device()
    net = build_net(vocab=40, n_tags=4).to(device)
    train_set, dev_set = toy_corpus(24, seed=1), toy_corpus(8, seed=2)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)

    for epoch in range(4):
        loss = engine.fit(net, train_set, optimizer, device)
        dev_loss, acc = engine.evaluate(net, dev_set, device)
        print(f"epoch {epoch}: loss {loss:.4f}, dev {dev_loss:.4f}, tag accuracy {acc:.3f}")


if __name__ == "__main__":
    main()
