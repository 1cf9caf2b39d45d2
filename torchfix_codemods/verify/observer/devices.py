def choose(wanted):
    return "cpu"


def told(device, notes):
    return device


def memory():
    return None
