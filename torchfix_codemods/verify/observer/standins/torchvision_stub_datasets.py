"""`torchvision.datasets` without torchvision: pictures in folders are read, other data sets are never there."""

import importlib
import os

import torch

from .dataset_specs import SPECS, bind

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


class VisionDataset(torch.utils.data.Dataset):
    """What data sets of pictures have in common; programs derive their own from it."""

    def __init__(self, root=None, transforms=None, transform=None, target_transform=None):
        self.root, self.transforms = root, transforms
        self.transform, self.target_transform = transform, target_transform

    def __len__(self):
        raise NotImplementedError

    def extra_repr(self):
        return ""


def default_loader(path):
    # Pillow or what stands in for it, as for the program itself.
    with importlib.import_module("PIL.Image").open(path) as image:
        return image.convert("RGB")


pil_loader = default_loader


def has_file_allowed_extension(filename, extensions):
    return filename.lower().endswith(tuple(extensions))


def is_image_file(filename):
    return has_file_allowed_extension(filename, EXTENSIONS)


def find_classes(directory):
    """(names of the folders, their numbers). Raises FileNotFoundError if there is none."""
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: number for number, name in enumerate(classes)}


def make_dataset(directory, class_to_idx, extensions=EXTENSIONS, is_valid_file=None, allow_empty=False):
    """[(path, number of the class)] of the files in the folders of the classes, in the order of their names."""
    valid = is_valid_file or (lambda path: has_file_allowed_extension(path, extensions))
    samples = []
    for name in sorted(class_to_idx):
        for folder, _, files in sorted(os.walk(os.path.join(directory, name), followlinks=True)):
            paths = [os.path.join(folder, file) for file in sorted(files)]
            samples += [(path, class_to_idx[name]) for path in paths if valid(path)]
    return samples


class DatasetFolder(VisionDataset):
    """A folder for each class. Raises FileNotFoundError if there is no folder or no file."""

    _name = "DatasetFolder"

    def __init__(self, *args, **kwargs):
        given = bind(SPECS[self._name], args, kwargs)
        super().__init__(given["root"], None, given["transform"], given["target_transform"])
        self.loader = given["loader"] or default_loader
        self.extensions = given.get("extensions") or EXTENSIONS
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.samples = make_dataset(self.root, self.class_to_idx, self.extensions, given["is_valid_file"])
        if not self.samples:
            raise FileNotFoundError(f"Found no valid file in {self.root}.")
        self.targets = [target for _, target in self.samples]

    def find_classes(self, directory):
        return find_classes(directory)

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        path, target = self.samples[index]
        image = self.loader(path)
        if self.transform is not None:
            image = self.transform(image)
        return image, target if self.target_transform is None else self.target_transform(target)


class ImageFolder(DatasetFolder):
    _name = "ImageFolder"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.imgs = self.samples


class FakeData(VisionDataset):
    """Random pictures, as torchvision has them itself."""

    def __init__(
        self,
        size=1000,
        image_size=(3, 224, 224),
        num_classes=10,
        transform=None,
        target_transform=None,
        random_offset=0,
    ):
        super().__init__(None, None, transform, target_transform)
        self.size, self.image_size, self.num_classes, self.random_offset = size, image_size, num_classes, random_offset

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        from .torchvision_stub_functional import to_pil_image

        if not 0 <= index < self.size:
            raise IndexError(f"{type(self).__name__} index out of range")
        generator = torch.Generator(device="cpu").manual_seed(index + self.random_offset)
        image = to_pil_image(torch.rand(self.image_size, generator=generator, device="cpu"))
        target = int(torch.randint(0, self.num_classes, (1,), generator=generator, device="cpu"))
        image = self.transform(image) if self.transform is not None else image
        return image, target if self.target_transform is None else self.target_transform(target)


def missing(name):
    """The class of a data set whose files nothing here can read."""

    def __init__(self, *args, **kwargs):
        given = bind(SPECS[name], args, kwargs)
        raise RuntimeError("Dataset not found or corrupted: {} in {}".format(name, given["root"]))

    return type(name, (VisionDataset,), {"__init__": __init__, "__module__": __name__})


def members():
    """The names of `torchvision.datasets`."""
    own = {"ImageFolder": ImageFolder, "DatasetFolder": DatasetFolder, "FakeData": FakeData}
    return {**{name: missing(name) for name in SPECS}, **own, "VisionDataset": VisionDataset}


def folder_members():
    """The names of `torchvision.datasets.folder`."""
    names = (find_classes, make_dataset, default_loader, pil_loader, is_image_file, has_file_allowed_extension)
    return {"IMG_EXTENSIONS": EXTENSIONS, **{function.__name__: function for function in names}}
