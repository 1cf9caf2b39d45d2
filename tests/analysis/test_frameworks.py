"""What frameworks take care of: resolved through imports and base classes, never by names alone."""

from __future__ import annotations

from textwrap import dedent

import pytest
from observed import project_of

from torchfix_codemods.analysis.frameworks import (
    EVERYTHING,
    OPTIMISATION,
    PHASES,
    Care,
    care_of,
    frameworks_in,
    host_of,
    tool_of,
    trained_result,
)
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.values import ClassRef, External


def class_of(text: str, name: str, files: dict[str, str] | None = None) -> tuple[Project, ClassRef]:
    """The class of that name in `main.py`."""
    project = project_of({**(files or {}), "main.py": dedent(text)})
    found = project.definition("main.py", name)
    assert isinstance(found, ClassRef)
    return project, found


def care(text: str, cls: str, method: str, files: dict[str, str] | None = None) -> Care:
    """What is taken care of in a method."""
    project, ref = class_of(text, cls, files)
    function = project.method(ref, method)
    assert function is not None
    return care_of(project, function)


STEP = (
    "    def training_step(self, batch): pass\n    def validation_step(self, batch): pass\n    def helper(self): pass\n"
)


@pytest.mark.parametrize(
    "imported",
    [
        "import pytorch_lightning as pl\nBase = pl.LightningModule\nclass M(Base):\n",
        "import pytorch_lightning as pl\nclass M(pl.LightningModule):\n",
        "from pytorch_lightning.core.lightning import LightningModule\nclass M(LightningModule):\n",
        "from lightning.pytorch import LightningModule as LM\nclass M(LM):\n",
        "import lightning.pytorch as pl\nclass M(pl.LightningModule):\n",
        "import lightning as L\nclass M(L.LightningModule):\n",
        "import lightning\nclass M(lightning.LightningModule):\n",
        "from base import ProjectModule\nclass M(ProjectModule):\n",
        "import torch.nn as nn\nfrom base import ProjectModule\nclass Mixin: pass\nclass M(Mixin, ProjectModule):\n",
    ],
)
def test_lightning_is_known_through_every_import(imported: str) -> None:
    base = {"base.py": "from pytorch_lightning import LightningModule\nclass ProjectModule(LightningModule): pass\n"}
    assert care(imported + STEP, "M", "validation_step", base) == EVERYTHING
    assert care(imported + STEP, "M", "training_step", base) == EVERYTHING
    assert care(imported + STEP, "M", "helper", base) == PHASES


@pytest.mark.parametrize(
    "text",
    [
        "class LightningModule: pass\nclass M(LightningModule):\n",
        "from mine import LightningModule\nclass M(LightningModule):\n",
        "import torch.nn as nn\nclass M(nn.Module):\n",
        "class M:\n",
        "from unknown import *\nclass M(LightningModule):\n",
    ],
)
def test_a_name_alone_is_no_framework(text: str) -> None:
    mine = {"mine.py": "import torch.nn as nn\nclass LightningModule(nn.Module): pass\n"}
    assert care(text + STEP, "M", "validation_step", mine) == Care.NOTHING


@pytest.mark.parametrize(
    "body",
    [
        "    def __init__(self):\n        self.automatic_optimization = False\n",
        "    automatic_optimization = False\n",
        "    automatic_optimization: bool = False\n",
        "    @property\n    def automatic_optimization(self) -> bool:\n        return False\n",
        "    def run(self, loss):\n        self.manual_backward(loss)\n",
    ],
)
def test_manual_optimisation_leaves_clearing_to_the_user(body: str) -> None:
    text = "import pytorch_lightning as pl\nclass M(pl.LightningModule):\n" + body + STEP
    assert care(text, "M", "training_step") == PHASES
    inherited = {"base.py": "import pytorch_lightning as pl\nclass Base(pl.LightningModule):\n" + body}
    text = "from base import Base\nclass M(Base):\n" + STEP
    assert care(text, "M", "training_step", inherited) == PHASES
    project, ref = class_of(text, "M", inherited)
    function = project.method(ref, "training_step")
    assert function is not None and not trained_result(project, function)


@pytest.mark.parametrize(
    ("base", "method", "expected"),
    [
        ("from transformers import Trainer as Base", "compute_loss", EVERYTHING),
        ("from transformers.trainer import Trainer as Base", "compute_loss", EVERYTHING),
        ("from transformers import Seq2SeqTrainer as Base", "training_step", Care.MODES | Care.CLEARING | Care.STEP),
        ("from transformers import Trainer as Base", "prediction_step", Care.MODES),
        ("from transformers import Trainer as Base", "evaluate", Care.NOTHING),
        ("from transformers import TrainerCallback as Base", "on_epoch_end", Care.NOTHING),
        ("from pytorch_lightning import Callback as Base", "on_validation_epoch_end", PHASES),
        ("from pytorch_lightning.callbacks import Callback as Base", "on_train_epoch_end", Care.NOTHING),
        ("from fastai.callback.core import Callback as Base", "after_pred", EVERYTHING),
        ("from fastai.basic_train import LearnerCallback as Base", "on_batch_end", EVERYTHING),
        ("from composer.models import ComposerModel as Base", "eval_forward", EVERYTHING),
        ("from catalyst.dl import Runner as Base", "handle_batch", PHASES),
        ("from catalyst import dl\nBase = dl.Runner", "handle_batch", PHASES),
        ("from skorch import NeuralNetClassifier as Base", "get_loss", EVERYTHING),
        ("from skorch import NeuralNet as Base", "validation_step", Care.NOTHING),
        ("from tianshou.policy import BasePolicy as Base", "learn", Care.MODES),
        ("from tianshou.policy import BasePolicy as Base", "forward", PHASES),
        ("from allennlp.models import Model as Base", "forward", EVERYTHING),
        ("from accelerate import Accelerator as Base", "train", Care.NOTHING),
        ("from lightning.fabric import Fabric as Base", "train", Care.NOTHING),
        ("from pytorch_lightning.lite import LightningLite as Base", "run", Care.NOTHING),
    ],
)
def test_each_framework_takes_care_of_its_own_part(base: str, method: str, expected: Care) -> None:
    assert care(f"{base}\nclass M(Base):\n    def {method}(self, x): pass\n", "M", method) == expected


def test_the_result_of_some_methods_is_trained_on() -> None:
    text = (
        "from transformers import Trainer\nclass M(Trainer):\n    def compute_loss(self, model, inputs): pass\n" + STEP
    )
    project, ref = class_of(text, "M")
    compute_loss, helper = project.method(ref, "compute_loss"), project.method(ref, "helper")
    assert compute_loss is not None and helper is not None
    assert trained_result(project, compute_loss) and not trained_result(project, helper)
    host = host_of(project, ref)
    assert host is not None and host.framework == "transformers"


def test_tools_are_known_by_their_class() -> None:
    project, lite = class_of(
        "from pytorch_lightning.lite import LightningLite\nclass Lite(LightningLite): pass\n", "Lite"
    )
    assert tool_of(project, lite) == "Fabric"
    assert (
        tool_of(project, External("lightning.Fabric"))
        == tool_of(project, External("lightning.fabric.Fabric"))
        == "Fabric"
    )
    assert tool_of(project, External("accelerate.Accelerator")) == "accelerate"
    assert tool_of(project, External("mine.Accelerator")) == ""


def test_the_frameworks_of_a_file() -> None:
    text = "import torch\nfrom accelerate import Accelerator\nimport pytorch_lightning as pl\n# import ignite\n"
    assert frameworks_in(text) == {"accelerate", "Lightning"}
    assert OPTIMISATION & PHASES == Care.NOTHING
