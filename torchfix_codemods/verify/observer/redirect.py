def install(note):
    pass
