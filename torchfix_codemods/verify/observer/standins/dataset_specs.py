"""The data sets of torchvision as figures: sizes, classes, and how each is constructed and what it keeps."""

import collections

#: `shape` is (channels, height, width) of an item; `sizes` the number of items by split (or by `year/split`);
#: `keeps` is what the object holds: "tensor", "array" (numpy, channels last), "planes" (numpy, channels first),
#: "files" (samples), or "" for neither; `target` what the second part of an item is.
Spec = collections.namedtuple("Spec", "name parameters shape classes sizes keeps target")

_TRAIN = "root train=True transform=None target_transform=None download=False"
_SPLIT = "root split=train transform=None target_transform=None download=False"
_FOLDER = "root transform=None target_transform=None loader=None is_valid_file=None allow_empty=False"
_LETTERS = {"train": 60000, "test": 10000}
_CIFAR = {"train": 50000, "test": 10000}
_VOC = "root year=2012 image_set=train download=False transform=None target_transform=None transforms=None"
_COCO = "root annFile=train transform=None target_transform=None transforms=None"
_COCO_SIZES = {"train": 118287, "val": 5000}

#: Classes, training and test items of the splits of EMNIST; its letters are numbered from 1.
EMNIST = {
    "byclass": (62, 697932, 116323),
    "bymerge": (47, 697932, 116323),
    "balanced": (47, 112800, 18800),
    "letters": (27, 124800, 20800),
    "digits": (10, 240000, 40000),
    "mnist": (10, 60000, 10000),
}
#: Categories of LSUN, in its order.
LSUN = (
    "bedroom bridge church_outdoor classroom conference_room dining_room kitchen living_room restaurant tower"
).split()
CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck".split()
FASHION = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(",")
NUMBERS = "zero one two three four five six seven eight nine".split()
#: Names of classes that programs print or index; others are numbered.
NAMES = {
    "MNIST": [f"{number} - {name}" for number, name in enumerate(NUMBERS)],
    "FashionMNIST": FASHION,
    "CIFAR10": CIFAR10,
    "STL10": "airplane bird car cat deer dog horse monkey ship truck".split(),
}
#: Attributes of a face in CelebA.
ATTRIBUTES = 40

_ROWS = (
    ("MNIST", _TRAIN, (1, 28, 28), 10, _LETTERS, "tensor", "class"),
    ("FashionMNIST", _TRAIN, (1, 28, 28), 10, _LETTERS, "tensor", "class"),
    ("KMNIST", _TRAIN, (1, 28, 28), 10, _LETTERS, "tensor", "class"),
    (
        "QMNIST",
        "root what=None compat=True train=True transform=None target_transform=None download=False",
        (1, 28, 28),
        10,
        {"train": 60000, "test": 60000},
        "tensor",
        "class",
    ),
    (
        "EMNIST",
        "root split=balanced train=True transform=None target_transform=None download=False",
        (1, 28, 28),
        47,
        {},
        "tensor",
        "class",
    ),
    ("USPS", _TRAIN, (1, 16, 16), 10, {"train": 7291, "test": 2007}, "array", "class"),
    ("SEMEION", "root transform=None target_transform=None download=False", (1, 16, 16), 10, 1593, "array", "class"),
    ("CIFAR10", _TRAIN, (3, 32, 32), 10, _CIFAR, "array", "class"),
    ("CIFAR100", _TRAIN, (3, 32, 32), 100, _CIFAR, "array", "class"),
    ("SVHN", _SPLIT, (3, 32, 32), 10, {"train": 73257, "test": 26032, "extra": 531131}, "planes", "class"),
    (
        "STL10",
        "root split=train folds=None transform=None target_transform=None download=False",
        (3, 96, 96),
        10,
        {"train": 5000, "test": 8000, "unlabeled": 100000, "train+unlabeled": 105000},
        "planes",
        "class",
    ),
    # A folder that isn't there says nothing of its classes: with two, every head that a program has is wide enough.
    ("ImageFolder", _FOLDER, (3, 256, 256), 2, 2000, "files", "class"),
    (
        "DatasetFolder",
        "root loader=None extensions=None transform=None target_transform=None is_valid_file=None allow_empty=False",
        (3, 256, 256),
        2,
        2000,
        "files",
        "class",
    ),
    (
        "ImageNet",
        "root split=train transform=None target_transform=None loader=None download=False",
        (3, 256, 256),
        1000,
        {"train": 1281167, "val": 50000},
        "files",
        "class",
    ),
    ("LSUN", "root classes=train transform=None target_transform=None", (3, 256, 256), 10, {}, "", "class"),
    (
        "CelebA",
        "root split=train target_type=attr transform=None target_transform=None download=False",
        (3, 218, 178),
        10177,
        {"train": 162770, "valid": 19867, "test": 19962, "all": 202599},
        "",
        "face",
    ),
    (
        "VOCSegmentation",
        _VOC,
        (3, 375, 500),
        21,
        {
            "2012/train": 1464,
            "2012/val": 1449,
            "2012/trainval": 2913,
            "2007/train": 209,
            "2007/val": 213,
            "2007/trainval": 422,
            "2007/test": 210,
        },
        "",
        "mask",
    ),
    (
        "VOCDetection",
        _VOC,
        (3, 375, 500),
        21,
        {
            "2012/train": 5717,
            "2012/val": 5823,
            "2012/trainval": 11540,
            "2007/train": 2501,
            "2007/val": 2510,
            "2007/trainval": 5011,
            "2007/test": 4952,
        },
        "",
        "objects",
    ),
    ("CocoDetection", _COCO, (3, 480, 640), 91, _COCO_SIZES, "", "annotations"),
    ("CocoCaptions", _COCO, (3, 480, 640), 91, _COCO_SIZES, "", "captions"),
    (
        "Omniglot",
        "root background=True transform=None target_transform=None download=False",
        (1, 105, 105),
        964,
        {"train": 19280, "test": 13180},
        "",
        "class",
    ),
    ("Flickr8k", "root ann_file transform=None target_transform=None", (3, 375, 500), 100, 8091, "", "captions"),
    ("Flickr30k", "root ann_file transform=None target_transform=None", (3, 375, 500), 100, 31783, "", "captions"),
    (
        "Caltech101",
        "root target_type=category transform=None target_transform=None download=False",
        (3, 200, 300),
        101,
        8677,
        "",
        "class",
    ),
    (
        "Caltech256",
        "root transform=None target_transform=None download=False",
        (3, 256, 256),
        257,
        30607,
        "",
        "class",
    ),
    ("Flowers102", _SPLIT, (3, 256, 256), 102, {"train": 1020, "val": 1020, "test": 6149}, "", "class"),
    ("Food101", _SPLIT, (3, 256, 256), 101, {"train": 75750, "test": 25250}, "", "class"),
    ("StanfordCars", _SPLIT, (3, 256, 256), 196, {"train": 8144, "test": 8041}, "", "class"),
    ("GTSRB", _SPLIT, (3, 40, 40), 43, {"train": 26640, "test": 12630}, "", "class"),
    (
        "DTD",
        "root split=train partition=1 transform=None target_transform=None download=False",
        (3, 256, 256),
        47,
        {"train": 1880, "val": 1880, "test": 1880},
        "",
        "class",
    ),
    (
        "EuroSAT",
        "root transform=None target_transform=None download=False",
        (3, 64, 64),
        10,
        27000,
        "files",
        "class",
    ),
    (
        "OxfordIIITPet",
        "root split=trainval target_types=category transforms=None transform=None target_transform=None download=False",
        (3, 256, 256),
        37,
        {"trainval": 3680, "test": 3669},
        "",
        "class",
    ),
    (
        "Places365",
        "root split=train-standard small=False download=False transform=None target_transform=None loader=None",
        (3, 256, 256),
        365,
        {"train-standard": 1803460, "train-challenge": 8026628, "val": 36500},
        "files",
        "class",
    ),
)
SPECS = {row[0]: Spec(*row) for row in _ROWS}

_VALUES = {"None": None, "True": True, "False": False, "1": 1}


def bind(spec, args, kwargs):
    """The arguments of a construction by name, with the defaults of torchvision; unknown ones are kept.

    Raises TypeError as the call itself would: too many arguments, one given twice, a missing one.
    """
    given, names = dict(kwargs), []
    for part in spec.parameters.split():
        name, _, default = part.partition("=")
        names.append(name)
        if len(names) <= len(args):
            if name in kwargs:
                raise TypeError(f"{spec.name}() got multiple values for argument '{name}'")
            given[name] = args[len(names) - 1]
        elif name not in given:
            if "=" not in part and name != "ann_file":
                raise TypeError(f"{spec.name}() missing 1 required argument: '{name}'")
            given[name] = _VALUES.get(default, default)
    if len(args) > len(names):
        raise TypeError(f"{spec.name}() takes {len(names)} arguments but {len(args)} were given")
    return given


def split_of(spec, given):
    """(split, items, classes) that this construction asks for. Raises ValueError for a split that there is not."""
    train = given.get("train", given.get("background", True))
    split = given.get("split", given.get("image_set", "train" if train else "test"))
    if spec.name == "EMNIST":
        classes, training, testing = _known(spec, EMNIST, split)
        return "{}/{}".format(split, "train" if train else "test"), training if train else testing, classes
    if spec.name == "LSUN":
        return _lsun(given["classes"])
    if spec.name == "Omniglot":
        classes = 964 if train else 659
        return ("train", 19280, classes) if train else ("test", 13180, classes)
    if "year" in given:
        split = "{}/{}".format(given["year"], split)
    if "annFile" in given:
        split = "val" if "val" in str(given["annFile"]) else "train"
    if isinstance(spec.sizes, int):
        # A folder for training and one for testing differ in their paths alone.
        return str(given["root"]), spec.sizes, spec.classes
    return split, _known(spec, spec.sizes, split), spec.classes


def _known(spec, table, split):
    if split not in table:
        raise ValueError("{}: unknown split {!r}, one of {}".format(spec.name, split, ", ".join(table)))
    return table[split]


def _lsun(classes):
    """Its categories have three million pictures and fewer: here 126,227 each, as the smallest has; 300 to validate."""
    if isinstance(classes, str):
        classes = [category + "_" + classes for category in LSUN]
    items = sum(300 if name.endswith("val") else 126227 for name in classes)
    return "+".join(classes), items, len(classes)
