"""Objects: constructing them, their attributes, the modules and items that they hold."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence as Seq
from dataclasses import replace

from torchfix_codemods.analysis.facts import target_names
from torchfix_codemods.analysis.interpreter import framework_calls, modules, statements, tensors
from torchfix_codemods.analysis.interpreter.core import MAX_DEPTH, Kwargs
from torchfix_codemods.analysis.interpreter.functions import Functions
from torchfix_codemods.analysis.interpreter.own_stores import constants_stored, stored_attributes
from torchfix_codemods.analysis.interpreter.state import (
    Frame,
    Identity,
    State,
    identities,
)
from torchfix_codemods.analysis.trace import (
    Construction,
    Context,
    Escape,
    place_of,
)
from torchfix_codemods.analysis.values import (
    NO_CALLS,
    NONE,
    Bound,
    Choice,
    ClassRef,
    Const,
    External,
    FileModule,
    FunctionRef,
    Instance,
    Lazy,
    ListOf,
    Mapping,
    Sequence,
    Site,
    Super,
    Tensor,
    Unknown,
    Value,
    all_calls,
    calls_of,
    force,
    join,
    options,
)

# Bounds for running `__init__` (or another method) only to learn which attributes it sets. In large libraries it also
# registers, loads and downloads.
INIT_DEPTH = 8
ATTRIBUTE_STEPS = 1_500
#: Words of what is written down in code that is only run for its values too, except what freezes: a method that
#: nobody calls freezes nothing, and one that somebody calls is run there.
_TELLING = re.compile(
    r"(?i)loss|criterion|entropy|nll|softmax|sigmoid|interpolate|upsample|volatile|argmax|gather\(|index_|scatter|backward"
)


class Objects(Functions):
    """Knows what the attributes of objects are, whichever method set them."""

    def construct(self, cls: ClassRef, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame) -> Value:
        """Make an object. A module's `__init__` is run when its attributes are asked for, another's at once."""
        site = Site(frame.file.path, *frame.file.span(node))
        instance = Instance(cls, tuple(args), tuple(kwargs.items()), site)
        module = self.project.is_module(cls)
        if module:
            frame.state.modes[instance] = "train"
        self.emit(Construction(place_of(frame.file.path, node), frame.context, instance), frame)
        framework_calls.constructed(self.whole, instance, node, frame)
        if not module and instance not in self.attributes:
            self.attributes[instance] = {}
            method = self.project.method(cls, "__init__")
            if method is not None:
                self.call_function(method, args, kwargs, instance, node, frame)
            else:
                self._fill(instance, cls, args, kwargs, node, frame)
        return instance

    def _fill(
        self, instance: Instance, cls: ClassRef, args: Seq[Value], kwargs: Kwargs, node: ast.Call, frame: Frame
    ) -> None:
        """An object without an `__init__` of its own, a dataclass say: its fields are what it was given.

        It may be kept anywhere, so the graphs in it are out of sight.
        """
        found = self.project.class_node(cls)
        fields = [name for s in found[1].body if (name := _field(s))] if found else []
        self.attributes[instance] |= dict(zip(fields, args, strict=False)) | kwargs
        calls = all_calls(args, kwargs)
        if calls and not frame.silent:
            place = place_of(frame.file.path, node)
            self.emit(Escape(place, frame.context, calls, "callee", f"{cls.name}.store"), frame)

    def is_module_instance(self, value: Value) -> bool:
        """Whether a value is certainly an `nn.Module` object."""
        match value:
            case Instance(cls=ClassRef() as cls):
                return self.project.is_module(cls)
            case Instance(cls=External(name=name)):
                return modules.is_module_class(name)
            case _:
                return False

    def mode_of(self, model: Value, state: State) -> str | None:
        """The mode of a model: its own if it was set, else that of the module that holds it."""
        modes = set()
        for identity in identities(model):
            current: Identity | None = identity
            mode = None
            for _ in range(MAX_DEPTH):
                if current is None:
                    break
                mode = state.modes.get(current)
                if mode is not None:
                    break
                current = self.owners.get(current)
            modes.add(mode)
        if len(modes) == 1:
            return modes.pop()
        return "mixed" if modes - {None} else None

    def attribute(self, value: Value, name: str, node: ast.Attribute, frame: Frame) -> Value:
        """`value.name`."""
        value = force(value)
        match value:
            case External(name=dotted):
                return External(f"{dotted}.{name}")
            case FileModule(path=path):
                return self.global_value(path, name)
            case Instance():
                return self.instance_attribute(value, name)
            case Super(cls=cls, instance=instance):
                start = instance.cls if isinstance(instance, Instance) and isinstance(instance.cls, ClassRef) else cls
                method = self.project.method(start, name, after=cls)
                return Bound(value if method else instance, name, method)
            case ClassRef():
                return self._class_attribute(value, name)
            case Choice(options=found):
                return join(self.attribute(o, name, node, frame) for o in found if not isinstance(o, Const))
            case Tensor() | Sequence() | ListOf() | Mapping() | Lazy():
                return tensors.tensor_attribute(self.whole, value, name, node, frame)
            case Unknown(key=key) if key and len(key) < 200:
                calls = NO_CALLS if name == "data" else value.calls  # the output of a model without its graph
                return Unknown("attribute of an unknown object", key=f"{key}.{name}", calls=calls)
            case _:
                return Unknown("attribute of an unknown object", calls=calls_of(value))

    def _class_attribute(self, cls: ClassRef, name: str) -> Value:
        method = self.project.method(cls, name)
        if method is not None:
            decorators = {d.id for d in getattr(self.node_of(method), "decorator_list", []) if isinstance(d, ast.Name)}
            return Bound(cls, name, method) if "classmethod" in decorators else method
        return self._class_level(cls, name) or Unknown("class attribute", key=f"{cls.path}:{cls.name}.{name}")

    def _class_level(self, cls: ClassRef, name: str) -> Value | None:
        if (cls, name) not in self._class_levels:
            self._class_levels[cls, name] = None  # what is asked for on the way
            self._class_levels[cls, name] = self._found_at_class_level(cls, name)
        return self._class_levels[cls, name]

    def _found_at_class_level(self, cls: ClassRef, name: str) -> Value | None:
        for base in self.project.lineage(cls):
            if not isinstance(base, ClassRef) or (found := self.project.class_node(base)) is None:
                continue
            file, node = found
            if name not in self._names_at_class_level(base, node):
                continue
            frame = Frame(file, Context("module", self._file_place(file)), State(), is_global=True, silent=True)
            values = [v for s in node.body for v in statements.values_assigned(self.whole, s, name, frame)]
            if values:
                return join(values)
        return None

    def _names_at_class_level(self, cls: ClassRef, node: ast.ClassDef) -> frozenset[str]:
        """The names that the body of a class assigns. They stay so for the project."""
        known: dict[ClassRef, frozenset[str]] = self.project.memory.setdefault("names of classes", {})
        if cls not in known:
            assignments = (s for s in node.body if isinstance(s, ast.Assign | ast.AnnAssign))
            known[cls] = frozenset(name for statement in assignments for name in target_names(statement))
        return known[cls]

    def instance_attribute(self, instance: Instance, name: str) -> Value:
        """An attribute of an object: set by `__init__` or another method, of the class, or unknown."""
        if not isinstance(instance.cls, ClassRef):
            return modules.external_attribute(self.whole, instance, name)
        if name == "__class__":
            return instance.cls
        if name == "__call__" and self.is_module_instance(instance):
            return instance
        attributes = self._initialised(instance)
        method = self.project.method(instance.cls, name)
        if self._may_be_set(instance, name, attributes) and method is None and (instance, name) not in self._searched:
            self._searched.add((instance, name))
            self._search(instance, name)
        if name in attributes:
            found = attributes[name]
        elif method is not None:
            return self._method_value(instance, name, method)
        else:
            missing = self._class_level(instance.cls, name)
            if missing is None and framework_calls.passes(self.whole, instance.cls, name):
                return Bound(instance, name)
            if missing is None and self.is_module_instance(instance):
                return modules.module_attribute(self.whole, instance, name)
            found = missing or Unknown("attribute set elsewhere", key=f"{self.label(instance)}.{name}")
        if self.is_module_instance(instance):
            self._own(instance, found)
        return found

    @staticmethod
    def _may_be_set(instance: Instance, name: str, attributes: dict[str, Value]) -> bool:
        """Whether another method may have set what `__init__` left out, or left as None in an object from elsewhere."""
        return name not in attributes or (instance.site is None and attributes[name] == NONE)

    def attributes_of(self, instance: Instance) -> dict[str, Value]:
        """What the methods of a class of the project assign to an object of it."""
        return dict(self._initialised(instance)) if isinstance(instance.cls, ClassRef) else {}

    def _method_value(self, instance: Instance, name: str, method: FunctionRef) -> Value:
        decorators = {d.id for d in getattr(self.node_of(method), "decorator_list", []) if isinstance(d, ast.Name)}
        if decorators & {"property", "cached_property"}:
            file = self.project.parse(method.path)
            assert file is not None
            frame = Frame(file, Context("module", self._file_place(file)), State(), silent=True)
            return self.call_function(method, (), {}, instance, None, frame)
        return Bound(instance, name, method)

    @staticmethod
    def label(instance: Instance) -> str:
        assert isinstance(instance.cls, ClassRef)
        where = f"@{instance.site.path}:{instance.site.start}" if instance.site else ""
        return f"{instance.cls.path}:{instance.cls.name}{where}"

    def _own(self, module: Instance, value: Value) -> None:
        """A module holds what its attribute is: setting its mode sets theirs."""
        for identity in [] if isinstance(value, Lazy) else identities(value):
            if identity != module:
                self.owners.setdefault(identity, module)

    def _initialised(self, instance: Instance) -> dict[str, Value]:
        assert isinstance(instance.cls, ClassRef)
        if instance not in self.attributes:
            self.attributes[instance] = {}
            method = self.project.method(instance.cls, "__init__")
            if method is not None:
                self._quietly(method, instance, instance.args, dict(instance.kwargs), instance.site is None)
            for value in list(self.attributes[instance].values()) if self.is_module_instance(instance) else ():
                self._own(instance, value)
        return self.attributes[instance]

    def _quietly(
        self, method: FunctionRef, instance: Instance, args: Seq[Value], kwargs: Kwargs, unknown_rest: bool
    ) -> None:
        file = self.project.parse(method.path)
        if file is None:
            return
        context = Context("module", self._file_place(file))
        frame = Frame(file, context, State(), silent=True, depth=MAX_DEPTH - INIT_DEPTH)
        with self.at_most(ATTRIBUTE_STEPS):
            self.call_function(method, args, kwargs, instance, None, frame, unknown_rest=unknown_rest)

    def _search(self, instance: Instance, name: str) -> None:
        """Run the methods that assign `self.<name>`, for their attributes only."""
        assert isinstance(instance.cls, ClassRef)
        for cls in self.project.lineage(instance.cls):
            if not isinstance(cls, ClassRef):
                continue
            for method in self.project.methods(cls).values():
                if method.name == "__init__" or not self._assigns(method, name, instance.cls.name):
                    continue
                constants = self._constants(method, name)
                for constant in constants:
                    self._set(self.attributes[instance], name, Const(constant.value))
                if not constants:
                    self._quietly(method, instance, (), {}, True)

    def _constants(self, method: FunctionRef, name: str) -> list[ast.Constant]:
        """The constants that a method sets an attribute to, where running it would teach nothing else."""
        return [] if self._tells(method) else constants_stored(self.node_of(method), name)

    def _tells(self, method: FunctionRef) -> bool:
        """Whether running a method may show something that a rule asks for. It stays so for the project."""
        known: dict[FunctionRef, bool] = self.project.memory.setdefault("telling", {})
        if method not in known:
            file, node = self.project.parse(method.path), self.node_of(method)
            assert file is not None and isinstance(node, ast.stmt)
            known[method] = _TELLING.search(file.source(node)) is not None
        return known[method]

    def _assigns(self, method: FunctionRef, name: str, cls: str) -> bool:
        """Whether a method assigns that attribute of a `cls`. Its text is asked first: it may not be parsed yet."""
        file, node = self.project.parse(method.path), self.node_of(method)
        assert file is not None and isinstance(node, ast.stmt)
        said = not file.text.isascii() or name in file.source(node)  # names in other letters may be written otherwise
        return said and name in stored_attributes(node, cls)

    def add_module(self, instance: Instance, name: object, module: Value) -> None:
        """`sequential.add_module("name", module)` or `.append(module)`."""
        known = self._added.setdefault(instance, {})
        known[name if name is not None else len(known)] = module

    def copy_modules(self, original: Instance, twin: Instance) -> None:
        """A copy of a container holds what was added to the original."""
        if original in self._added:
            self._added[twin] = dict(self._added[original])

    def added_modules(self, instance: Instance) -> list[Value]:
        """The modules that were added to a container after it was constructed, in order."""
        return list(self._added.get(instance, {}).values())

    def children_of(self, instance: Instance) -> list[Value]:
        """The modules that a torch container holds."""
        return [*modules.children(instance), *self.added_modules(instance)]

    @staticmethod
    def has_unknown_children(instance: Instance) -> bool:
        """Whether a container was made from something whose items aren't known."""
        return any(isinstance(o, Unknown) for a in instance.args for o in options(a))

    def call_item(self, instance: Instance, node: ast.Subscript, frame: Frame) -> Value:
        """`instance[...]`: an element of a container, an item of a dataset."""
        if isinstance(instance.cls, External):
            modules.note_position(self.whole, instance, node, frame)
            elements = self.children_of(instance)
            return join(elements) if elements else self._dataset_item(instance, frame)
        method = self.project.method(instance.cls, "__getitem__")
        if method is None:
            return Unknown("item of an object", key=f"{self.label(instance)}[]")
        return self.call_function(method, (Unknown("index"),), {}, instance, None, frame)

    def iterate_instance(self, instance: Instance, node: ast.AST, frame: Frame) -> Value:
        """One item of a loop over an object: a batch of a loader, an element of a container, an item of a dataset."""
        if isinstance(instance.cls, External):
            if instance.cls.name == "torch.utils.data.DataLoader":
                dataset = instance.argument(0, "dataset")
                if dataset is None or instance.argument(8, "collate_fn") is not None:
                    return Unknown("batch", key=f"{instance.site}[*]")
                return batched(join(self._item_of_dataset(d, frame) for d in options(dataset)))
            elements = [*modules.children(instance), *self.added_modules(instance)]
            return join(elements) if elements else self._dataset_item(instance, frame)
        for name, args in (("__next__", ()), ("__iter__", ()), ("__getitem__", (Unknown("index"),))):
            method = self.project.method(instance.cls, name)
            if method is None:
                continue
            value = force(self.call_function(method, args, {}, instance, None, frame))
            if name != "__iter__":
                return value
            if value != instance:
                return tensors.item_of(self.whole, value, node, frame)
        return Unknown("item of an object", key=f"{self.label(instance)}[*]")

    def _item_of_dataset(self, dataset: Value, frame: Frame) -> Value:
        if not isinstance(dataset, Instance):
            return Unknown("item of a dataset")
        if isinstance(dataset.cls, External):
            return self._dataset_item(dataset, frame)
        method = self.project.method(dataset.cls, "__getitem__")
        if method is None:
            return Unknown("item of a dataset")
        quiet = Frame(frame.file, frame.context, State(frame.state.grad), silent=True, depth=frame.depth + 1)
        return self.call_function(method, (Unknown("index"),), {}, dataset, None, quiet)

    def _dataset_item(self, dataset: Instance, frame: Frame) -> Value:
        assert isinstance(dataset.cls, External)
        name = dataset.cls.name
        if name == "torch.utils.data.TensorDataset":
            return Sequence(tuple(tensors.item_of(self.whole, a, ast.Pass(), frame) for a in dataset.args))
        if name in ("torch.utils.data.Subset", "torch.utils.data.ConcatDataset") and dataset.args:
            return self._item_of_dataset(force(dataset.args[0]), frame)
        if name.startswith("torchvision.datasets."):
            transform = force(dict(dataset.kwargs).get("transform", NONE))
            image: Value = Unknown("image")
            if isinstance(transform, Instance) and isinstance(transform.cls, External):
                image = modules.transformed(transform)
            return Sequence((image, Unknown("label")))
        return Unknown("item of an external object", key=f"{dataset.site}[*]")

    def set_attribute(self, value: Value, name: str, new: Value, frame: Frame) -> None:
        """`value.name = new`: what an attribute may be only grows."""
        self.kept_graphs += bool(calls_of(new))
        for option in options(value):
            if not isinstance(option, Instance):
                continue
            if isinstance(option.cls, ClassRef):
                known = self._initialised(option)  # else what `__init__` sets would be lost
            else:
                known = self.attributes.setdefault(option, {})
            self._set(known, name, new)
            if self.is_module_instance(option):
                self._own(option, new)

    @staticmethod
    def _set(known: dict[str, Value], name: str, new: Value) -> None:
        known[name] = join((known[name], new)) if name in known and known[name] != NONE else new


def _field(statement: ast.stmt) -> str:
    """The name in `name: type = default`, "" for other statements."""
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case _:
            return ""


def batched(item: Value) -> Value:
    """A batch of items: every tensor has one dimension more, in front."""
    match item:
        case Tensor(rank=rank):
            return replace(item, rank=None if rank is None else rank + 1, shape=None, layout=None, array=False)
        case Sequence(items=items):
            return replace(item, items=tuple(map(batched, items)))
        case Mapping(items=pairs):
            return Mapping(tuple((k, batched(v)) for k, v in pairs))
        case Const(value=int() | float()):
            return Tensor(rank=1)
        case _:
            return Unknown("batch", key=getattr(item, "key", ""))
