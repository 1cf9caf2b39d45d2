import numpy as np
import torch


def corpus(seed=0, words=40, topics=3, documents=24):
    """Bags of words and their topics, as small as they fit: int16 words, int32 topics."""
    rng = np.random.RandomState(seed)
    labels = rng.randint(0, topics, size=documents).astype(np.int32)
    bags = rng.randint(0, words, size=(documents, 6)) // topics * topics + labels[:, None]
    return bags % words, labels


def batches(bags, labels, size):
    for start in range(0, len(bags), size):
        yield (torch.as_tensor(bags[start:start + size], dtype=torch.long),
               torch.from_numpy(np.asarray(labels[start:start + size], dtype=np.int32)))
