"""What a program needs and this machine doesn't have: torchvision, data sets, plots, folders, weights, a terminal.

A stand-in has the names and the shapes of the real thing, and is used only where that is missing. Verdicts about facts
(a graph was built, a mode was set) stand on such a run; those about a loss don't, so every use is noted.
"""

from . import files, inert, torchvision, weights

#: All that can be asked for.
KINDS = ("torchvision", "datasets", "inert", "folders", "text", "terminal")


def install(kinds, root, seed, note):
    """Put the stand-ins of these kinds (some of KINDS) in place, before the program is imported.

    `root` is the project's folder in the sandbox, `seed` fixes the synthetic data, and `note(kind, what)` is called at
    each use: ("torchvision", "stub" | "real" | "real+ops" | "PIL"), ("dataset", "MNIST"), ("weights", "resnet18"),
    ("inert", "matplotlib"), ("folder", "results"), ("text", "train.txt"), ("terminal", "size").
    Raises ValueError for a kind that there is not.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise ValueError("no stand-ins of kind " + ", ".join(unknown))
    if "terminal" in kinds:
        files.install_terminal(note)
    if "folders" in kinds:
        files.install_folders(root, note)
    if "text" in kinds:
        files.install_text(root, seed, note)
    if "torchvision" in kinds:
        weights.install(note)
    torchvision.install("torchvision" in kinds, "datasets" in kinds, seed, note)
    if "inert" in kinds:
        inert.install(root, note)
