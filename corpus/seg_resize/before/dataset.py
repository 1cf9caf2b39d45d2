import torch
import torch.nn.functional as F
from torch.utils.data import Dataset


class Shapes(Dataset):
    """Images of a bright square on a dark ground, all resized to one size."""

    def __init__(self, n, size=(16, 16), seed=0):
        self.size = size
        self.generator = torch.Generator().manual_seed(seed)
        self.places = torch.randint(2, 10, (n, 2), generator=self.generator).tolist()

    def __len__(self):
        return len(self.places)

    def __getitem__(self, index):
        top, left = self.places[index]
        image = 0.2 * torch.rand(3, 20, 20, generator=self.generator)
        mask = torch.zeros(1, 20, 20)
        image[:, top:top + 8, left:left + 8] += 0.7
        mask[:, top:top + 8, left:left + 8] = 1
        image = F.interpolate(image.unsqueeze(0), size=self.size, mode='bilinear', align_corners=False).squeeze(0)
        mask = F.interpolate(mask[None], size=self.size, mode='nearest')[0]
        return image, mask.squeeze(0).long()
