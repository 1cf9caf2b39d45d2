"""The environment variables of a run: what a program needs to start, nothing that is secret, nothing that goes out."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

# fmt: off
#: How the system finds programs and libraries, who and where the user is, and where packages look for their own.
_ALLOWED = frozenset((
    "PATH", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONUSERBASE", "PYENV_ROOT",
    "PYENV_VERSION", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TORCH_HOME", "HF_HOME", "HF_HUB_CACHE",
    "HF_DATASETS_CACHE", "TRANSFORMERS_CACHE", "NLTK_DATA", "HSA_OVERRIDE_GFX_VERSION",
))
_ALLOWED_STARTS = ("LC_", "CONDA_", "CUDA_", "NVIDIA_", "ROCM_", "HIP_", "ROCR_", "PYTORCH_")
# fmt: on
_SECRET = re.compile(r"TOKEN|SECRET|PASS|KEY|CREDENTIAL|AUTH", re.IGNORECASE)

_QUIET = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",  # the order of sets is the same in all runs
    "PYTHONIOENCODING": "utf-8",
    "OMP_NUM_THREADS": "1",  # sums in another order are other numbers
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    "CUDA_LAUNCH_BLOCKING": "1",  # an error is raised at the line that made it
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # asking for CUDA must not start it: a server forks afterwards
    "GIT_OPTIONAL_LOCKS": "0",  # asking for the state of a repository must not write to it
    "TOKENIZERS_PARALLELISM": "false",
    "MPLBACKEND": "Agg",
    "QT_QPA_PLATFORM": "offscreen",
    "SDL_VIDEODRIVER": "dummy",
    "WANDB_MODE": "disabled",
    "COMET_MODE": "disabled",
    "CLEARML_OFFLINE_MODE": "1",
    "TQDM_DISABLE": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
#: Below the sandbox's folder.
_FOLDERS = {
    "HOME": "home",
    "TMPDIR": "tmp",
    "XDG_CACHE_HOME": "home/.cache",
    "XDG_CONFIG_HOME": "home/.config",
    "XDG_DATA_HOME": "home/.local/share",
    "XDG_RUNTIME_DIR": "home/.run",
}
#: What is found by way of the home folder and must still be found: packages of `pip install --user`, weights
#: that were downloaded before (there is no network to get them again).
_BELOW_HOME = {
    "PYTHONUSERBASE": ".local",
    "PYENV_ROOT": ".pyenv",
    "TORCH_HOME": ".cache/torch",
    "HF_HOME": ".cache/huggingface",
    "NLTK_DATA": "nltk_data",
}


def environment(base: Mapping[str, str], sandbox_folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a run: the allowed part of `base`, the sandbox's own, and over both what the user sets.

    Names that sound secret are left out even where their kind is allowed (CONDA_TOKEN). PYTHONPATH stays, because
    without it a program may not find its packages; the observer leads its part in the project to the copy.
    """
    kept = {name: value for name, value in base.items() if _is_allowed(name)}
    folders = {name: str(sandbox_folder / below) for name, below in _FOLDERS.items()}
    return {**_found_below_home(base), **kept, **folders, **_QUIET, **extra}


def _is_allowed(name: str) -> bool:
    return (name in _ALLOWED or name.startswith(_ALLOWED_STARTS)) and not _SECRET.search(name)


def _found_below_home(base: Mapping[str, str]) -> dict[str, str]:
    home = base.get("HOME")
    if not home:
        return {}
    places = {name: os.path.join(home, below) for name, below in _BELOW_HOME.items()}
    return {name: place for name, place in places.items() if os.path.isdir(place)}
