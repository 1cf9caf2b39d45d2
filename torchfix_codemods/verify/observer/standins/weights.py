"""Pretrained weights without a network: the model keeps the random ones that it was built with.

Those have the right names and shapes by construction, which no file made up here could promise for a user's own class.
"""

import collections
import os
import re
from urllib.parse import urlparse

import torch
import torch.hub
import torch.utils.model_zoo


class NoWeights(collections.OrderedDict):
    """An empty state, whichever part of a checkpoint is asked for."""

    def __missing__(self, key):
        return NoWeights()


def model_name(url):
    """The name of the model in the address of its weights: `resnet18` of `.../resnet18-5c106cde.pth`."""
    stem = os.path.splitext(os.path.basename(urlparse(str(url)).path))[0]
    return re.sub(r"-[0-9a-f]{8,}$", "", stem) or str(url)


def install(note):
    """Answer downloads of weights with none, and take them where they are loaded into a model."""
    given = []

    def without_network(genuine):
        def load(url, model_dir=None, *args, **kwargs):
            if _is_cached(url, model_dir, kwargs.get("file_name")):
                return genuine(url, model_dir, *args, **kwargs)
            note("weights", model_name(url))
            given.append(url)
            return NoWeights()

        return load

    torch.hub.load_state_dict_from_url = without_network(torch.hub.load_state_dict_from_url)
    torch.utils.model_zoo.load_url = torch.hub.load_state_dict_from_url
    _take_no_weights(given)
    _hub_models_from_torchvision(note)


def _is_cached(url, model_dir, file_name):
    folder = model_dir or os.path.join(torch.hub.get_dir(), "checkpoints")
    return os.path.isfile(os.path.join(folder, file_name or os.path.basename(urlparse(str(url)).path)))


def _take_no_weights(given):
    """`load_state_dict` of none of the weights, or of what a program made of none, leaves the model as it is."""
    genuine = torch.nn.Module.load_state_dict

    def load_state_dict(self, state_dict, *args, **kwargs):
        # A program often copies the state into a plain dictionary; an empty one is never what it meant.
        if isinstance(state_dict, NoWeights) or (given and not state_dict):
            return genuine(self, collections.OrderedDict(state_dict), strict=False)
        return genuine(self, state_dict, *args, **kwargs)

    torch.nn.Module.load_state_dict = load_state_dict


def _hub_models_from_torchvision(note):
    """`torch.hub.load("pytorch/vision", "resnet18")` clones a repository: its models are torchvision's."""
    genuine = torch.hub.load

    def load(repo_or_dir, model, *args, **kwargs):
        if not str(repo_or_dir).startswith("pytorch/vision"):
            return genuine(repo_or_dir, model, *args, **kwargs)
        import importlib

        note("weights", "torch.hub " + model)
        models = importlib.import_module("torchvision.models")
        for option in ("source", "force_reload", "verbose", "skip_validation", "trust_repo"):
            kwargs.pop(option, None)
        return getattr(models, model)(*args, **kwargs)

    torch.hub.load = load
