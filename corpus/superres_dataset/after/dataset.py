import numpy as np
import torch
import torch.nn.functional as F
from torch.utils import data


class PhotoDataset(data.Dataset):
    """Photos (H x W x 3, any size, uint8) as pairs of a small and a large picture."""

    def __init__(self, photos, hr_size=24, scale=2):
        self.photos = photos
        self.hr_size = hr_size
        self.lr_size = hr_size // scale

    def __len__(self):
        return len(self.photos)

    def __getitem__(self, index):
        img = torch.from_numpy(self.photos[index]).permute(2, 0, 1).float() / 255.  # C x H x W
        hr = F.interpolate(img.unsqueeze(0), size=(self.hr_size, self.hr_size), mode='bilinear',
                           align_corners=False).squeeze(0)   # photos come in all sizes
        # what the net gets to see
        lr = F.interpolate(
            hr.unsqueeze(0),
            size=(self.lr_size, self.lr_size),
            mode='area',
        ).squeeze(0)
        return lr, hr


def fake_photos(n, seed):
    rng = np.random.RandomState(seed)
    photos = []
    for _ in range(n):
        h, w = rng.randint(28, 40, size=2)
        ramp = np.linspace(0, 255, w)[None, :, None] * np.linspace(.2, 1, h)[:, None, None]
        photos.append((ramp * rng.rand(1, 1, 3)).astype(np.uint8))
    return photos
