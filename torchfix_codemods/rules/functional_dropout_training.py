"""TFC303: a functional dropout that does not follow the mode of its module."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.dropouts import is_nothing, is_parameter, is_true
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.parsed import FunctionNode, ParsedFile
from torchfix_codemods.analysis.project import Project, local_names
from torchfix_codemods.analysis.values import ClassRef, External
from torchfix_codemods.findings import Edit, Finding, Level, Location, Step
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules import ours
from torchfix_codemods.rules._dropout_calls import Dropout, dropouts, first_parameter, made_modules, method_of
from torchfix_codemods.rules._dropout_intent import (
    distorts,
    is_decided,
    is_set_elsewhere,
    is_wanted,
    mode_is_asked,
    switches,
)
from torchfix_codemods.rules._shared import is_test_code, propose

IDENTITY = ("TFC303", "functional-dropout-training")
_WRITTEN_FOR_OLD_TORCH = re.compile(r"\bvolatile\s*=\s*True|\.data\[0\]|\bVariable\(")
_OLD_TORCH = " (this code is from before torch 1.0, when the flag was False by default: it was never trained with it)"


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Calls that drop whatever the mode, or (alpha dropout) never."""
    if Topic.DROPOUT not in topics_of(project, file.path):
        return
    found = [*dropouts(file, project), *made_modules(file, project)]
    for dropout in found:
        place = _place(file, project, dropout)
        if place is None or _told(file, dropout) or mode_is_asked(file, dropout) or is_wanted(file, dropout):
            continue
        if dropout.explicit:
            if place.usable and not is_decided(file, dropout, found):
                yield _explicit(file, dropout)
        elif place.method is None:
            if dropout.kind != "native" and not _is_parameter(file, dropout):
                yield _in_function(file, dropout)
        else:
            yield _in_method(file, dropout, place)


def _told(file: ParsedFile, dropout: Dropout) -> bool:
    """Whether the call says whether it drops, or drops nothing."""
    if dropout.settled or (dropout.flag is not None and not is_true(dropout.flag)):
        return True
    if dropout.kind == "attention" and (dropout.probability is None or _is_parameter(file, dropout)):
        return True
    return is_nothing(dropout.probability)


def _is_parameter(file: ParsedFile, dropout: Dropout) -> bool:
    """Whether the probability is a parameter of the function around the call, so that its callers decide."""
    return is_parameter(file.enclosing_function(dropout.call), dropout.probability)


# --- where it stands -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """The function around a call. For a method of a module, `doubts` says what is not certain about its `training`."""

    method: FunctionNode | None = None
    cls: ast.ClassDef | None = None
    receiver: str = ""
    obstacle: str = ""
    doubts: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether `self.training` can be written there."""
        return self.method is not None and not self.obstacle


def _place(file: ParsedFile, project: Project, dropout: Dropout) -> Place | None:
    """Where the call stands; None where there is nothing to say: demonstrations, tests, classes that are no modules."""
    function, method = file.enclosing_function(dropout.call), method_of(file, dropout.call)
    if is_test_code(file, function):
        return None
    cls = file.enclosing_class(dropout.call)
    if method is None or cls is None:
        return None if function is None else Place()
    receiver = first_parameter(file, dropout.call)
    is_module = _is_module(project, ClassRef(file.path, cls.name, cls.lineno), cls)
    if receiver is None or is_module is False:
        return None
    obstacle = _obstacle(file, dropout.call, method, receiver)
    doubts = [*_doubts(file, project, dropout, method, cls)]
    if is_module is None:
        doubts.append(f"the base of {cls.name} is not in view")
    return Place(method, cls, receiver, obstacle, tuple(doubts))


def _is_module(project: Project, ref: ClassRef, cls: ast.ClassDef) -> bool | None:
    """Whether a class certainly derives from `nn.Module`; None where its bases are not in view and it looks like it."""
    if project.is_module(ref):
        return True
    lineage = list(project.lineage(ref))
    unknown = any(base is None or (isinstance(base, External) and base.name != "builtins.object") for base in lineage)
    words = {node.name for node in cls.body if isinstance(node, ast.FunctionDef)}
    words |= {node.attr for node in ast.walk(cls) if isinstance(node, ast.Attribute)}
    return None if unknown and words & {"forward", "training"} else False


def _obstacle(file: ParsedFile, call: ast.Call, method: FunctionNode, receiver: str) -> str:
    """Why the object cannot be reached by its name where the call stands; "" where it can."""
    if any(isinstance(n, ast.Name) and n.id == receiver and not isinstance(n.ctx, ast.Load) for n in ast.walk(method)):
        return f"{receiver} is rebound in {method.name}()"
    node = file.parents[call]
    while node is not method:
        match node:
            case ast.Lambda(args=arguments) if any(getattr(a, "arg", None) == receiver for a in ast.walk(arguments)):
                return f"a lambda has a parameter {receiver} of its own"
            case ast.FunctionDef() | ast.AsyncFunctionDef() if receiver in local_names(node):
                return f"{node.name}() has a {receiver} of its own"
            case _:
                pass
        node = file.parents[node]
    at_once = file.enclosing_function(call) is method and not _in_lambda(file, call)
    if method.name in ("__init__", "__new__") and at_once:
        return f"{method.name}() runs once, before there is a mode"
    return ""


def _in_lambda(file: ParsedFile, node: ast.AST) -> bool:
    while not isinstance(node, ast.stmt):
        node = file.parents[node]
        if isinstance(node, ast.Lambda):
            return True
    return False


def _doubts(
    file: ParsedFile, project: Project, dropout: Dropout, method: FunctionNode, cls: ast.ClassDef
) -> Iterator[str]:
    """What keeps a fix in a module from being certain."""
    value = dropout.probability
    if isinstance(value, ast.Name) and _is_parameter(file, dropout):
        yield f"the callers of {method.name}() choose {value.id}, which may be 0 in evaluation"
    if isinstance(value, ast.Attribute) and _is_changed(file, cls, value.attr):
        yield f"{file.source(value)} is changed after the construction, perhaps with the mode"
    for switch in sorted(set(switches(file, dropout))):
        if _is_changed(file, cls, switch) or is_set_elsewhere(file, project, switch):
            yield f"{switch} switches it too, and is changed after the construction"
    if distorts(method):
        yield f"{method.name}() seems to distort its input on purpose"
    for name in ("train", "eval"):
        if _is_overridden(project, ClassRef(file.path, cls.name, cls.lineno), name):
            yield f"{name}() is overridden and may not set the flag"


def _is_changed(file: ParsedFile, cls: ast.ClassDef, attribute: str) -> bool:
    """Whether anything but the constructor sets an attribute of that name, or a property computes it."""
    for node in file.parents:
        match node:
            case ast.Attribute(attr=name, ctx=ast.Store()) if name == attribute:
                function = file.enclosing_function(node)
                if function is None or function.name != "__init__":
                    return True
            case ast.FunctionDef(name=name) if name == attribute and file.parents[node] is cls:
                return True
            case _:
                pass
    return False


def _is_overridden(project: Project, ref: ClassRef, name: str) -> bool:
    """Whether the class or an ancestor in view has a `train` or `eval` that neither calls on nor sets the flag."""
    for base in project.lineage(ref):
        found = project.class_node(base) if isinstance(base, ClassRef) else None
        for statement in found[1].body if found else ():
            if isinstance(statement, ast.FunctionDef) and statement.name == name:
                words = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)}
                words |= {n.attr for n in ast.walk(statement) if isinstance(n, ast.Attribute)}
                return not words & {"super", "train", "training"}
    return False


# --- findings ------------------------------------------------------------------------------------------------------


def _in_method(file: ParsedFile, dropout: Dropout, place: Place) -> Finding:
    assert place.method is not None and place.cls is not None
    flag = f"{place.receiver}.training"
    here, start = file.location(dropout.call), file.span(place.cls)[0]
    head = Location(file.path, start, file.text.index(place.cls.name, start) + len(place.cls.name))
    steps = [Step(here, _why(file, dropout))]
    if not place.doubts:
        steps.append(Step(head, f"{place.cls.name} derives from torch.nn.Module: {flag} is its mode"))
    return propose(
        IDENTITY,
        Level.SUGGESTION if place.doubts else Level.BEHAVIOR,
        here,
        _message(file, dropout),
        [*steps, *(Step(here, doubt) for doubt in place.doubts)],
        f"Follow {flag}",
        _build(file, dropout, flag) if place.usable else None,
        place.obstacle or None,
    )


def _message(file: ParsedFile, dropout: Dropout) -> str:
    name = file.source(dropout.call.func if dropout.made is None else dropout.made.func)
    if dropout.never_drops:
        return f"{name} without training=... never drops, not even in training"
    if dropout.kind == "module":
        return f"this {name} is made anew in every call, so it is always in training mode: it drops in evaluation too"
    if dropout.kind == "attention":
        return f"{name} applies dropout_p in evaluation too"
    old = _OLD_TORCH if dropout.kind == "function" and _WRITTEN_FOR_OLD_TORCH.search(file.text) else ""
    return f"{name} does not know of model.eval(): it drops in evaluation too{old}"


def _why(file: ParsedFile, dropout: Dropout) -> str:
    means = f"this is {dropout.name}" if file.source(dropout.call.func) != dropout.name else "this call"
    match dropout.kind:
        case "function":
            return f"{means}, whose training is {not dropout.never_drops} by default"
        case "native":
            return f"{means}, with a constant True for training"
        case "attention":
            return f"{means}, which has no training flag: dropout_p alone decides"
        case _:
            return "a new module is in training mode, whatever the mode of the module around it"


def _build(file: ParsedFile, dropout: Dropout, flag: str) -> Callable[[], list[Edit]]:
    """The rewrite of a call in a method whose object's flag is `flag`."""
    call, value = dropout.call, dropout.probability

    def build() -> list[Edit]:
        match dropout.kind:
            case "function":
                return verbs.add_keyword(file, call, "training", flag)
            case "native":
                assert dropout.flag is not None
                return verbs.replace_expression(file, dropout.flag, flag)
            case "attention":
                assert value is not None
                return verbs.wrap_expression(file, value, f"{{}} if {flag} else 0.0")
            case _ if dropout.made is call:
                return verbs.suffix_expression(file, call, f".train({flag})")
            case _:
                return _functional(file, dropout, flag)

    return build


def _functional(file: ParsedFile, dropout: Dropout, flag: str) -> list[Edit]:
    """`nn.Dropout(0.5)(x)` -> `F.dropout(x, p=0.5, training=self.training)`."""
    made = dropout.made
    assert made is not None
    module, edits = verbs.ensure_import(file, "torch.nn.functional", visible_from=dropout.call)
    function = dropout.name.rpartition(".")[2].replace("Dropout", "dropout")
    function = {"Alphadropout": "alpha_dropout", "FeatureAlphadropout": "feature_alpha_dropout"}.get(function, function)
    given = [f"{name}={file.source(value)}" for name, value in zip(("p", "inplace"), made.args, strict=False)]
    given += [f"{keyword.arg}={file.source(keyword.value)}" for keyword in made.keywords]
    code = f"{module}.{function}({', '.join([file.source(dropout.call.args[0]), *given, f'training={flag}'])})"
    return [*edits, *verbs.replace_expression(file, dropout.call, code)]


def _explicit(file: ParsedFile, dropout: Dropout) -> Finding:
    return propose(
        IDENTITY,
        Level.SUGGESTION,
        file.location(dropout.call),
        f"{file.source(dropout.call.func)} is told training=True: it drops in evaluation too",
        [Step(file.location(dropout.flag or dropout.call), "a constant True")],
        "",
        None,
        "training=True is written out: right for a prenet or for Monte Carlo dropout, wrong for a classifier",
    )


def _in_function(file: ParsedFile, dropout: Dropout) -> Finding:
    function = file.enclosing_function(dropout.call)
    assert function is not None
    return propose(
        IDENTITY,
        Level.SUGGESTION,
        file.location(dropout.call),
        _message(file, dropout),
        [Step(file.location(dropout.call), _why(file, dropout))],
        "",
        None,
        f"{function.name}() has no module to ask: it needs a parameter `training` that its callers pass",
    )


RULE = ours(IDENTITY[0])
