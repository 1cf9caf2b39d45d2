from .resnet_small import resnet_small, SmallResNet
