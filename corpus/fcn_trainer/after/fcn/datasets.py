import torch
from torch.utils import data


class Blobs(data.Dataset):
    """A bright or a dark square on noise; what is left of the frame is void (255)."""

    class_names = ['background', 'bright', 'dark']
    n_class = len(class_names)

    def __init__(self, n, seed):
        generator = torch.Generator().manual_seed(seed)
        self.samples = []
        for i in range(n):
            img = 0.3 * torch.randn(1, 16, 16, generator=generator)
            lbl = torch.zeros(16, 16, dtype=torch.long)
            y, x = torch.randint(2, 8, (2,), generator=generator).tolist()
            kind = 1 + i % 2
            img[:, y:y + 6, x:x + 6] += 2 if kind == 1 else -2
            lbl[y:y + 6, x:x + 6] = kind
            lbl[0] = 255
            self.samples.append((img, lbl))

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return self.samples[index]
