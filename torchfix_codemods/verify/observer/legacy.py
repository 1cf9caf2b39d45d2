def install(note):
    pass


def source(raw):
    return raw
