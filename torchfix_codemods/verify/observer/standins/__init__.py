def install(kinds, root, seed, note):
    pass
