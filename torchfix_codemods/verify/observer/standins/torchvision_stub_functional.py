"""`torchvision.transforms.functional` for pictures and tensors, as far as training scripts use it."""

import math
import numbers

import torch

from . import pillow
from .scaling import resized


class InterpolationMode:
    """The names of the filters; all but the nearest neighbour are linear here."""

    NEAREST, NEAREST_EXACT, BILINEAR, BICUBIC = "nearest", "nearest-exact", "bilinear", "bicubic"
    BOX, HAMMING, LANCZOS = "box", "hamming", "lanczos"


def _opened(image):
    """The pixels (..., height, width) of a picture or a tensor, and what makes the same kind of thing of pixels.

    Raises TypeError for anything else.
    """
    if isinstance(image, torch.Tensor):
        return image, lambda pixels: pixels
    pixels = pillow.pixels_of(image)
    if pixels is None:
        raise TypeError(f"img should be PIL Image or Tensor. Got {type(image)}")
    if isinstance(image, pillow.Image):
        return pixels, pillow.Image
    return pixels, pillow.picture


def _pair(size):
    if isinstance(size, numbers.Number):
        return int(size), int(size)
    return (int(size[0]), int(size[0])) if len(size) == 1 else (int(size[0]), int(size[1]))


def to_tensor(image):
    """A float tensor (channels, height, width) of a picture or an array, from 0 to 1 if that is of bytes."""
    pixels = pillow.pixels_of(image)
    if pixels is None:
        if isinstance(image, torch.Tensor) or not hasattr(image, "ndim") or image.ndim not in (2, 3):
            raise TypeError(f"pic should be PIL Image or ndarray. Got {type(image)}")
        pixels = torch.as_tensor(image.copy())
        pixels = pixels[None] if image.ndim == 2 else pixels.permute(2, 0, 1)
    pixels = pixels.contiguous()
    return pixels.to(torch.get_default_dtype()).div(255) if pixels.dtype == torch.uint8 else pixels


def pil_to_tensor(image):
    return pillow.pixels_of(image).clone()


def to_image(image):
    return image if isinstance(image, torch.Tensor) else pil_to_tensor(image)


def to_pil_image(image, mode=None):
    """A picture of a tensor (channels, height, width) or an array (height, width, channels)."""
    pixels = image if isinstance(image, torch.Tensor) else torch.as_tensor(image)
    if pixels.dim() == 2:
        pixels = pixels[None]
    elif not isinstance(image, torch.Tensor):
        pixels = pixels.permute(2, 0, 1)
    if pixels.is_floating_point():
        pixels = pixels.mul(255)
    return pillow.picture(pixels.detach().cpu().to(torch.uint8), mode if mode in pillow.CHANNELS else None)


def convert_image_dtype(image, dtype=torch.float32):
    """Bytes from 0 to 255 and floats from 0 to 1 into one another."""
    if image.is_floating_point() == dtype.is_floating_point:
        return image.to(dtype)
    return image.to(dtype) / 255 if dtype.is_floating_point else image.mul(255.999).to(dtype)


def normalize(tensor, mean, std, inplace=False):
    """Less the mean and divided by the deviation of each channel. Raises TypeError for a picture."""
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(tensor)}")
    if not tensor.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {tensor.dtype}.")
    mean = torch.as_tensor(mean, dtype=tensor.dtype, device=tensor.device)
    std = torch.as_tensor(std, dtype=tensor.dtype, device=tensor.device)
    if (std == 0).any():
        raise ValueError("std evaluated to zero, leading to division by zero.")
    tensor = tensor if inplace else tensor.clone()
    return tensor.sub_(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1))


def get_image_size(image):
    """(width, height)."""
    pixels, _ = _opened(image)
    return [pixels.shape[-1], pixels.shape[-2]]


def get_dimensions(image):
    """[channels, height, width]."""
    return list(_opened(image)[0].shape[-3:])


def resize(image, size, interpolation=InterpolationMode.BILINEAR, max_size=None, antialias=True):
    """One number is the length of the shorter side, two are height and width."""
    pixels, back = _opened(image)
    height, width = pixels.shape[-2:]
    if isinstance(size, numbers.Number) or len(size) == 1:
        short = size if isinstance(size, numbers.Number) else size[0]
        scale = short / min(height, width)
        if max_size is not None:
            scale = min(scale, max_size / max(height, width))
        size = (max(1, int(height * scale)), max(1, int(width * scale)))
    nearest = interpolation in (0, InterpolationMode.NEAREST, InterpolationMode.NEAREST_EXACT)
    return back(resized(pixels, int(size[0]), int(size[1]), nearest))


def pad(image, padding, fill=0, padding_mode="constant"):
    """`padding` is for all sides, (left and right, top and bottom), or (left, top, right, bottom)."""
    pixels, back = _opened(image)
    sides = [padding] if isinstance(padding, numbers.Number) else list(padding)
    left, top, right, bottom = (sides * 4)[:4] if len(sides) != 2 else sides * 2
    if padding_mode == "constant":
        height, width = pixels.shape[-2:]
        level = fill if isinstance(fill, numbers.Number) else fill[0]
        padded = pixels.new_full((*pixels.shape[:-2], height + top + bottom, width + left + right), level)
        padded[..., top : top + height, left : left + width] = pixels
        return back(padded)
    rows = _outside(pixels.shape[-2], top, bottom, padding_mode)
    columns = _outside(pixels.shape[-1], left, right, padding_mode)
    return back(pixels[..., rows, :][..., columns])


def _outside(size, before, behind, mode):
    """Which of `size` places is shown at each place from -before to size + behind."""
    places = torch.arange(-before, size + behind, device="cpu")
    if mode == "edge":
        return places.clamp(0, size - 1)
    period = 2 * size - 2 if mode == "reflect" else 2 * size
    places = places.remainder(max(1, period))
    return torch.where(places < size, places, period - places - (0 if mode == "reflect" else 1))


def crop(image, top, left, height, width):
    pixels, back = _opened(image)
    lacking_right, lacking_bottom = left + width - pixels.shape[-1], top + height - pixels.shape[-2]
    if min(top, left) < 0 or max(lacking_right, lacking_bottom) > 0:
        sides = [max(0, side) for side in (-left, -top, lacking_right, lacking_bottom)]
        pixels, left, top = pad(pixels, sides), max(0, left), max(0, top)
    return back(pixels[..., top : top + height, left : left + width])


def center_crop(image, output_size):
    pixels, back = _opened(image)
    height, width = _pair(output_size)
    top, left = round((pixels.shape[-2] - height) / 2), round((pixels.shape[-1] - width) / 2)
    return back(crop(pixels, top, left, height, width))


def resized_crop(image, top, left, height, width, size, interpolation=InterpolationMode.BILINEAR, antialias=True):
    return resize(crop(image, top, left, height, width), _pair(size), interpolation)


def five_crop(image, size):
    """The four corners and the middle."""
    width, height = get_image_size(image)
    tall, wide = _pair(size)
    corners = [(0, 0), (0, width - wide), (height - tall, 0), (height - tall, width - wide)]
    return (*[crop(image, top, left, tall, wide) for top, left in corners], center_crop(image, size))


def ten_crop(image, size, vertical_flip=False):
    flipped = vflip(image) if vertical_flip else hflip(image)
    return five_crop(image, size) + five_crop(flipped, size)


def hflip(image):
    pixels, back = _opened(image)
    return back(pixels.flip(-1))


def vflip(image):
    pixels, back = _opened(image)
    return back(pixels.flip(-2))


def affine(image, angle=0.0, translate=(0, 0), scale=1.0, shear=0.0, interpolation="nearest", fill=0, center=None):
    """Turned (degrees), moved (pixels), scaled, sheared along the rows; by nearest neighbours."""
    pixels, back = _opened(image)
    height, width = pixels.shape[-2:]
    options = {"dtype": torch.float32, "device": pixels.device}
    y = torch.arange(height, **options)[:, None] - (height - 1) / 2 - translate[1]
    x = torch.arange(width, **options)[None] - (width - 1) / 2 - translate[0]
    turn = math.radians(angle)
    slope = math.tan(math.radians(shear if isinstance(shear, numbers.Number) else shear[0]))
    from_x = (math.cos(turn) * x + math.sin(turn) * y) / scale + slope * y + (width - 1) / 2
    from_y = (math.cos(turn) * y - math.sin(turn) * x) / scale + (height - 1) / 2
    rows, columns = from_y.round().long(), from_x.round().long()
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    moved = pixels[..., rows.clamp(0, height - 1), columns.clamp(0, width - 1)]
    return back(torch.where(inside, moved, torch.zeros_like(moved)))


def rotate(image, angle, interpolation="nearest", expand=False, center=None, fill=0):
    return affine(image, -angle)


def _mixed(image, other, share):
    """`share` of the picture and the rest of `other(pixels as floats)`; within the range of its dtype."""
    pixels, back = _opened(image)
    exact = pixels.to(torch.float32)
    mixed = share * exact + (1 - share) * other(exact)
    if pixels.is_floating_point():
        return back(mixed.clamp(0, 1).to(pixels.dtype))
    return back(mixed.clamp(0, 255).to(pixels.dtype))


_LUMA = (0.299, 0.587, 0.114)


def _gray(pixels):
    if pixels.shape[-3] == 1:
        return pixels
    luma = torch.tensor(_LUMA, dtype=torch.float32, device=pixels.device).view(3, 1, 1)
    return (pixels[..., :3, :, :].to(torch.float32) * luma).sum(-3, keepdim=True)


def rgb_to_grayscale(image, num_output_channels=1):
    pixels, back = _opened(image)
    gray = _gray(pixels).to(pixels.dtype)
    return back(gray.expand(*gray.shape[:-3], num_output_channels, *gray.shape[-2:]).clone())


to_grayscale = rgb_to_grayscale


def adjust_brightness(image, brightness_factor):
    return _mixed(image, torch.zeros_like, brightness_factor)


def adjust_contrast(image, contrast_factor):
    return _mixed(image, lambda pixels: _gray(pixels).mean(), contrast_factor)


def adjust_saturation(image, saturation_factor):
    return _mixed(image, _gray, saturation_factor)


def adjust_hue(image, hue_factor):
    """Channels mixed with their neighbours: a turn of the colours, roughly."""
    if abs(hue_factor) > 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    return _mixed(image, lambda pixels: pixels.roll(1 if hue_factor > 0 else -1, -3), 1 - abs(hue_factor))


def adjust_gamma(image, gamma, gain=1):
    pixels, back = _opened(image)
    top = 1.0 if pixels.is_floating_point() else 255.0
    return back((gain * (pixels.to(torch.float32) / top) ** gamma).clamp(0, 1).mul(top).to(pixels.dtype))


def invert(image):
    pixels, back = _opened(image)
    return back(1 - pixels if pixels.is_floating_point() else 255 - pixels)


def gaussian_blur(image, kernel_size, sigma=None):
    """Blurred by going through a smaller size."""
    pixels, back = _opened(image)
    height, width = pixels.shape[-2:]
    return back(resized(resized(pixels, max(1, height // 2), max(1, width // 2)), height, width))


def erase(image, i, j, h, w, v, inplace=False):
    erased = image if inplace else image.clone()
    erased[..., i : i + h, j : j + w] = v
    return erased
