"""`torchvision.models`: constructors that take weights and give random ones, and the weights' own names."""

from . import (
    torchvision_stub_classics,
    torchvision_stub_inception,
    torchvision_stub_mobile,
    torchvision_stub_resnet,
)

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: How torchvision writes the names of the weights of a network, where capitals are not enough.
SPELLED = {
    "resnet": "ResNet",
    "resnext": "ResNeXt",
    "wide_resnet": "Wide_ResNet",
    "alexnet": "AlexNet",
    "vgg": "VGG",
    "squeezenet": "SqueezeNet",
    "densenet": "DenseNet",
    "inception": "Inception",
    "googlenet": "GoogLeNet",
    "mobilenet": "MobileNet",
    "efficientnet": "EfficientNet",
    "shufflenet": "ShuffleNet",
}
#: Submodules of `torchvision.models` and the classes that programs take from them.
HOMES = {
    "resnet": (torchvision_stub_resnet, "ResNet BasicBlock Bottleneck conv1x1 conv3x3"),
    "vgg": (torchvision_stub_classics, "VGG"),
    "alexnet": (torchvision_stub_classics, "AlexNet"),
    "squeezenet": (torchvision_stub_classics, "SqueezeNet Fire"),
    "densenet": (torchvision_stub_classics, "DenseNet _DenseLayer _DenseBlock _Transition"),
    "inception": (torchvision_stub_inception, "Inception3 InceptionAux BasicConv2d InceptionOutputs"),
    "googlenet": (torchvision_stub_inception, "GoogLeNet GoogLeNetOutputs"),
    "mobilenet": (torchvision_stub_mobile, "MobileNetV2 InvertedResidual ConvBNReLU"),
    "efficientnet": (torchvision_stub_mobile, ""),
    "shufflenetv2": (torchvision_stub_mobile, "ShuffleNetV2"),
}


class Weights:
    """One set of pretrained weights: never there, but with the transforms and categories that belong to it."""

    def __init__(self, name):
        self.name, self.url = name, ""
        self.meta = {"categories": [f"class{number:04d}" for number in range(1000)]}

    def transforms(self, *args, **kwargs):
        from . import torchvision_stub_transforms as transforms

        crop = [transforms.Resize(256), transforms.CenterCrop(224), transforms.Lambda(_floats)]
        return transforms.Compose([*crop, transforms.Normalize(MEAN, STD)])

    def get_state_dict(self, *args, **kwargs):
        from .weights import NoWeights

        return NoWeights()

    def __repr__(self):
        return self.name


def _floats(image):
    """What the weights' transforms do with a picture or with a tensor of bytes or floats."""
    from . import torchvision_stub_functional as functional

    return functional.convert_image_dtype(functional.to_image(image))


def weights_name(network):
    """`ResNet18_Weights` of `resnet18`."""
    for name in sorted(SPELLED, key=len, reverse=True):
        if network.startswith(name):
            rest = network[len(name) :].title().replace("_Bn", "_BN")
            return SPELLED[name] + rest + "_Weights"
    return network + "_Weights"


def constructors(note):
    """The functions that build a network, by name."""
    made = {**torchvision_stub_resnet.networks(), **torchvision_stub_classics.networks()}
    made.update(torchvision_stub_mobile.networks())
    built = {name: _with_weights(name, build, note) for name, build in made.items()}
    for build in (torchvision_stub_inception.inception_v3, torchvision_stub_inception.googlenet):
        built[build.__name__] = _with_weights(build.__name__, build, note, told=True)
    return built


def _with_weights(name, build, note, told=False):
    """`build` with the arguments of torchvision; `told` if the network depends on whether weights were asked for."""

    def construct(pretrained=False, progress=True, *, weights=None, weights_backbone=None, **options):
        # `resnet18(weights)` too; `pretrained=None` is how some say no.
        given = bool(pretrained) or weights is not None
        if given:
            note("weights", name)
        return build(weights_given=given, **options) if told else build(**options)

    construct.__name__ = construct.__qualname__ = name
    return construct


def members(note):
    """The names of `torchvision.models`, and those of each of its submodules by its name."""
    functions = constructors(note)
    names = dict(functions)
    for name in functions:
        weights = type(weights_name(name), (), {})
        for version in ("IMAGENET1K_V1", "IMAGENET1K_V2", "DEFAULT"):
            setattr(weights, version, Weights(weights.__name__ + "." + version))
        names[weights.__name__] = weights
    names["get_model"] = lambda name, **options: functions[name](**options)
    names["list_models"] = lambda *args, **kwargs: sorted(functions)
    homes = {home: _members_of(module, listed, home, functions) for home, (module, listed) in HOMES.items()}
    for home in homes.values():
        names.update({name: part for name, part in home.items() if isinstance(part, type)})
    return names, homes


def _members_of(module, listed, home, functions):
    family = home[:9] if home != "resnet" else "res"
    found = {name: function for name, function in functions.items() if family in name}
    found.update((name, getattr(module, name)) for name in listed.split())
    # Old programs take the addresses of the weights from here.
    found["model_urls"] = {name: f"https://download.invalid/{name}-00000000.pth" for name in found}
    return found
