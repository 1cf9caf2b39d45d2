"""AlexNet, VGG, SqueezeNet, DenseNet: the names and widths of torchvision's, thinner inside."""

import torch
from torch import nn

from .torchvision_stub_resnet import thin


class AlexNet(nn.Module):
    def __init__(self, num_classes=1000, dropout=0.5):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            thin(64, 192, 5, padding=2, bias=True),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            thin(192, 384, 3, padding=1, bias=True),
            nn.ReLU(inplace=True),
            thin(384, 256, 3, padding=1, bias=True),
            nn.ReLU(inplace=True),
            thin(256, 256, 3, padding=1, bias=True),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


class VGG(nn.Module):
    def __init__(self, features, num_classes=1000, init_weights=True, dropout=0.5):
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


#: Convolutions in each of the five stages of a VGG.
VGGS = {"vgg11": (1, 1, 2, 2, 2), "vgg13": (2, 2, 2, 2, 2), "vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)


def _vgg_features(stages, batch_norm):
    layers, channels = [], 3
    for convolutions, width in zip(stages, WIDTHS):
        for _ in range(convolutions):
            layers.append(thin(channels, width, 3, padding=1, bias=True))
            layers += [nn.BatchNorm2d(width)] if batch_norm else []
            layers.append(nn.ReLU(inplace=True))
            channels = width
        layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return nn.Sequential(*layers)


class Fire(nn.Module):
    def __init__(self, inplanes, squeeze_planes, expand1x1_planes, expand3x3_planes):
        super().__init__()
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, kernel_size=1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, kernel_size=1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, kernel_size=3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.squeeze_activation(self.squeeze(x))
        wide, narrow = self.expand3x3(x), self.expand1x1(x)
        return torch.cat([self.expand1x1_activation(narrow), self.expand3x3_activation(wide)], 1)


class SqueezeNet(nn.Module):
    """Both versions share the places of their layers in `features`; `first` is the first convolution."""

    def __init__(self, version="1_0", num_classes=1000, dropout=0.5):
        super().__init__()
        self.num_classes = num_classes
        early = version == "1_1"  # which pools earlier
        first = nn.Conv2d(3, 64, 3, stride=2) if early else nn.Conv2d(3, 96, 7, stride=2)
        layers = [first, nn.ReLU(inplace=True), _pool(), Fire(first.out_channels, 16, 64, 64), Fire(128, 16, 64, 64)]
        if early:
            layers += [_pool(), Fire(128, 32, 128, 128), Fire(256, 32, 128, 128), _pool()]
            layers += [Fire(256, 48, 192, 192), Fire(384, 48, 192, 192), Fire(384, 64, 256, 256)]
        else:
            layers += [Fire(128, 32, 128, 128), _pool(), Fire(256, 32, 128, 128), Fire(256, 48, 192, 192)]
            layers += [Fire(384, 48, 192, 192), Fire(384, 64, 256, 256), _pool()]
        self.features = nn.Sequential(*layers, Fire(512, 64, 256, 256))
        head = nn.Conv2d(512, num_classes, kernel_size=1)
        pool = nn.AdaptiveAvgPool2d((1, 1))
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), head, nn.ReLU(inplace=True), pool)

    def forward(self, x):
        return torch.flatten(self.classifier(self.features(x)), 1)


def _pool():
    return nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)


class _DenseLayer(nn.Module):
    def __init__(self, channels, growth_rate, bn_size, drop_rate):
        super().__init__()
        self.norm1, self.relu1 = nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(channels, growth_rate, kernel_size=1, bias=False)
        self.norm2, self.relu2 = nn.BatchNorm2d(growth_rate), nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(growth_rate, growth_rate, kernel_size=3, padding=1, bias=False)
        self.drop = nn.Dropout(drop_rate)

    def forward(self, features):
        out = self.conv1(self.relu1(self.norm1(torch.cat(features, 1))))
        return self.drop(self.conv2(self.relu2(self.norm2(out))))


class _DenseBlock(nn.ModuleDict):
    def __init__(self, layers, channels, growth_rate, bn_size, drop_rate):
        super().__init__()
        for number in range(layers):
            layer = _DenseLayer(channels + number * growth_rate, growth_rate, bn_size, drop_rate)
            self.add_module(f"denselayer{number + 1}", layer)

    def forward(self, first):
        features = [first]
        for layer in self.values():
            features.append(layer(features))
        return torch.cat(features, 1)


class _Transition(nn.Sequential):
    def __init__(self, channels, out_channels):
        super().__init__()
        self.norm, self.relu = nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(channels, out_channels, kernel_size=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)


class DenseNet(nn.Module):
    def __init__(
        self,
        growth_rate=32,
        block_config=(6, 12, 24, 16),
        num_init_features=64,
        bn_size=4,
        drop_rate=0.0,
        num_classes=1000,
        memory_efficient=False,
    ):
        super().__init__()
        channels = num_init_features
        self.features = nn.Sequential()
        self.features.add_module("conv0", nn.Conv2d(3, channels, kernel_size=7, stride=2, padding=3, bias=False))
        self.features.add_module("norm0", nn.BatchNorm2d(channels))
        self.features.add_module("relu0", nn.ReLU(inplace=True))
        self.features.add_module("pool0", nn.MaxPool2d(kernel_size=3, stride=2, padding=1))
        for number, layers in enumerate(block_config, 1):
            block = _DenseBlock(layers, channels, growth_rate, bn_size, drop_rate)
            self.features.add_module(f"denseblock{number}", block)
            channels += layers * growth_rate
            if number < len(block_config):
                self.features.add_module(f"transition{number}", _Transition(channels, channels // 2))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, x):
        return self.classifier(torch.relu(self.features(x)).mean((2, 3)))


#: Growth, layers of the blocks and first channels of each DenseNet.
DENSENETS = {
    "densenet121": (32, (6, 12, 24, 16), 64),
    "densenet161": (48, (6, 12, 36, 24), 96),
    "densenet169": (32, (6, 12, 32, 32), 64),
    "densenet201": (32, (6, 12, 48, 32), 64),
}


def networks():
    """Constructors by name."""
    made = {"alexnet": AlexNet}
    for name, stages in VGGS.items():
        made[name], made[name + "_bn"] = _vgg(stages, False), _vgg(stages, True)
    for version in ("1_0", "1_1"):
        made["squeezenet" + version] = _squeezenet(version)
    for name, figures in DENSENETS.items():
        made[name] = _densenet(*figures)
    return made


def _vgg(stages, batch_norm):
    return lambda **options: VGG(_vgg_features(stages, batch_norm), **options)


def _squeezenet(version):
    return lambda **options: SqueezeNet(version, **options)


def _densenet(growth, blocks, first):
    return lambda **options: DenseNet(growth, blocks, first, **options)
