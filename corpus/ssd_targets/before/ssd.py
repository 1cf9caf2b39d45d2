import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Variable


class SSD(nn.Module):
    """Single Shot Detector, on one 4 x 4 feature map with one default box per cell.

    Args:
        phase: (string) Can be "test" or "train"
        num_classes: number of classes, 0 is the background
    """

    def __init__(self, phase, num_classes):
        super(SSD, self).__init__()
        self.phase = phase
        self.num_classes = num_classes
        # the corners of the default boxes, constants
        self.priors = Variable(prior_box(4), volatile=True)

        self.vgg = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
        )
        self.loc = nn.Conv2d(16, 4, 3, padding=1)
        self.conf = nn.Conv2d(16, num_classes, 3, padding=1)

        if phase == 'test':
            self.softmax = nn.Softmax(dim=-1)

    def forward(self, x):
        x = self.vgg(x)
        loc = self.loc(x).permute(0, 2, 3, 1).contiguous().view(x.size(0), -1, 4)
        conf = self.conf(x).permute(0, 2, 3, 1).contiguous().view(x.size(0), -1, self.num_classes)
        if self.phase == "test":
            output = (
                self.priors.type_as(x) + loc,
                self.softmax(conf),     # conf preds
            )
        else:
            output = (
                self.priors.type_as(x) + loc,
                conf,
            )
        return output


def prior_box(cells):
    step = 1. / cells
    y, x = torch.meshgrid(torch.arange(cells) * step, torch.arange(cells) * step, indexing='ij')
    return torch.stack([x, y, x + step, y + step], 2).view(-1, 4)


def multibox_loss(predictions, targets):
    """targets: per image one tensor of [xmin, ymin, xmax, ymax, label] for each box"""
    loc_data, conf_data = predictions
    conf_t = torch.zeros(conf_data.size()[:2]).long().to(conf_data.device)
    loss_l = 0
    for idx in range(len(targets)):
        for truth in targets[idx].data:
            centre = (truth[:2] + truth[2:4]) / 2
            cell = (centre[1] * 4).long() * 4 + (centre[0] * 4).long()
            conf_t[idx, cell] = truth[4].long()
            loss_l = loss_l + F.smooth_l1_loss(loc_data[idx, cell], truth[:4])
    loss_c = F.cross_entropy(conf_data.view(-1, conf_data.size(2)), conf_t.view(-1))
    return loss_l / len(targets), loss_c
