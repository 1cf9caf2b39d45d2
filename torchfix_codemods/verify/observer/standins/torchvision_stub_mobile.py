"""MobileNet, EfficientNet, ShuffleNet: one network of inverted residuals, with the widths and heads of each."""

from torch import nn


class Conv2dNormActivation(nn.Sequential):
    def __init__(self, in_channels, out_channels, kernel_size=3, stride=1, groups=1):
        convolution = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride, (kernel_size - 1) // 2, groups=groups, bias=False
        )
        super().__init__(convolution, nn.BatchNorm2d(out_channels), nn.ReLU6(inplace=True))


ConvBNReLU = Conv2dNormActivation


class InvertedResidual(nn.Module):
    """Wide inside (`expand_ratio`), with one filter for each channel; added to its input if of the same shape."""

    def __init__(self, inp, oup, stride, expand_ratio):
        super().__init__()
        width = inp * expand_ratio
        layers = [Conv2dNormActivation(inp, width, 1)] if expand_ratio != 1 else []
        layers += [Conv2dNormActivation(width, width, 3, stride, groups=width)]
        layers += [nn.Conv2d(width, oup, 1, bias=False), nn.BatchNorm2d(oup)]
        self.conv = nn.Sequential(*layers)
        self.use_res_connect = stride == 1 and inp == oup

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


#: Of MobileNet v2: expansion, channels, blocks, first stride.
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class MobileNetV2(nn.Module):
    """`last_channel` is the width of the features; `hidden` that of a layer in the head, if it has one."""

    def __init__(self, num_classes=1000, width_mult=1.0, dropout=0.2, last_channel=1280, hidden=0, blocks=True):
        super().__init__()
        self.last_channel = last_channel
        layers, channels = [Conv2dNormActivation(3, 32, stride=2)], 32
        for expansion, width, count, stride in STAGES:
            for number in range(count if blocks else 1):
                layers.append(InvertedResidual(channels, width, stride if number == 0 else 1, expansion))
                channels = width
        layers.append(Conv2dNormActivation(channels, last_channel, 1))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = _head(last_channel, hidden, num_classes, dropout)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _head(width, hidden, num_classes, dropout):
    if not hidden:
        return nn.Sequential(nn.Dropout(p=dropout), nn.Linear(width, num_classes))
    last = nn.Linear(hidden, num_classes)
    return nn.Sequential(nn.Linear(width, hidden), nn.Hardswish(inplace=True), nn.Dropout(p=dropout), last)


#: Width of the features and of the hidden layer of the head.
WIDTHS = {
    "mobilenet_v3_small": (576, 1024),
    "mobilenet_v3_large": (960, 1280),
    "efficientnet_b0": (1280, 0),
    "efficientnet_b1": (1280, 0),
    "efficientnet_b2": (1408, 0),
    "efficientnet_b3": (1536, 0),
    "efficientnet_b4": (1792, 0),
    "efficientnet_b5": (2048, 0),
    "efficientnet_b6": (2304, 0),
    "efficientnet_b7": (2560, 0),
}


class ShuffleNetV2(MobileNetV2):
    """Its head is called `fc`."""

    def __init__(self, num_classes=1000, **options):
        super().__init__(num_classes, last_channel=1024, blocks=False)
        del self.classifier
        self.fc = nn.Linear(1024, num_classes)

    def forward(self, x):
        return self.fc(self.avgpool(self.features(x)).flatten(1))


def networks():
    """Constructors by name."""
    made = {"mobilenet_v2": MobileNetV2, "shufflenet_v2_x1_0": ShuffleNetV2}
    for name, (width, hidden) in WIDTHS.items():
        made[name] = _network(width, hidden)
    return made


def _network(width, hidden):
    return lambda **options: MobileNetV2(last_channel=width, hidden=hidden, blocks=False, **options)
