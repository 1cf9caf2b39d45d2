"""TFC201: `volatile=True`, which has had no effect since torch 0.4."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torchfix_codemods.analysis.closer import topics_of
from torchfix_codemods.analysis.gate import Topic
from torchfix_codemods.analysis.parsed import ParsedFile
from torchfix_codemods.analysis.phases import phases_of
from torchfix_codemods.analysis.program import program_for
from torchfix_codemods.analysis.project import Project
from torchfix_codemods.analysis.values import Site
from torchfix_codemods.findings import Edit, Finding, Level, Location, Step
from torchfix_codemods.rewrite import verbs
from torchfix_codemods.rules import ours
from torchfix_codemods.rules._shared import location_of, propose
from torchfix_codemods.rules._volatile_conditions import ELSEWHERE, condition_of, in_branches, runs_of, switch_edits
from torchfix_codemods.rules._volatile_flags import Attribute, Flag, attributes_in, flags_in, is_for_old_torch
from torchfix_codemods.rules._volatile_flow import Consumer, Flow
from torchfix_codemods.rules._volatile_helpers import NotFollowed, helper_of, parameter_of
from torchfix_codemods.rules._volatile_regions import NotWrapped, Wrap, Wraps
from torchfix_codemods.rules._volatile_unused import reason_to_keep

IDENTITY = ("TFC201", "volatile-variable")
MESSAGE = "volatile has had no effect since torch 0.4"
TOO_MUCH = "there is more code around it than could be followed"
SWITCH = "Switch gradients where the model runs"
GRAPHS = f"{MESSAGE}: graphs are built where none was wanted"


def check(file: ParsedFile, project: Project) -> Iterator[Finding]:
    """Every volatile argument of the file, and every `.volatile` of a tensor."""
    if Topic.VOLATILE not in topics_of(project, file.path):
        return
    flags = [flag for flag in flags_in(file, project) if not is_for_old_torch(file, flag.call)]
    if not flags and not (".volatile" in file.text and ("torch" in file.text or "Variable" in file.text)):
        return
    case = _Case(file, project, flags)
    for flag in flags:
        yield case.of_flag(flag)
    for attribute in attributes_in(file, project, case.program):
        if not is_for_old_torch(file, attribute.node):
            yield case.of_attribute(attribute)


@dataclass
class _Outcome:
    """What is to be done about one finding."""

    edits: list[Edit]
    wraps: list[Wrap]
    level: Level = Level.EQUIVALENT
    title: str = ""


class _Case:
    """One file: its flags, who consumes them, and the regions that follow."""

    def __init__(self, file: ParsedFile, project: Project, flags: list[Flag]) -> None:
        self.file = file
        self.project = project
        self.flags = flags
        self._known = {file.path: {flag.site: flag for flag in flags}}
        self.program = program_for(project, file.path)
        self.flow = Flow(phases_of(self.program))
        self.wraps = Wraps(self.flow, frozenset(id(c) for c in self.flow.consumers if self._is_conditional(c)))

    def _is_conditional(self, consumer: Consumer) -> bool:
        """Whether a flag that is an expression, evaluated in the same function, decides about the call."""
        flags = [self._flag_at(site) for site in consumer.sites]
        return all(flag is not None and flag.constant is None and _is_switch(flag, [consumer]) for flag in flags)

    def _flag_at(self, site: Site) -> Flag | None:
        """The argument behind a volatile value; None for a store."""
        if site.path not in self._known:
            file = self.project.parse(site.path)
            self._known[site.path] = {f.site: f for f in flags_in(file, self.project)} if file is not None else {}
        return self._known[site.path].get(site)

    # --- arguments -------------------------------------------------------------------------------------------------

    def of_flag(self, flag: Flag) -> Finding:
        """The finding for one argument of `Variable`."""
        consumers = self.flow.consumers_of(flag.site)
        message = MESSAGE if flag.constant is False else GRAPHS
        return self._finding(flag.location, message, lambda: self._outcome(flag, consumers), consumers)

    def _outcome(self, flag: Flag, consumers: list[Consumer]) -> _Outcome:
        if flag.subclass:
            raise NotWrapped("the class is the project's own, and decides itself what the argument means")
        if flag.constant is False:
            return _Outcome(flag.removal(), [], title="Drop volatile=False, which never did anything")
        if flag.constant and flag.raises:
            raise NotWrapped("volatile beside requires_grad=True raises today; only the author knows what was meant")
        if flag.constant is None and _is_switch(flag, consumers):
            if not runs_of(consumers):
                return self._without_consumer(flag)
            edits, level = switch_edits(flag, consumers, self.wraps)
            return _Outcome(_together(self.project, flag.removal(), edits), [], level, SWITCH)
        if flag.constant is None:
            return self._of_helper(flag, consumers)
        try:
            return self._wrapped(flag.removal(), self._regions(flag, consumers))
        except NotWrapped:
            if (outcome := self._of_branch(flag, consumers)) is not None:
                return outcome
            raise

    def _of_branch(self, flag: Flag, consumers: list[Consumer]) -> _Outcome | None:
        """`if train: x = Variable(x) else: x = Variable(x, volatile=True)`: the condition takes the flag's place."""
        for conditional in in_branches(flag, consumers) if runs_of(consumers) else ():
            try:
                edits, level = switch_edits(conditional, consumers, self.wraps)
            except NotWrapped:
                continue
            return _Outcome(_together(self.project, flag.removal(), edits), [], level, SWITCH)
        return None

    def _without_consumer(self, flag: Flag) -> _Outcome:
        """A condition that decides about no forward in view."""
        if (reason := reason_to_keep(flag, self.flow, self.project)) is None:
            return _Outcome(flag.removal(), [], title="Drop volatile")
        if flag.in_module(self.project):
            raise NotWrapped(reason)
        raise NotWrapped(ELSEWHERE.format(condition=condition_of(flag)))

    def _of_helper(self, flag: Flag, consumers: list[Consumer]) -> _Outcome:
        helper = helper_of(flag, self.flags, self.project)
        if not self.program.followed:
            raise NotFollowed(TOO_MUCH)
        wanted = any(call.value for call in helper.calls)
        outcome = self._wrapped(helper.edits(), self._regions(flag, consumers) if wanted else [])
        what = f"Drop the parameter {helper.parameter} of {helper.function.name}()" if helper.pure else "Drop volatile"
        outcome.title = outcome.title.replace("Drop volatile", what)
        return outcome

    def _regions(self, flag: Flag, consumers: list[Consumer]) -> list[Wrap]:
        """What has to go under no_grad. Raises `NotWrapped` where some of it cannot, or where it was not found."""
        wraps = self._wraps_of(consumers)
        if not any(c.runs for c in consumers) and not self.flow.is_target(flag.site):
            if (around := self.wraps.around(self.file.path, flag.call)) is not None:
                wraps = [around]  # a label, or a branch that no caller takes: it belongs to the forward beside it
            elif reason := reason_to_keep(flag, self.flow, self.project):
                raise NotWrapped(reason)
        wide = [w for w in wraps if w.kind == "function" or not w.holds(self.file.path, flag.call)]
        if wide and not self.program.followed:
            raise NotWrapped(TOO_MUCH)
        return wraps

    def _wraps_of(self, consumers: list[Consumer]) -> list[Wrap]:
        if failures := [self.wraps.failures[id(c)] for c in consumers if id(c) in self.wraps.failures]:
            raise NotWrapped(failures[0])
        if consumers and not all(c.trace.complete for c in consumers):
            raise NotWrapped(TOO_MUCH)
        return list({id(w): w for c in consumers if (w := self.wraps.of.get(id(c))) is not None}.values())

    def _wrapped(self, edits: list[Edit], wraps: list[Wrap]) -> _Outcome:
        """The edits together with those that wrap regions."""
        around = [edit for wrap in wraps for edit in wrap.edits()]
        level = max((wrap.level for wrap in wraps), default=Level.EQUIVALENT)
        title = " and ".join(["Drop volatile", *(wrap.title for wrap in wraps)])
        return _Outcome(_together(self.project, edits, around), wraps, level, title)

    # --- attributes ------------------------------------------------------------------------------------------------

    def of_attribute(self, attribute: Attribute) -> Finding:
        """The finding for `x.volatile`, read or stored."""
        site = Site(self.file.path, *self.file.span(attribute.node))
        consumers = self._cleared(attribute) if attribute.use == "cleared" else self.flow.consumers_of(site)
        return self._finding(
            self.file.location(attribute.node), MESSAGE, lambda: self._of_store(attribute, consumers), consumers
        )

    def _cleared(self, attribute: Attribute) -> list[Consumer]:
        """The model calls whose output is made usable again by `x.volatile = False`."""
        calls = {(id(trace), id_) for trace, event in attribute.events for id_ in event.calls}
        return [c for c in self.flow.consumers if (id(c.trace), c.event.id) in calls]

    def _of_store(self, attribute: Attribute, consumers: list[Consumer]) -> _Outcome:
        if attribute.use == "read":
            raise NotWrapped("`volatile` is always False today; what depends on it is dead, and its author knows why")
        statement = self.file.enclosing_statement(attribute.node)
        alone = isinstance(statement, ast.Assign) and statement.targets == [attribute.node]
        if not alone or attribute.use == "unknown" or (attribute.use == "set" and not consumers):
            raise NotWrapped("it is not clear which forward was meant to build no graph")
        wraps = self._wraps_of(consumers)
        return self._wrapped(verbs.delete_statement(self.file, statement), wraps)

    # --- findings --------------------------------------------------------------------------------------------------

    def _finding(
        self, location: Location, message: str, decide: Callable[[], _Outcome], consumers: Sequence[Consumer]
    ) -> Finding:
        try:
            outcome = decide()
        except (NotWrapped, NotFollowed, verbs.CannotRewrite) as error:
            reason = str(error)
            steps = list(self._steps(consumers))
            return propose(IDENTITY, Level.SUGGESTION, location, message, steps, "", None, reason)
        steps = list(self._steps(consumers))
        return propose(IDENTITY, outcome.level, location, message, steps, outcome.title, lambda: outcome.edits)

    def _steps(self, consumers: Sequence[Consumer]) -> Iterator[Step]:
        """Where the value is used, each place once."""
        for place in sorted({c.event.place for c in consumers}):
            group = [c for c in consumers if c.event.place == place]
            if all(c.is_target for c in group):
                text = "the value is only compared with the output of a model here"
            elif all(c.event.grad is False for c in group):
                text = "a model runs on it here, with gradients off"
            elif any(c.trained for c in group):
                text = "a model runs on it here, and its output is the target of a loss"
            else:
                text = "a model runs on it here, with gradients on; nothing of it reaches a backward pass"
            yield Step(location_of(self.project, place), text)


def _is_switch(flag: Flag, consumers: list[Consumer]) -> bool:
    """Whether the flag is an expression that decides in its own function, not a parameter that a helper hands on."""
    if parameter_of(flag) is None:
        return True
    function = flag.function
    return any(
        c.event.context.frame().place.path == flag.file.path
        and function is not None
        and c.event.context.frame().place.line == function.lineno
        for c in consumers
    )


def _together(project: Project, removed: list[Edit], wrapped: list[Edit]) -> list[Edit]:
    """Both sets of edits, without the indentation of lines that go."""
    return [*removed, *(edit for edit in wrapped if not any(_goes_with(project, edit, r) for r in removed))]


def _goes_with(project: Project, edit: Edit, removed: Edit) -> bool:
    """Whether an insertion stands on a line that another edit takes away."""
    if edit.path != removed.path or edit.start != edit.end or not removed.start <= edit.start < removed.end:
        return False
    text = project.read(edit.path) or ""
    return removed.start < edit.start or text[removed.start : removed.end].endswith(("\n", "\r"))


RULE = ours(IDENTITY[0])
