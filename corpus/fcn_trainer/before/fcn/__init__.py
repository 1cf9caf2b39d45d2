from . import models
from .datasets import Blobs
from .trainer import Trainer
