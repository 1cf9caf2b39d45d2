"""Data sets whose files are not there: the right number of items and classes, and pictures that can be learned.

Each is a class derived from torchvision's (or from the stub's), under its name. Where the program's folder holds the
real data, an object of it is the real data set.
"""

import os

import torch

from . import pillow, synthetic
from .dataset_specs import ATTRIBUTES, LSUN, NAMES, SPECS, bind, split_of


def replace(modules, seed, note):
    """Put a stand-in under the name of each data set, in `torchvision.datasets` (the first) and where it is defined."""
    for name, spec in SPECS.items():
        genuine = getattr(modules[0], name, None)
        if genuine is None:
            continue
        made = stand_in(genuine, spec, seed, note)
        made.__module__ = modules[0].__name__
        for module in modules:
            if getattr(module, name, None) is genuine:
                setattr(module, name, made)


def stand_in(genuine, spec, seed, note):
    """The class that stands in for the data set `genuine`."""

    class Synthetic(_Synthetic, genuine):
        _spec, _data_seed, _note = spec, seed, staticmethod(note)
        _genuine = genuine

    Synthetic.__name__ = Synthetic.__qualname__ = spec.name
    Synthetic.__doc__ = genuine.__doc__
    return Synthetic


class _Synthetic:
    """Comes before the genuine class. `_real` says whether that one has found its data and is in charge."""

    # So that the questions which the genuine constructor asks are answered by its own class.
    _real = True

    def __init__(self, *args, **kwargs):
        given = bind(self._spec, args, kwargs)
        self._real = self._read_real(args, kwargs, given)
        if not self._real:
            self._set_up(given)
            self._note("dataset", self._spec.name)

    def _read_real(self, args, kwargs, given):
        """Whether the folder holds the data, which have then been read."""
        root = given["root"]
        if not isinstance(root, (str, os.PathLike)) or not os.path.isdir(root) or not os.listdir(root):
            return False
        names = [part.partition("=")[0] for part in self._spec.parameters.split()]
        if "download" in names[: len(args)]:
            args = tuple(False if name == "download" else value for name, value in zip(names, args))
        kwargs = {name: value for name, value in kwargs.items() if name != "download"}
        before = dict(self.__dict__)
        try:
            self._genuine.__init__(self, *args, **kwargs)
        except Exception:  # whichever way it says that files are missing or broken
            self.__dict__.clear()
            self.__dict__.update(before)
            return False
        return True

    def _set_up(self, given):
        self.root = given["root"]
        self.train = given.get("train", True)
        self.transform, self.target_transform = given.get("transform"), given.get("target_transform")
        self.transforms = given.get("transforms")
        split, self._count, classes = split_of(self._spec, given)
        self.split = given.get("split", split)
        self.classes = self._class_names(classes)
        self._pictures = synthetic.Pictures(self._spec.name, split, self._spec.shape, self._data_seed)
        first = 1 if self._spec.name == "EMNIST" and given["split"] == "letters" else 0
        seeded = (self._spec.name, split, self._count, classes - first, self._data_seed)
        # What a picture shows stays, whatever the program does to its targets.
        self._shown = synthetic.labels(*seeded) + first
        self._target_type = given.get("target_type")
        if self._spec.keeps == "files":
            self.loader = self._load

    def _class_names(self, classes):
        if self._spec.name in NAMES:
            return list(NAMES[self._spec.name])
        if self._spec.name == "LSUN" and classes == len(LSUN):
            return list(LSUN)
        return [f"class{number:03d}" for number in range(classes)]

    def __getattr__(self, name):
        """What a data set keeps is made when it is asked for: 60,000 pictures take a second, millions of names more."""
        maker = _KEPT.get(name)
        if maker is None or self.__dict__.get("_real", True) or "_shown" not in self.__dict__:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        made = maker(self)
        setattr(self, name, made)
        return made

    def __len__(self):
        if self._real:
            return self._genuine.__len__(self)
        for kept in ("data", "samples"):
            # A program may have put a part of the data in its place.
            if kept in self.__dict__:
                return len(self.__dict__[kept])
        return self._count

    def __getitem__(self, index):
        if self._real:
            return self._genuine.__getitem__(self, index)
        index = int(index)
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError("index out of range")
        image, target = self._picture(index), self._target(index)
        if self.transforms is not None:
            return self.transforms(image, target)
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def _picture(self, index):
        if "data" in self.__dict__:
            return pillow.picture(_channels_first(self.__dict__["data"][index], self._spec.keeps))
        if "samples" in self.__dict__:
            return self.loader(self.samples[index][0])
        return pillow.picture(self._pictures.picture(index, int(self._shown[index])))

    def _load(self, path):
        """The picture of one of the paths that `samples` holds: its number is the file's name."""
        index = int(os.path.splitext(os.path.basename(path))[0])
        return pillow.picture(self._pictures.picture(index, int(self._shown[index])))

    def _target(self, index):
        for kept in ("targets", "labels"):
            if kept in self.__dict__:
                return int(self.__dict__[kept][index])
        if "samples" in self.__dict__:
            return int(self.samples[index][1])
        label = int(self._shown[index])
        return _TARGETS[self._spec.target](self, index, label)

    def __repr__(self):
        return f"Dataset {self._spec.name} (synthetic)\n    Number of datapoints: {len(self)}"

    # What the genuine class asks itself about its files.

    def _check_exists(self, *args):
        return True

    _check_integrity = _check_exists

    def download(self, *args, **kwargs):
        """Nothing to fetch."""


def _channels_first(item, keeps):
    pixels = torch.as_tensor(item).to(torch.uint8)
    if pixels.dim() == 2:
        return pixels[None]
    return pixels.permute(2, 0, 1) if keeps == "array" else pixels


def _data(self):
    """All pictures as the genuine class keeps them."""
    pictures = self._pictures.all(self._shown.tolist())
    if self._spec.keeps == "tensor":
        return pictures[:, 0]
    if self._spec.keeps == "array":
        pictures = pictures[:, 0] if pictures.shape[1] == 1 else pictures.permute(0, 2, 3, 1)
    return _array(pictures) if self._spec.keeps != "files" else pictures


def _array(tensor):
    """As a numpy array; a tensor where there is no numpy."""
    try:
        return tensor.contiguous().numpy()
    except RuntimeError:
        return tensor


def _targets(self):
    return self._shown.clone() if self._spec.keeps == "tensor" else self._shown.tolist()


def _samples(self):
    return [
        (os.path.join(str(self.root), self.classes[label], f"{index:06d}.png"), label)
        for index, label in enumerate(self._shown.tolist())
    ]


#: Attributes that are made when asked for.
_KEPT = {
    "data": _data,
    "targets": _targets,
    "labels": lambda self: _array(self._shown.clone()),
    "samples": _samples,
    "imgs": lambda self: self.samples,
    "class_to_idx": lambda self: {name: number for number, name in enumerate(self.classes)},
    "attr": lambda self: torch.stack([_face(self, 0, label) for label in self._shown.tolist()]),
    "ids": lambda self: list(range(self._count)),
}


def _face(self, index, label):
    """Forty attributes that are there or not, or the number of the person."""
    if self._target_type == "identity":
        return torch.tensor(label)
    return torch.tensor([(label * 2654435761 >> bit % 24) & 1 for bit in range(ATTRIBUTES)])


def _mask(self, index, label):
    return pillow.picture(self._pictures.mask(index, label, self._spec.classes)[None])


def _objects(self, index, label):
    """One object in the middle, as the XML of VOC reads."""
    _, height, width = self._spec.shape
    box = {"xmin": width // 4, "ymin": height // 4, "xmax": 3 * width // 4, "ymax": 3 * height // 4}
    entry = {"name": "dog", "difficult": "0", "bndbox": {side: str(edge) for side, edge in box.items()}}
    size = {"width": str(width), "height": str(height), "depth": "3"}
    return {"annotation": {"filename": f"{index:06d}.jpg", "size": size, "object": [entry]}}


def _annotations(self, index, label):
    _, height, width = self._spec.shape
    box = [width / 4, height / 4, width / 2, height / 2]
    area = box[2] * box[3]
    return [{"bbox": box, "category_id": 1 + label % 90, "image_id": index, "id": index, "area": area, "iscrowd": 0}]


def _captions(self, index, label):
    return [f"a picture of class {label} number {number}" for number in range(5)]


#: The second part of an item, by the kind of target.
_TARGETS = {
    "class": lambda self, index, label: label,
    "face": _face,
    "mask": _mask,
    "objects": _objects,
    "annotations": _annotations,
    "captions": _captions,
}
