"""torchvision where it isn't installed: the modules of the stub under their names."""

import types

from . import (
    torchvision_stub_augment,
    torchvision_stub_datasets,
    torchvision_stub_functional,
    torchvision_stub_models,
    torchvision_stub_transforms,
    torchvision_stub_utils,
)

#: Where torchvision defines its data sets; programs import from there too.
DATASET_HOMES = "mnist cifar svhn stl10 usps imagenet lsun celeba voc coco omniglot flickr caltech vision utils".split()


def modules(note):
    """The modules by their full names."""
    made = {}
    top = _module(made, "torchvision", {"__version__": "0.0.0+standin"})
    top.get_image_backend = lambda: "PIL"
    top.set_image_backend = lambda backend: None
    _transforms(made)
    _datasets(made)
    _models(made, note)
    _module(made, "torchvision.utils", _public(torchvision_stub_utils))
    return made


def _module(made, name, members):
    module = made[name] = types.ModuleType(name, "Stands in for a module of torchvision, which isn't installed.")
    module.__dict__.update(members)
    return module


def _public(module):
    """The names that a module of the stub defines itself."""
    return {
        name: part
        for name, part in vars(module).items()
        if not name.startswith("_")
        and getattr(part, "__module__", module.__name__) == module.__name__
        and not isinstance(part, types.ModuleType)
    }


def _transforms(made):
    functions = _public(torchvision_stub_functional)
    classes = {**_public(torchvision_stub_transforms), **_public(torchvision_stub_augment)}
    classes["InterpolationMode"] = functions["InterpolationMode"]
    for name in ("torchvision.transforms", "torchvision.transforms.transforms", "torchvision.transforms.v2"):
        _module(made, name, classes)
    for name in ("torchvision.transforms.functional", "torchvision.transforms.v2.functional"):
        _module(made, name, functions)


def _datasets(made):
    members = torchvision_stub_datasets.members()
    # That is where `datasets.replace` looks for the home of a class: the names in all places are then the same.
    for home in ["torchvision.datasets", *("torchvision.datasets." + name for name in DATASET_HOMES)]:
        _module(made, home, members)
    folder = {**torchvision_stub_datasets.folder_members(), **members}
    _module(made, "torchvision.datasets.folder", folder)


def _models(made, note):
    names, homes = torchvision_stub_models.members(note)
    _module(made, "torchvision.models", names)
    for home, members in homes.items():
        _module(made, "torchvision.models." + home, members)
