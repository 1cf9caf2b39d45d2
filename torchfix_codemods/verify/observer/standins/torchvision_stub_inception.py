"""Inception v3 and GoogLeNet: every mixed block is one convolution of its width, the heads are as they should be."""

import collections

import torch
from torch import nn

InceptionOutputs = collections.namedtuple("InceptionOutputs", "logits aux_logits")
GoogLeNetOutputs = collections.namedtuple("GoogLeNetOutputs", "logits aux_logits2 aux_logits1")


class BasicConv2d(nn.Module):
    def __init__(self, in_channels, out_channels, **options):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **options)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


class InceptionAux(nn.Module):
    def __init__(self, in_channels, num_classes, width):
        super().__init__()
        self.conv = BasicConv2d(in_channels, width, kernel_size=1)
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x):
        return self.fc(self.conv(x).mean((2, 3)))


#: Of Inception v3: name of the block, its channels, kernel size and stride.
MIXED = (
    ("Mixed_5b", 256, 1, 1),
    ("Mixed_5c", 288, 1, 1),
    ("Mixed_5d", 288, 1, 1),
    ("Mixed_6a", 768, 3, 2),
    ("Mixed_6b", 768, 1, 1),
    ("Mixed_6c", 768, 1, 1),
    ("Mixed_6d", 768, 1, 1),
    ("Mixed_6e", 768, 1, 1),
    ("Mixed_7a", 1280, 3, 2),
    ("Mixed_7b", 2048, 1, 1),
    ("Mixed_7c", 2048, 1, 1),
)


class Inception3(nn.Module):
    """In training, and with `aux_logits`, a pair: the logits and those of the head in the middle."""

    def __init__(self, num_classes=1000, aux_logits=True, transform_input=False, init_weights=None, dropout=0.5):
        super().__init__()
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.Conv2d_1a_3x3 = BasicConv2d(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = BasicConv2d(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Conv2d_3b_1x1 = BasicConv2d(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        channels = 192
        for name, width, kernel, stride in MIXED:
            self.add_module(name, BasicConv2d(channels, width, kernel_size=kernel, stride=stride))
            channels = width
        self.AuxLogits = InceptionAux(768, num_classes, 768) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(2048, num_classes)

    def forward(self, x):
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.maxpool2(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(self.maxpool1(x))))
        aux = None
        for name, _, _, _ in MIXED:
            x = getattr(self, name)(x)
            if name == "Mixed_6e" and self.AuxLogits is not None and self.training:
                aux = self.AuxLogits(x)
        logits = self.fc(torch.flatten(self.dropout(self.avgpool(x)), 1))
        return InceptionOutputs(logits, aux) if self.training and self.aux_logits else logits


#: Of GoogLeNet: name of the block and its channels; a pool stands before those of `POOLED`.
INCEPTIONS = (
    ("inception3a", 256),
    ("inception3b", 480),
    ("inception4a", 512),
    ("inception4b", 512),
    ("inception4c", 512),
    ("inception4d", 528),
    ("inception4e", 832),
    ("inception5a", 832),
    ("inception5b", 1024),
)
POOLED = {"inception4a": "maxpool3", "inception5a": "maxpool4"}


class GoogLeNet(nn.Module):
    """In training, and with `aux_logits`, three: the logits and those of the two heads in between."""

    def __init__(self, num_classes=1000, aux_logits=True, transform_input=False, init_weights=None, dropout=0.2, **_):
        super().__init__()
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.conv1 = BasicConv2d(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = BasicConv2d(64, 64, kernel_size=1)
        self.conv3 = BasicConv2d(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        channels = 192
        for name, width in INCEPTIONS:
            self.add_module(name, BasicConv2d(channels, width, kernel_size=1))
            channels = width
        self.aux1 = InceptionAux(512, num_classes, 128) if aux_logits else None
        self.aux2 = InceptionAux(528, num_classes, 128) if aux_logits else None
        self.avgpool, self.dropout = nn.AdaptiveAvgPool2d((1, 1)), nn.Dropout(p=dropout)
        self.fc = nn.Linear(1024, num_classes)

    def forward(self, x):
        x = self.maxpool2(self.conv3(self.conv2(self.maxpool1(self.conv1(x)))))
        between = {"inception4a": self.aux1, "inception4d": self.aux2}
        aux = []
        for name, _ in INCEPTIONS:
            x = getattr(self, POOLED[name])(x) if name in POOLED else x
            x = getattr(self, name)(x)
            if self.training and between.get(name) is not None:
                aux.append(between[name](x))
        logits = self.fc(self.dropout(torch.flatten(self.avgpool(x), 1)))
        return GoogLeNetOutputs(logits, aux[1], aux[0]) if self.training and self.aux_logits else logits


def inception_v3(weights_given=False, **options):
    return Inception3(**options)


def googlenet(weights_given=False, **options):
    """With pretrained weights torchvision drops the heads in between unless they are asked for."""
    options.setdefault("aux_logits", not weights_given)
    return GoogLeNet(**options)
