import torch

WORDS = ['<pad>', 'the', 'film', 'was', 'a', 'and', 'of', 'plot',
         'good', 'great', 'moving', 'bad', 'dull', 'awful', 'long', 'short']
CLASSES = ['pos', 'neg', 'neutral']
TELLING = {0: [8, 9, 10], 1: [11, 12, 13], 2: [14, 15]}


def load_data(n, length=12, seed=0):
    """Sentences of filler words with three telling ones, and their classes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(len(CLASSES), (n,), generator=generator)
    sentences = torch.randint(1, 8, (n, length), generator=generator)
    for row, label in enumerate(labels.tolist()):
        for place in torch.randperm(length, generator=generator)[:3].tolist():
            choice = torch.randint(len(TELLING[label]), (1,), generator=generator).item()
            sentences[row, place] = TELLING[label][choice]
    return sentences, labels


def batch_iter(x, y, batch_size, shuffle=True):
    order = torch.randperm(len(x)) if shuffle else torch.arange(len(x))
    for start in range(0, len(x), batch_size):
        index = order[start:start + batch_size]
        yield x[index], y[index]
