"""ResNets with the names and the widths of torchvision's, thinner inside."""

import torch
from torch import nn

#: Channels of one group of the inner convolutions: a step costs a tenth of the real network's, and what a program
#: replaces or reads (first convolution, widths of the stages, the head) is as it should be.
GROUP = 16


def thin(in_channels, out_channels, kernel_size, stride=1, padding=0, bias=False):
    """A convolution in groups of GROUP channels where their numbers allow it."""
    divisible = in_channels % GROUP == 0 and out_channels % GROUP == 0
    groups = min(in_channels, out_channels) // GROUP if divisible else 1
    groups = groups if groups and in_channels % groups == 0 and out_channels % groups == 0 else 1
    return nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=bias)


def conv3x3(in_planes, out_planes, stride=1, groups=1, dilation=1):
    return thin(in_planes, out_planes, 3, stride, 1)


def conv1x1(in_planes, out_planes, stride=1):
    return thin(in_planes, out_planes, 1, stride)


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inplanes, planes, stride=1, downsample=None, *args, **kwargs):
        super().__init__()
        self.conv1, self.bn1 = conv3x3(inplanes, planes, stride), nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2, self.bn2 = conv3x3(planes, planes), nn.BatchNorm2d(planes)
        self.downsample, self.stride = downsample, stride

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        return self.relu(out)


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inplanes, planes, stride=1, downsample=None, *args, **kwargs):
        super().__init__()
        self.conv1, self.bn1 = conv1x1(inplanes, planes), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = conv3x3(planes, planes, stride), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = conv1x1(planes, planes * self.expansion), nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample, self.stride = downsample, stride

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    """`layers` are the numbers of blocks of the four stages."""

    def __init__(self, block, layers, num_classes=1000, **options):
        super().__init__()
        self.inplanes = 64
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(64), nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], stride=2)
        self.layer3 = self._make_layer(block, 256, layers[2], stride=2)
        self.layer4 = self._make_layer(block, 512, layers[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        downsample, width = None, planes * block.expansion
        if stride != 1 or self.inplanes != width:
            downsample = nn.Sequential(conv1x1(self.inplanes, width, stride), nn.BatchNorm2d(width))
        layers = [block(self.inplanes, planes, stride, downsample)]
        self.inplanes = width
        layers += [block(width, planes) for _ in range(1, blocks)]
        return nn.Sequential(*layers)

    def _forward_impl(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))

    def forward(self, x):
        return self._forward_impl(x)


#: Block and stages of each network.
NETWORKS = {
    "resnet18": (BasicBlock, (2, 2, 2, 2)),
    "resnet34": (BasicBlock, (3, 4, 6, 3)),
    "resnet50": (Bottleneck, (3, 4, 6, 3)),
    "resnet101": (Bottleneck, (3, 4, 23, 3)),
    "resnet152": (Bottleneck, (3, 8, 36, 3)),
    "resnext50_32x4d": (Bottleneck, (3, 4, 6, 3)),
    "resnext101_32x8d": (Bottleneck, (3, 4, 23, 3)),
    "wide_resnet50_2": (Bottleneck, (3, 4, 6, 3)),
    "wide_resnet101_2": (Bottleneck, (3, 4, 23, 3)),
}


def networks():
    """Constructors by name."""
    return {name: _constructor(block, layers) for name, (block, layers) in NETWORKS.items()}


def _constructor(block, layers):
    return lambda **options: ResNet(block, layers, **options)
