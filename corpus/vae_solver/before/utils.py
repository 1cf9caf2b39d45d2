import torch
from torch.autograd import Variable


def to_var(x, volatile=False):
    """Wraps a tensor, on the GPU if there is one."""
    if torch.cuda.is_available():
        x = x.cuda()
    return Variable(x, volatile=volatile)


def to_data(x):
    """Converts variable to numpy."""
    if torch.cuda.is_available():
        x = x.cpu()
    return x.data.numpy()
