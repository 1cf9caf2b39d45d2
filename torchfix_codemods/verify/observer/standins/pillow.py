"""Pictures as objects: those of Pillow where it is installed, else ones that do what data sets and transforms need.

Pillow comes with torchvision; where neither is there, `from PIL import Image` at the top of a script would be its end.
"""

import functools
import os
import types
import zlib

import torch

from .imports import origin, provide
from .scaling import resized
from .synthetic import Pictures

#: Height and width of a picture that stands for a file which nothing here can decode.
SIZE = 256
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
CHANNELS = {"1": 1, "L": 1, "P": 1, "I": 1, "F": 1, "RGB": 3, "RGBA": 4, "CMYK": 4}
#: Of Pillow, with its numbers.
FILTERS = {"NEAREST": 0, "LANCZOS": 1, "ANTIALIAS": 1, "BILINEAR": 2, "BICUBIC": 3, "BOX": 4, "HAMMING": 5}
TURNS = {"FLIP_LEFT_RIGHT": 0, "FLIP_TOP_BOTTOM": 1, "ROTATE_90": 2, "ROTATE_180": 3, "ROTATE_270": 4}


class Image:
    """What of `PIL.Image.Image` data sets and transforms use. `pixels` is a uint8 tensor (channels, height, width)."""

    def __init__(self, pixels, mode=None):
        self.pixels = pixels
        self.mode = mode or MODES[pixels.shape[0]]
        self.format = self.filename = None
        self.info = {}

    @property
    def size(self):
        return self.pixels.shape[2], self.pixels.shape[1]

    @property
    def width(self):
        return self.pixels.shape[2]

    @property
    def height(self):
        return self.pixels.shape[1]

    def _with(self, pixels):
        return Image(pixels, self.mode if CHANNELS.get(self.mode) == pixels.shape[0] else None)

    def convert(self, mode=None, *args, **kwargs):
        """The same picture with another number of channels."""
        mode = mode or "RGB"
        if mode not in CHANNELS:
            raise ValueError(f"conversion from {self.mode} to {mode} not supported")
        pixels, wanted = self.pixels, CHANNELS[mode]
        if wanted == 1 and pixels.shape[0] > 1:
            pixels = pixels[:3].to(torch.float32).mean(0, keepdim=True).round().to(torch.uint8)
        elif wanted >= 3:
            pixels = pixels[:3].expand(3, *pixels.shape[1:])
        if wanted == 4:
            pixels = torch.cat([pixels, torch.full_like(pixels[:1], 255)])
        return Image(pixels.clone(), mode)

    def resize(self, size, resample=FILTERS["BICUBIC"], *args, **kwargs):
        width, height = size
        return self._with(resized(self.pixels, int(height), int(width), nearest=resample == FILTERS["NEAREST"]))

    def thumbnail(self, size, *args, **kwargs):
        scale = min(1.0, size[0] / self.width, size[1] / self.height)
        self.pixels = resized(self.pixels, max(1, round(self.height * scale)), max(1, round(self.width * scale)))

    def crop(self, box=None):
        """The part in `box` (left, upper, right, lower); what lies outside the picture is black."""
        left, upper, right, lower = (round(edge) for edge in box or (0, 0, *self.size))
        out = self.pixels.new_zeros((self.pixels.shape[0], lower - upper, right - left))
        top, start = max(0, upper), max(0, left)
        part = self.pixels[:, top : max(0, lower), start : max(0, right)]
        out[:, top - upper : top - upper + part.shape[1], start - left : start - left + part.shape[2]] = part
        return self._with(out)

    def transpose(self, method):
        turned = {
            0: lambda pixels: pixels.flip(2),
            1: lambda pixels: pixels.flip(1),
            2: lambda pixels: pixels.rot90(1, (1, 2)),
            3: lambda pixels: pixels.rot90(2, (1, 2)),
            4: lambda pixels: pixels.rot90(3, (1, 2)),
        }[int(method)]
        return self._with(turned(self.pixels))

    def rotate(self, angle, *args, **kwargs):
        """Turned by the nearest multiple of 90 degrees that keeps the size, else as it is."""
        return self._with(self.pixels.rot90(2, (1, 2))) if round(angle / 180) % 2 else self.copy()

    def point(self, function, *args, **kwargs):
        table = [int(function(level)) for level in range(256)] if callable(function) else list(function)
        return self._with(torch.tensor(table, device="cpu")[self.pixels.long()].clamp(0, 255).to(torch.uint8))

    def split(self):
        return tuple(Image(channel[None], "L") for channel in self.pixels)

    def getbands(self):
        return ("L",) if self.pixels.shape[0] == 1 else tuple("RGBA"[: self.pixels.shape[0]])

    def getpixel(self, place):
        values = self.pixels[:, place[1], place[0]].tolist()
        return values[0] if len(values) == 1 else tuple(values)

    def putpixel(self, place, color):
        self.pixels[:, place[1], place[0]] = torch.as_tensor(color, dtype=torch.uint8)

    def putpalette(self, palette, *args, **kwargs):
        """A palette changes how numbers are shown, not the numbers."""

    def paste(self, image, box=None, mask=None):
        left, upper = (box or (0, 0))[:2]
        if isinstance(image, Image):
            self.pixels[:, upper : upper + image.height, left : left + image.width] = image.pixels

    def copy(self):
        return Image(self.pixels.clone(), self.mode)

    def load(self):
        return self

    def close(self):
        pass

    def show(self, *args, **kwargs):
        pass

    def save(self, file, *args, **kwargs):
        """Nothing can be encoded here: an empty file, for those who look whether it was written."""
        if isinstance(file, (str, os.PathLike)):
            open(file, "wb").close()

    def tobytes(self, *args):
        return as_bytes(self.pixels.permute(1, 2, 0))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return False

    def __array__(self, dtype=None, copy=None):
        array = (self.pixels[0] if self.pixels.shape[0] == 1 else self.pixels.permute(1, 2, 0)).contiguous().numpy()
        return array.astype(dtype) if dtype is not None else array.copy()


def as_bytes(pixels):
    """The bytes of a uint8 tensor, with or without numpy."""
    pixels = pixels.contiguous()
    try:
        return pixels.numpy().tobytes()
    except RuntimeError:
        return bytes(pixels.flatten().tolist())


def picture(pixels, mode=None):
    """A picture of a uint8 tensor (channels, height, width): Pillow's where it is installed."""
    genuine = _pillow()
    if genuine is None:
        return Image(pixels, mode)
    size = (pixels.shape[2], pixels.shape[1])
    return genuine.frombytes(mode or MODES[pixels.shape[0]], size, as_bytes(pixels.permute(1, 2, 0)))


@functools.lru_cache(maxsize=None)
def _pillow():
    """The module `PIL.Image` if Pillow is installed."""
    if origin("PIL") is None:
        return None
    try:
        import PIL.Image
    except ImportError:
        return None
    return PIL.Image


def pixels_of(image):
    """The pixels of a picture of either kind as a uint8 tensor (channels, height, width), or None if it is none."""
    if isinstance(image, Image):
        return image.pixels
    genuine = _pillow()
    if genuine is None or not isinstance(image, genuine.Image):
        return None
    known = image if image.mode in MODES.values() else image.convert("L" if CHANNELS.get(image.mode) == 1 else "RGB")
    flat = torch.frombuffer(bytearray(known.tobytes()), dtype=torch.uint8)
    return flat.view(known.height, known.width, -1).permute(2, 0, 1)


def install(seed, note):
    """Give a package PIL if there is none."""
    if origin("PIL") is not None:
        return
    modules = {"PIL": types.ModuleType("PIL")}
    modules["PIL"].__version__ = modules["PIL"].PILLOW_VERSION = "0"
    for name in ("Image", "ImageFile", "ImageOps", "ImageFilter", "ImageDraw", "ImageFont", "ImageEnhance"):
        modules["PIL." + name] = types.ModuleType("PIL." + name, "Stands in for a module of Pillow.")
    modules["PIL"].UnidentifiedImageError = OSError
    modules["PIL.ImageFile"].LOAD_TRUNCATED_IMAGES = False
    _fill_image_module(modules["PIL.Image"], seed)
    _fill_operations(modules["PIL.ImageOps"])

    def builder(name):
        if name == "PIL":
            note("torchvision", "PIL")
        return modules.get(name)

    provide("PIL", builder)


def _fill_image_module(module, seed):
    def open_(file, mode="r", *args):
        """A file is not decoded: the picture shows a pattern of its folder, which is the class in most data sets."""
        if not isinstance(file, (str, os.PathLike)):
            return picture_file("stream", "", seed)
        open(file, "rb").close()  # raises for a file that isn't there
        return picture_file(os.path.basename(os.path.dirname(os.path.abspath(file))), os.path.basename(file), seed)

    def fromarray(array, mode=None):
        pixels = torch.as_tensor(array.copy() if hasattr(array, "copy") else array).to(torch.uint8)
        return Image(pixels[None] if pixels.dim() == 2 else pixels.permute(2, 0, 1), mode)

    def new(mode, size, color=0):
        channels = CHANNELS[mode]
        level = torch.as_tensor(color if isinstance(color, (int, tuple)) else 0, dtype=torch.uint8).view(-1, 1, 1)
        return Image(level.expand(channels, size[1], size[0]).clone(), mode)

    module.__dict__.update(FILTERS, Image=Image, open=open_, fromarray=fromarray, new=new, AFFINE=0, **TURNS)
    module.Resampling = types.SimpleNamespace(**FILTERS)
    module.Transpose = types.SimpleNamespace(**TURNS)


def _fill_operations(module):
    module.mirror = lambda image: image.transpose(TURNS["FLIP_LEFT_RIGHT"])
    module.flip = lambda image: image.transpose(TURNS["FLIP_TOP_BOTTOM"])
    module.grayscale = lambda image: image.convert("L")
    module.invert = lambda image: image.point(lambda level: 255 - level)


def picture_file(folder, file, seed):
    """The picture that stands for a file in a folder."""
    pictures = _pictures_of_files(seed)
    return Image(pictures.picture(zlib.crc32(file.encode()), zlib.crc32(folder.encode())))


_FILES = {}


def _pictures_of_files(seed):
    if seed not in _FILES:
        _FILES[seed] = Pictures("files", "", (3, SIZE, SIZE), seed)
    return _FILES[seed]
