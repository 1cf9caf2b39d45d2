"""What training frameworks do for their users, and where: modes, gradient mode, clearing, backward, optimizer step.

A framework is known by its package and by the class that it gives (`lightning.pytorch.LightningModule`), resolved
through imports and through the project's own base classes; never by the name of a variable or a file. What a framework
leaves to its users (accelerate and Fabric leave them every mode) is not taken care of, and the rules apply there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Flag, auto
from functools import reduce
from operator import and_

from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.trace import Context
from torchfix_codemods.analysis.values import ClassRef, External, FunctionRef


class Care(Flag):
    """What a framework takes care of."""

    NOTHING = 0
    MODES = auto()  # `train()` before training, `eval()` before evaluation
    GRADIENTS = auto()  # evaluation runs under `no_grad` or `inference_mode`
    CLEARING = auto()  # `zero_grad()`
    BACKWARD = auto()  # `backward()` on the loss that a step returns
    STEP = auto()  # `optimizer.step()`


PHASES = Care.MODES | Care.GRADIENTS
OPTIMISATION = Care.CLEARING | Care.BACKWARD | Care.STEP
EVERYTHING = PHASES | OPTIMISATION


@dataclass(frozen=True)
class Host:
    """A class of a framework that users derive from: the framework calls the methods of their class.

    `cares` pairs patterns of method names with what is taken care of in them; the first that fits counts. `trains` are
    the methods whose result the framework runs `backward()` on.
    """

    framework: str
    packages: tuple[str, ...]
    classes: tuple[str, ...]
    cares: tuple[tuple[re.Pattern[str], Care], ...]
    trains: tuple[str, ...] = ()

    def is_class(self, name: str) -> bool:
        """Whether a dotted name is one of these classes, from whichever module of the package it is imported."""
        return name.partition(".")[0] in self.packages and name.rpartition(".")[2] in self.classes

    def care_in(self, method: str) -> Care:
        """What is taken care of inside a method of that name."""
        return next((care for names, care in self.cares if names.fullmatch(method)), Care.NOTHING)


_LIGHTNING = ("pytorch_lightning", "lightning")
_LIGHTNING_HOOKS = (
    r"(?:training|validation|test|predict)_(?:step|epoch)\w*|on_\w+|configure_\w+|forward|backward|optimizer_\w+"
    r"|lr_scheduler_\w+|tbptt_\w+|toggle_\w+|\w+_dataloader"
)


def _cares(*pairs: tuple[str, Care]) -> tuple[tuple[re.Pattern[str], Care], ...]:
    return tuple((re.compile(names), care) for names, care in pairs)


HOSTS = (
    # The fit loop calls train(), zero_grad(), backward() and step(); the evaluation loop calls eval() and runs under
    # no_grad or inference_mode. Methods that are no hooks are helpers of those that are; what they optimise, they
    # optimise by hand.
    Host(
        "Lightning",
        _LIGHTNING,
        ("LightningModule",),
        _cares((_LIGHTNING_HOOKS, EVERYTHING), (r"\w+", PHASES)),
        ("training_step",),
    ),
    # Hooks of the evaluation run inside of its loop; those of training run with gradients, in training mode.
    Host("Lightning", _LIGHTNING, ("Callback",), _cares((r"on_(?:validation|test|predict|sanity_check)\w*", PHASES))),
    # training_step() calls train() and runs backward on what compute_loss() returns, the inner loop clears and steps.
    # evaluation_loop() calls eval(), but it is prediction_step() that runs under no_grad: who overrides that or the
    # loops has to do it again.
    Host(
        "transformers",
        ("transformers",),
        ("Trainer", "Seq2SeqTrainer"),
        _cares(
            (r"compute_loss\w*|log|create_\w+|get_\w+|num_\w+|floating_\w+", EVERYTHING),
            (r"training_step|optimizer_step", Care.MODES | Care.CLEARING | Care.STEP),
            (r"prediction_step", Care.MODES),
        ),
        ("compute_loss",),
    ),
    Host(
        "transformers",
        ("transformers",),
        ("TrainerCallback",),
        _cares((r"on_(?:evaluate|prediction_step)", Care.MODES)),
    ),
    # Learner: TrainEvalCallback (v1: fit and validate themselves) sets the modes, validation runs under no_grad.
    Host(
        "fastai",
        ("fastai", "fastai2"),
        ("Callback", "LearnerCallback", "TrackerCallback", "Learner"),
        _cares((r"(?:before|after|begin|on)_\w+|one_batch|do_batch|\w*_do_\w+", EVERYTHING)),
    ),
    Host(
        "composer",
        ("composer",),
        ("ComposerModel", "ComposerClassifier", "HuggingFaceModel"),
        _cares((r"forward|loss|eval_forward|validate|update_metric|get_metrics", EVERYTHING), (r"\w+", PHASES)),
        ("loss",),
    ),
    # The runner sets the modes and set_grad_enabled for each loader; handle_batch() optimises by hand.
    Host(
        "catalyst",
        ("catalyst",),
        ("Runner", "IRunner", "SupervisedRunner", "CustomRunner", "ISupervisedRunner"),
        _cares((r"_?handle_batch|forward|predict_batch|on_\w+|_run_\w+", PHASES)),
    ),
    # train_step() clears and steps around train_step_single(); infer() and get_loss() are called by all steps.
    Host(
        "skorch",
        ("skorch",),
        ("NeuralNet", "NeuralNetClassifier", "NeuralNetRegressor", "NeuralNetBinaryClassifier"),
        _cares((r"infer|get_loss|on_\w+", EVERYTHING), (r"train_step_single", Care.CLEARING | Care.STEP)),
        ("get_loss",),
    ),
    # Trainers and collectors switch the modes and collect without gradients; learn() optimises by hand.
    Host(
        "tianshou",
        ("tianshou",),
        ("BasePolicy", "Policy", "Algorithm"),
        _cares((r"learn|_update_with_batch", Care.MODES), (r"\w+", PHASES)),
    ),
    # AutoUnit clears, runs backward on the loss that compute_loss() returns, and steps.
    Host(
        "TorchTNT",
        ("torchtnt",),
        ("TrainUnit", "EvalUnit", "PredictUnit", "AutoUnit"),
        _cares((r"compute_loss", EVERYTHING), (r"\w+_step|on_\w+", PHASES)),
        ("compute_loss",),
    ),
    Host("allennlp", ("allennlp",), ("Model",), _cares((r"\w+", EVERYTHING)), ("forward",)),
)

#: What runs a function of the user's for each batch, and takes care of nothing in it: ignite's engine.
_ENGINES = ("Engine", "DeterministicEngine")

#: Objects whose `setup`, `prepare` or `backward` a user calls in a loop of their own: every phase is the user's.
TOOLS = {
    "accelerate": (("accelerate",), ("Accelerator",)),
    "Fabric": ((*_LIGHTNING, "lightning_fabric", "lightning_lite"), ("Fabric", "LightningLite")),
}


@dataclass(frozen=True)
class Trainer:
    """A class or function of a framework that trains the models it gets: when made (or called), or by a method.

    `reads` says that somebody gets the numbers that a model puts out, other than through methods of the user's class.
    `leaves_eval` are the methods after which a model may be in evaluation mode although it was in training mode; None
    where that may be at any time.
    """

    framework: str
    packages: tuple[str, ...]
    names: re.Pattern[str]
    reads: bool = True
    leaves_eval: frozenset[str] | None = None

    def is_named(self, name: str) -> bool:
        """Whether a dotted name is one of these classes or functions."""
        return name.partition(".")[0] in self.packages and self.names.fullmatch(name.rpartition(".")[2]) is not None


TRAINERS = (
    # fit, validate and test end with a call of train() on the module, predict doesn't.
    Trainer("Lightning", _LIGHTNING, re.compile("Trainer"), reads=False, leaves_eval=frozenset(["predict"])),
    Trainer("transformers", ("transformers",), re.compile(r"(?:Seq2Seq)?Trainer")),
    Trainer("fastai", ("fastai", "fastai2"), re.compile(r"Learner|\w+_learner")),
    Trainer("composer", ("composer",), re.compile("Trainer")),
    Trainer("ignite", ("ignite",), re.compile(r"create_supervised_(?:trainer|evaluator)|supervised_\w+_step\w*")),
    Trainer("skorch", ("skorch",), re.compile(r"NeuralNet\w*")),
    Trainer("catalyst", ("catalyst",), re.compile(r"I?(?:\w*Supervised)?Runner")),
)

_MANUAL = re.compile(
    r"\bautomatic_optimization\b[^\n=]*=[ \t]*False|def automatic_optimization\(self\)[^:]*:\s+return False"
    r"|\.manual_backward\("
)
_HOOK = re.compile(
    r"(?:training|validation|test|predict|prediction|eval|train)_|on_|before_|after_|begin_|compute_loss|create_|get_loss"
    r"|_?handle_batch|infer|learn|loss|eval_forward|one_batch|update_metric"
)
_IMPORTED = re.compile(r"^[ \t]*(?:from|import)[ \t]+(\w+)", re.M)
_PACKAGES = {package: host.framework for host in HOSTS for package in host.packages} | {
    "accelerate": "accelerate",
    "lightning_fabric": "Fabric",
    "lightning_lite": "Fabric",
    "ignite": "ignite",
    "deepspeed": "deepspeed",
}


def host_of(project: Project, cls: ClassRef) -> Host | None:
    """The class of a framework that a class of the project derives from, directly or through others of the project."""
    names = [base.name for base in project.lineage(cls) if isinstance(base, External)]
    return next((host for host in HOSTS for name in names if host.is_class(name)), None)


def care_of(project: Project, function: FunctionRef) -> Care:
    """What a framework takes care of while it runs a function: a method of a class that derives from its own."""
    host = host_of(project, function.owner) if function.owner is not None else None
    if host is None or function.owner is None:
        return Care.NOTHING
    care = host.care_in(function.name) or _care_of_callers(project, host, function.owner, function.name)
    return care & ~OPTIMISATION if _is_manual(project, host, function.owner) else care


def _care_of_callers(project: Project, host: Host, cls: ClassRef, method: str) -> Care:
    """What is taken care of in every method of the class that calls one of its helpers."""
    found = project.class_node(cls)
    if found is None:
        return Care.NOTHING
    file, node = found
    methods = [n for n in node.body if isinstance(n, ast.FunctionDef) and f"self.{method}(" in file.source(n)]
    cares = [host.care_in(n.name) for n in methods if n.name != method]
    return reduce(and_, cares) if cares else Care.NOTHING


def is_hook(project: Project, function: FunctionRef) -> bool:
    """Whether a framework calls a function, by its name and class: then what it calls runs under the framework too."""
    return _HOOK.match(function.name) is not None and bool(care_of(project, function))


def care_around(project: Project, context: Context) -> Care:
    """What is taken care of at a place: by the framework that runs the function around it, or a caller of that."""
    care = Care.NOTHING
    for around in context.chain():
        if around.kind == "function" and around.function is not None:
            care |= care_of(project, around.function)
    return care


def trained_result(project: Project, function: FunctionRef) -> bool:
    """Whether a framework runs `backward()` on what a function returns."""
    host = host_of(project, function.owner) if function.owner is not None else None
    if host is None or function.owner is None or function.name not in host.trains:
        return False
    return not _is_manual(project, host, function.owner)


def _is_manual(project: Project, host: Host, cls: ClassRef) -> bool:
    """Whether a LightningModule optimises by hand: it, or a base of it, says so."""
    return host.framework == "Lightning" and any(map(_MANUAL.search, _sources(project, cls)))


def _sources(project: Project, cls: ClassRef) -> Iterator[str]:
    for base in project.lineage(cls):
        found = project.class_node(base) if isinstance(base, ClassRef) else None
        if found is not None:
            yield found[0].source(found[1])


def is_engine(name: str) -> bool:
    """Whether a dotted name is ignite's engine: what its process function returns is never trained on."""
    return name.partition(".")[0] == "ignite" and name.rpartition(".")[2] in _ENGINES


def tool_of(project: Project, cls: ClassRef | External) -> str:
    """`accelerate` or `Fabric` where a class is the tool of that framework or derives from it, else ""."""
    lineage = project.lineage(cls) if isinstance(cls, ClassRef) else (cls,)
    names = [base.name for base in lineage if isinstance(base, External)]
    for tool, (packages, classes) in TOOLS.items():
        if any(n.partition(".")[0] in packages and n.rpartition(".")[2] in classes for n in names):
            return tool
    return ""


def trainer_of(project: Project, cls: ClassRef | External) -> Trainer | None:
    """The trainer of a framework that a class (or function) is or derives from."""
    lineage = project.lineage(cls) if isinstance(cls, ClassRef) else (cls,)
    names = [base.name for base in lineage if isinstance(base, External)]
    return next((trainer for trainer in TRAINERS for name in names if trainer.is_named(name)), None)


def frameworks_in(text: str) -> frozenset[str]:
    """The frameworks that a file imports, by the packages of its import statements."""
    return frozenset(_PACKAGES[package] for package in _IMPORTED.findall(text) if package in _PACKAGES)
