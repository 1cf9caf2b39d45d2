"""`torchvision.utils`: grids of pictures. Files are written, but nothing is encoded in them."""

import math
import os

import torch


def make_grid(tensor, nrow=8, padding=2, normalize=False, value_range=None, scale_each=False, pad_value=0.0, **others):
    """One picture (channels, height, width) of a batch or a list of them, `nrow` beside one another."""
    images = torch.stack(list(tensor)) if isinstance(tensor, (list, tuple)) else tensor
    if images.dim() == 2:
        images = images[None]
    if images.dim() == 3:
        images = images[None]
    if images.shape[1] == 1:
        images = images.expand(-1, 3, -1, -1)
    images = images.detach().clone()
    if normalize:
        low, high = value_range or (float(images.min()), float(images.max()))
        images = images.clamp(low, high).sub(low).div(max(high - low, 1e-5))
    if len(images) == 1:
        return images[0]
    columns = min(nrow, len(images))
    rows = math.ceil(len(images) / columns)
    height, width = images.shape[2] + padding, images.shape[3] + padding
    grid = images.new_full((images.shape[1], rows * height + padding, columns * width + padding), pad_value)
    for number, image in enumerate(images):
        top, left = number // columns * height + padding, number % columns * width + padding
        grid[:, top : top + image.shape[1], left : left + image.shape[2]] = image
    return grid


def save_image(tensor, fp, format=None, **kwargs):
    """An empty file, for those who look whether it was written; the grid is made so that bad shapes fail as ever."""
    make_grid(tensor, **kwargs)
    if isinstance(fp, (str, os.PathLike)):
        open(fp, "wb").close()


def draw_bounding_boxes(image, boxes, *args, **kwargs):
    return image.clone()


def draw_segmentation_masks(image, masks, *args, **kwargs):
    return image.clone()
