"""`torchvision.transforms` for pictures and tensors: they draw from torch's generator."""

import math

import torch

from . import torchvision_stub_functional as functional
from .torchvision_stub_functional import InterpolationMode, _pair


def uniform(low, high):
    return float(torch.empty(1).uniform_(low, high))


def chance(p):
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


class Transform(torch.nn.Module):
    """Without parameters, so no pass of a model. Keeps its arguments under the names that programs read and change."""

    def __repr__(self):
        return type(self).__name__ + "()"


class ToTensor(Transform):
    def forward(self, image):
        return functional.to_tensor(image)


class PILToTensor(Transform):
    def forward(self, image):
        return functional.pil_to_tensor(image)


class ToImage(Transform):
    def forward(self, image):
        return functional.to_image(image)


class ToPILImage(Transform):
    def __init__(self, mode=None):
        super().__init__()
        self.mode = mode

    def forward(self, image):
        return functional.to_pil_image(image, self.mode)


class ConvertImageDtype(Transform):
    def __init__(self, dtype=torch.float32, scale=True):
        super().__init__()
        self.dtype, self.scale = dtype, scale

    def forward(self, image):
        return functional.convert_image_dtype(image, self.dtype) if self.scale else image.to(self.dtype)


class ToDtype(ConvertImageDtype):
    def __init__(self, dtype, scale=False):
        super().__init__(dtype, scale)


class Normalize(Transform):
    def __init__(self, mean, std, inplace=False):
        super().__init__()
        self.mean, self.std, self.inplace = mean, std, inplace

    def forward(self, tensor):
        return functional.normalize(tensor, self.mean, self.std, self.inplace)


class Resize(Transform):
    def __init__(self, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
        super().__init__()
        self.size, self.interpolation, self.max_size = size, interpolation, max_size

    def forward(self, image):
        return functional.resize(image, self.size, self.interpolation, self.max_size)


class CenterCrop(Transform):
    def __init__(self, size):
        super().__init__()
        self.size = _pair(size)

    def forward(self, image):
        return functional.center_crop(image, self.size)


class RandomCrop(Transform):
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


class RandomResizedCrop(Transform):
    def __init__(
        self, size, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), interpolation=InterpolationMode.BILINEAR, antialias=True
    ):
        super().__init__()
        self.size, self.scale, self.ratio, self.interpolation = _pair(size), scale, ratio, interpolation

    @staticmethod
    def get_params(image, scale, ratio):
        """(top, left, height, width) of a part of a random size and shape."""
        width, height = functional.get_image_size(image)
        area = height * width * uniform(*scale)
        shape = math.exp(uniform(math.log(ratio[0]), math.log(ratio[1])))
        wide = max(1, min(width, round(math.sqrt(area * shape))))
        tall = max(1, min(height, round(math.sqrt(area / shape))))
        top = int(torch.randint(0, height - tall + 1, (1,)))
        return top, int(torch.randint(0, width - wide + 1, (1,))), tall, wide

    def forward(self, image):
        place = self.get_params(image, self.scale, self.ratio)
        return functional.resized_crop(image, *place, self.size, self.interpolation)


class RandomHorizontalFlip(Transform):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, image):
        return functional.hflip(image) if chance(self.p) else image


class RandomVerticalFlip(RandomHorizontalFlip):
    def forward(self, image):
        return functional.vflip(image) if chance(self.p) else image


class Pad(Transform):
    def __init__(self, padding, fill=0, padding_mode="constant"):
        super().__init__()
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def forward(self, image):
        return functional.pad(image, self.padding, self.fill, self.padding_mode)


class Grayscale(Transform):
    def __init__(self, num_output_channels=1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, image):
        return functional.rgb_to_grayscale(image, self.num_output_channels)


class RandomGrayscale(Transform):
    def __init__(self, p=0.1):
        super().__init__()
        self.p = p

    def forward(self, image):
        channels = functional.get_dimensions(image)[0]
        return functional.rgb_to_grayscale(image, channels) if chance(self.p) else image


class Lambda(Transform):
    def __init__(self, lambd):
        super().__init__()
        self.lambd = lambd

    def forward(self, image):
        return self.lambd(image)


class FiveCrop(Transform):
    def __init__(self, size):
        super().__init__()
        self.size = _pair(size)

    def forward(self, image):
        return functional.five_crop(image, self.size)


class TenCrop(FiveCrop):
    def forward(self, image):
        return functional.ten_crop(image, self.size)
