"""`torchvision.transforms` for pictures and tensors: they draw from torch's generator."""

import math
import numbers
import random

import torch

from . import torchvision_stub_functional as functional
from .torchvision_stub_functional import InterpolationMode, _pair


def _uniform(low, high):
    return float(torch.empty(1).uniform_(low, high))


def _chance(p):
    return float(torch.rand(1)) < p


class Compose:
    """One after the other."""

    def __init__(self, transforms, *more):
        self.transforms = [transforms, *more] if callable(transforms) else transforms

    def __call__(self, *items):
        for transform in self.transforms:
            items = transform(*items)
            items = items if isinstance(items, tuple) else (items,)
        return items[0] if len(items) == 1 else items

    def __repr__(self):
        return "Compose({})".format(", ".join(map(repr, self.transforms)))


class _Transform(torch.nn.Module):
    """Without parameters, so no pass of a model. Keeps its arguments under the names that programs read and change."""

    def __repr__(self):
        return type(self).__name__ + "()"


class _Same(_Transform):
    """Leaves the picture as it is: what it does otherwise has no effect on any fact that is observed."""

    def __init__(self, *args, **kwargs):
        super().__init__()

    def forward(self, image):
        return image


class ToTensor(_Transform):
    def forward(self, image):
        return functional.to_tensor(image)


class PILToTensor(_Transform):
    def forward(self, image):
        return functional.pil_to_tensor(image)


class ToImage(_Transform):
    def forward(self, image):
        return functional.to_image(image)


class ToPILImage(_Transform):
    def __init__(self, mode=None):
        super().__init__()
        self.mode = mode

    def forward(self, image):
        return functional.to_pil_image(image, self.mode)


class ConvertImageDtype(_Transform):
    def __init__(self, dtype=torch.float32, scale=True):
        super().__init__()
        self.dtype, self.scale = dtype, scale

    def forward(self, image):
        return functional.convert_image_dtype(image, self.dtype) if self.scale else image.to(self.dtype)


class ToDtype(ConvertImageDtype):
    def __init__(self, dtype, scale=False):
        super().__init__(dtype, scale)


class Normalize(_Transform):
    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean, self.std, self.inplace = mean, std, inplace

    def forward(self, tensor):
        return functional.normalize(tensor, self.mean, self.std, self.inplace)


class Resize(_Transform):
    def __init__(self, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
        super().__init__()
        self.size, self.interpolation, self.max_size = size, interpolation, max_size

    def forward(self, image):
        return functional.resize(image, self.size, self.interpolation, self.max_size)


class CenterCrop(_Transform):
    def __init__(self, size):
        super().__init__()
        self.size = _pair(size)

    def forward(self, image):
        return functional.center_crop(image, self.size)


class RandomCrop(_Transform):
    def __init__(self, size, padding=None, pad_if_needed=False, fill=0, padding_mode="constant"):
        super().__init__()
        self.size, self.padding, self.pad_if_needed = _pair(size), padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode

    @staticmethod
    def get_params(image, output_size):
        """(top, left, height, width) of the part. Raises ValueError where the picture is smaller."""
        width, height = functional.get_image_size(image)
        tall, wide = output_size
        if height < tall or width < wide:
            message = "Required crop size {} is larger than input image size {}"
            raise ValueError(message.format((tall, wide), (height, width)))
        top = int(torch.randint(0, height - tall + 1, (1,)))
        return top, int(torch.randint(0, width - wide + 1, (1,))), tall, wide

    def forward(self, image):
        if self.padding is not None:
            image = functional.pad(image, self.padding, self.fill, self.padding_mode)
        width, height = functional.get_image_size(image)
        if self.pad_if_needed and (height < self.size[0] or width < self.size[1]):
            lacking = [max(0, self.size[1] - width), max(0, self.size[0] - height)]
            image = functional.pad(image, lacking, self.fill, self.padding_mode)
        return functional.crop(image, *self.get_params(image, self.size))


class RandomResizedCrop(_Transform):
    def __init__(
        self, size, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), interpolation=InterpolationMode.BILINEAR, antialias=True
    ):
        super().__init__()
        self.size, self.scale, self.ratio, self.interpolation = _pair(size), scale, ratio, interpolation

    @staticmethod
    def get_params(image, scale, ratio):
        """(top, left, height, width) of a part of a random size and shape."""
        width, height = functional.get_image_size(image)
        area = height * width * _uniform(*scale)
        shape = math.exp(_uniform(math.log(ratio[0]), math.log(ratio[1])))
        wide = max(1, min(width, round(math.sqrt(area * shape))))
        tall = max(1, min(height, round(math.sqrt(area / shape))))
        top = int(torch.randint(0, height - tall + 1, (1,)))
        return top, int(torch.randint(0, width - wide + 1, (1,))), tall, wide

    def forward(self, image):
        place = self.get_params(image, self.scale, self.ratio)
        return functional.resized_crop(image, *place, self.size, self.interpolation)


class RandomHorizontalFlip(_Transform):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, image):
        return functional.hflip(image) if _chance(self.p) else image


class RandomVerticalFlip(RandomHorizontalFlip):
    def forward(self, image):
        return functional.vflip(image) if _chance(self.p) else image


class Pad(_Transform):
    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def forward(self, image):
        return functional.pad(image, self.padding, self.fill, self.padding_mode)


class Grayscale(_Transform):
    def __init__(self, num_output_channels=1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, image):
        return functional.rgb_to_grayscale(image, self.num_output_channels)


class RandomGrayscale(_Transform):
    def __init__(self, p=0.1):
        super().__init__()
        self.p = p

    def forward(self, image):
        channels = functional.get_dimensions(image)[0]
        return functional.rgb_to_grayscale(image, channels) if _chance(self.p) else image


class Lambda(_Transform):
    def __init__(self, lambd):
        super().__init__()
        self.lambd = lambd

    def forward(self, image):
        return self.lambd(image)


class FiveCrop(_Transform):
    def __init__(self, size):
        super().__init__()
        self.size = _pair(size)

    def forward(self, image):
        return functional.five_crop(image, self.size)


class TenCrop(FiveCrop):
    def forward(self, image):
        return functional.ten_crop(image, self.size)


def _range(value, middle=1.0):
    """The range of a factor that is given as a deviation or as a pair."""
    if isinstance(value, numbers.Number):
        return max(0.0, middle - value) if middle else -value, middle + value
    return tuple(value)


class ColorJitter(_Transform):
    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0):
        super().__init__()
        self.brightness, self.contrast, self.saturation = brightness, contrast, saturation
        self.hue = hue

    def forward(self, image):
        if self.brightness:
            image = functional.adjust_brightness(image, _uniform(*_range(self.brightness)))
        if self.contrast:
            image = functional.adjust_contrast(image, _uniform(*_range(self.contrast)))
        if self.saturation:
            image = functional.adjust_saturation(image, _uniform(*_range(self.saturation)))
        if self.hue:
            image = functional.adjust_hue(image, _uniform(*_range(self.hue, 0.0)))
        return image


class RandomRotation(_Transform):
    def __init__(self, degrees, *args, **kwargs):
        super().__init__()
        self.degrees = _range(degrees, 0.0)

    def forward(self, image):
        return functional.rotate(image, _uniform(*self.degrees))


class RandomAffine(_Transform):
    def __init__(self, degrees, translate=None, scale=None, shear=None, *args, **kwargs):
        super().__init__()
        self.degrees, self.translate, self.scale, self.shear = _range(degrees, 0.0), translate, scale, shear

    def forward(self, image):
        width, height = functional.get_image_size(image)
        shares = self.translate or (0.0, 0.0)
        moved = [round(_uniform(-share, share) * side) for share, side in zip(shares, (width, height))]
        scale = _uniform(*self.scale) if self.scale else 1.0
        return functional.affine(image, _uniform(*self.degrees), moved, scale)


class RandomErasing(_Transform):
    def __init__(self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value=0, inplace=False):
        super().__init__()
        self.p, self.scale, self.ratio, self.value, self.inplace = p, scale, ratio, value, inplace

    def forward(self, image):
        if not _chance(self.p):
            return image
        place = RandomResizedCrop.get_params(image, self.scale, self.ratio)
        return functional.erase(image, *place, 0 if isinstance(self.value, str) else self.value, self.inplace)


class GaussianBlur(_Transform):
    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        self.kernel_size, self.sigma = kernel_size, sigma

    def forward(self, image):
        return functional.gaussian_blur(image, self.kernel_size)


class RandomApply(_Transform):
    def __init__(self, transforms, p=0.5):
        super().__init__()
        self.transforms, self.p = transforms, p

    def forward(self, image):
        return Compose(list(self.transforms))(image) if _chance(self.p) else image


class RandomChoice(_Transform):
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
