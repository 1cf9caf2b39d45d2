"""Pictures that a small network can learn: a coarse pattern for each class, and noise over it.

The same item is the same picture in every run. Noise comes from a bank of a few hundred fields, so that a whole data
set can be had at once without drawing 60,000 times; nothing here touches the program's own random numbers.
"""

import functools
import zlib

import torch

from .scaling import resized

#: Patches of the pattern along each side.
COARSE = 5
#: Grey levels of the pattern, and standard deviation of the noise.
DARK, BRIGHT, NOISE = 50.0, 205.0, 30.0
#: Values (not bytes) that all noise fields of a data set may have together.
BANK = 4000000
#: Patterns that are kept.
TEMPLATES = 128


def _generator(*words):
    return torch.Generator(device="cpu").manual_seed(zlib.crc32(repr(words).encode()))


class Pictures:
    """The pictures of one split of a data set: uint8 tensors of `shape` (channels, height, width)."""

    def __init__(self, name, split, shape, seed=0):
        self.name, self.split, self.shape, self.seed = name, split, shape, seed
        self.templates = {}

    @functools.cached_property
    def noise(self):
        size = self.shape[0] * self.shape[1] * self.shape[2]
        count = max(4, min(256, BANK // size))
        generator = _generator(self.name, self.split, self.seed)
        return torch.randn((count, *self.shape), generator=generator, dtype=torch.float32, device="cpu") * NOISE

    def template(self, label):
        """The pattern of a class: the same in all splits."""
        if label not in self.templates:
            if len(self.templates) >= TEMPLATES:
                self.templates.clear()
            generator = _generator(self.name, label, self.seed)
            size = (self.shape[0], COARSE, COARSE)
            coarse = torch.rand(size, generator=generator, dtype=torch.float32, device="cpu")
            self.templates[label] = resized(DARK + (BRIGHT - DARK) * coarse.round(), *self.shape[1:])
        return self.templates[label]

    def picture(self, index, label):
        """The picture of one item."""
        noise = self.noise[index * 7919 % len(self.noise)]
        return (self.template(int(label)) + noise).clamp(0, 255).to(torch.uint8)

    def all(self, labels):
        """The pictures of all items at once (N, C, H, W), the same as one by one."""
        pictures = torch.empty((len(labels), *self.shape), dtype=torch.uint8, device="cpu")
        for index, label in enumerate(labels):
            pictures[index] = self.picture(index, label)
        return pictures

    def mask(self, index, label, classes):
        """Class numbers (H, W) for every pixel: the bright patches of the first channel are of this item's class."""
        bright = self.template(int(label))[0] > (DARK + BRIGHT) / 2
        return bright.to(torch.uint8) * (1 + int(label) % max(1, classes - 1))


def labels(name, split, count, classes, seed=0):
    """The classes of `count` items, as an int64 tensor."""
    generator = _generator(name, split, "labels", seed)
    return torch.randint(0, classes, (count,), generator=generator, device="cpu")
