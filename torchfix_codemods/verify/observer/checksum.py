"""Checksums of tensors: equal bits or not, without numpy and without a copy on the CPU."""

import ctypes
import zlib

import torch

_LONG = 1 << 16  # bytes from which values are added up first
_ROW = 512  # bytes: 64 whole numbers of 8 bytes


def crc(tensor, start=0):
    """A checksum of the values of a tensor (in memory order), continued from `start`. None where it has none to read.

    CRC-32; of a long tensor that of its rows' sum, as whole numbers of 8 bytes modulo 2 ** 64, and of what is left
    over: twelve times faster, and what the training of a model changes does not cancel out bit by bit.
    """
    try:
        values = tensor.detach()
        if values.is_cuda:
            values = values.cpu()
        values = values.contiguous()
        count = values.numel() * values.element_size()
        if not count:
            return start
        if count < _LONG:
            return _crc_of_memory(values.data_ptr(), count, start)
        return _crc_of_rows(values, count, start)
    except (RuntimeError, NotImplementedError, TypeError, AttributeError):
        return None  # sparse, quantized, on another device


def _crc_of_rows(values, count, start):
    whole = count - count % _ROW
    try:
        raw = values.reshape(-1).view(torch.uint8)
        total = raw[:whole].view(torch.int64).view(-1, _ROW // 8).sum(0)
    except (RuntimeError, TypeError):  # a torch before 1.10, or values that lie at an odd place
        return _crc_of_memory(values.data_ptr(), count, start)
    rest = _crc_of_memory(values.data_ptr() + whole, count - whole, start)
    return _crc_of_memory(total.data_ptr(), _ROW, rest)


def _crc_of_memory(address, count, start):
    return zlib.crc32((ctypes.c_char * count).from_address(address), start)


def crc_of(tensors):
    """One checksum for several tensors, None where one of them has none."""
    total = 0
    for tensor in tensors:
        total = crc(tensor, total)
        if total is None:
            return None
    return total


def digest(tensors):
    """Length of all values as one vector, and its projection on a ramp: close for what is close, unlike a checksum.

    None where a tensor has no values to read, or the device no double precision.
    """
    squares, along = 0.0, 0.0
    try:
        for tensor in tensors:
            values = tensor.detach().reshape(-1).to(torch.float64)
            ramp = torch.linspace(-1.0, 1.0, values.numel(), dtype=torch.float64, device=values.device)
            squares += float(values.dot(values))
            along += float(values.dot(ramp))
    except (RuntimeError, NotImplementedError, TypeError, AttributeError):
        return None
    return [squares**0.5, along]
