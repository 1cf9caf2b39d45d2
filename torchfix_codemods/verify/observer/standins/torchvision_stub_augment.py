"""Transforms that change colours, turn, erase or choose at random, and those whose effect is left out."""

import numbers
import random

from . import torchvision_stub_functional as functional
from .torchvision_stub_transforms import Compose, RandomResizedCrop, Transform, chance, uniform


def _range(value, middle=1.0):
    """The range of a factor that is given as a deviation or as a pair."""
    if isinstance(value, numbers.Number):
        return max(0.0, middle - value) if middle else -value, middle + value
    return tuple(value)


class _Same(Transform):
    """Leaves the picture as it is: what it does otherwise has no effect on any fact that is observed."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, image):
        return image


class ColorJitter(Transform):
    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0):
        super().__init__()
        self.brightness, self.contrast, self.saturation = brightness, contrast, saturation
        self.hue = hue

    def forward(self, image):
        if self.brightness:
            image = functional.adjust_brightness(image, uniform(*_range(self.brightness)))
        if self.contrast:
            image = functional.adjust_contrast(image, uniform(*_range(self.contrast)))
        if self.saturation:
            image = functional.adjust_saturation(image, uniform(*_range(self.saturation)))
        if self.hue:
            image = functional.adjust_hue(image, uniform(*_range(self.hue, 0.0)))
        return image


class RandomRotation(Transform):
    def __init__(self, degrees, *args, **kwargs):
        super().__init__()
        self.degrees = _range(degrees, 0.0)

    def forward(self, image):
        return functional.rotate(image, uniform(*self.degrees))


class RandomAffine(Transform):
    def __init__(self, degrees, translate=None, scale=None, shear=None, *args, **kwargs):
        super().__init__()
        self.degrees, self.translate, self.scale, self.shear = _range(degrees, 0.0), translate, scale, shear

    def forward(self, image):
        width, height = functional.get_image_size(image)
        shares = self.translate or (0.0, 0.0)
        moved = [round(uniform(-share, share) * side) for share, side in zip(shares, (width, height))]
        scale = uniform(*self.scale) if self.scale else 1.0
        return functional.affine(image, uniform(*self.degrees), moved, scale)


class RandomErasing(Transform):
    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False):
        super().__init__()
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    def forward(self, image):
        if not chance(self.p):
            return image
        place = RandomResizedCrop.get_params(image, self.scale, self.ratio)
        return functional.erase(image, *place, 0 if isinstance(self.value, str) else self.value, self.inplace)


class GaussianBlur(Transform):
    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        self.kernel_size, self.sigma = kernel_size, sigma

    def forward(self, image):
        return functional.gaussian_blur(image, self.kernel_size)


class RandomApply(Transform):
    def __init__(self, transforms, p=0.5):
        super().__init__()
        self.transforms, self.p = transforms, p

    def forward(self, image):
        return Compose(list(self.transforms))(image) if chance(self.p) else image


class RandomChoice(Transform):
    def __init__(self, transforms, p=None):
        super().__init__()
        self.transforms = list(transforms)

    def forward(self, image):
        return random.choice(self.transforms)(image)


class RandomOrder(RandomChoice):
    def forward(self, image):
        return Compose(random.sample(self.transforms, len(self.transforms)))(image)


#: Transforms whose effect is left out.
SAME = (
    "RandomPerspective ElasticTransform RandomInvert RandomPosterize RandomSolarize RandomAdjustSharpness "
    "RandomAutocontrast RandomEqualize AutoAugment RandAugment TrivialAugmentWide AugMix LinearTransformation"
).split()
for _name in SAME:
    globals()[_name] = type(_name, (_Same,), {})


class AutoAugmentPolicy:
    IMAGENET, CIFAR10, SVHN = "imagenet", "cifar10", "svhn"
