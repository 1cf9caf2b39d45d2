import torch

CLASSES = ('bright', 'dark')


def make_scene(generator):
    """A 16 x 16 picture with one object, and its box."""
    img = 0.2 * torch.randn(1, 16, 16, generator=generator)
    x, y = (torch.randint(0, 4, (2,), generator=generator) * 4).tolist()
    kind = torch.randint(2, (1,), generator=generator).item()
    img[0, y:y + 4, x:x + 4] += 2. if kind == 0 else -2.
    box = [x / 16., y / 16., (x + 4) / 16., (y + 4) / 16., kind + 1.]
    return img, torch.tensor([box])


def make_dataset(n, seed):
    generator = torch.Generator().manual_seed(seed)
    return [make_scene(generator) for _ in range(n)]


def detection_collate(batch):
    """Images are stacked, the targets (of different lengths) stay a list."""
    return torch.stack([sample[0] for sample in batch], 0), [sample[1] for sample in batch]
