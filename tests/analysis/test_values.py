"""The abstract values: joining, forcing, looking inside."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from torchfix_codemods.analysis.values import (
    MAX_OPTIONS,
    NO_ACTIVATION,
    NONE,
    NOT_VOLATILE,
    Activation,
    Bound,
    Choice,
    ClassRef,
    Const,
    External,
    Instance,
    Lazy,
    ListOf,
    Mapping,
    Sequence,
    Site,
    Tensor,
    Unknown,
    Value,
    calls_of,
    force,
    join,
    joined_volatile,
    options,
    tensors_in,
)

HERE, THERE = Site("a.py", 1, 2), Site("a.py", 3, 4)
SOFTMAX = Activation("softmax", HERE, "function")
SIZES = st.one_of(st.none(), st.integers(0, 5))
TENSORS = st.builds(
    Tensor,
    rank=SIZES,
    dtype=st.sampled_from([None, "int64", "bool"]),
    layout=st.sampled_from([None, "CHW", "HWC"]),
    activations=st.sampled_from([frozenset(), frozenset([SOFTMAX])]),
    calls=st.frozensets(st.integers(0, 9), max_size=3),
    volatile=st.sampled_from([frozenset(), frozenset([HERE]), frozenset([THERE])]),
)
LEAVES = st.one_of(
    TENSORS,
    st.builds(Unknown, st.just("why"), st.sampled_from(["", "k", "l"]), st.frozensets(st.integers(0, 9), max_size=2)),
    st.builds(Const, st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3))),
    st.builds(External, st.sampled_from(["torch.nn.Linear", "os"])),
    st.builds(Instance, st.just(ClassRef("a.py", "Net", 1)), site=st.sampled_from([None, HERE, THERE])),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda items: Sequence(tuple(items)), st.lists(inner, max_size=3)),
        st.builds(ListOf, inner),
        st.builds(lambda pairs: Mapping(tuple(pairs.items())), st.dictionaries(st.text(max_size=2), inner, max_size=2)),
        st.builds(lambda values: join(values), st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda value: Lazy(lambda: value, calls_of(value)), inner),
    ),
    max_leaves=8,
)
cases = hypothesis_settings(max_examples=60, deadline=None)


@cases
@given(st.lists(VALUES, min_size=1, max_size=5))
def test_a_join_carries_every_call_of_its_parts(values: list[Value]):
    assert calls_of(join(values)) == frozenset().union(*map(calls_of, values))


@cases
@given(st.lists(LEAVES, min_size=1, max_size=5))
def test_a_join_does_not_depend_on_the_order(values: list[Value]):
    assert set(options(join(values))) == set(options(join(reversed(values))))
    assert len(list(options(join(values)))) <= MAX_OPTIONS


@cases
@given(VALUES)
def test_a_join_with_itself_is_the_value(value: Value):
    assert join((value, value)) == value
    assert list(options(join((value,)))) == list(options(value))


@cases
@given(st.lists(LEAVES, min_size=1, max_size=4), st.lists(LEAVES, min_size=1, max_size=4))
def test_joins_of_joins_are_flat(some: list[Value], more: list[Value]):
    nested, flat = join((join(some), join(more))), join((*some, *more))
    assert set(options(nested)) == set(options(flat))
    assert not any(isinstance(option, Choice) for option in options(nested))


@cases
@given(VALUES)
def test_equal_values_have_equal_hashes_and_forcing_ends(value: Value):
    assert hash(value) == hash(value)
    assert not isinstance(force(value), Lazy)
    assert all(not isinstance(option, Lazy | Choice) for option in options(value))
    assert all(isinstance(tensor, Tensor) for tensor in tensors_in(value))


@cases
@given(TENSORS, TENSORS)
def test_two_tensors_join_to_what_they_agree_on(one: Tensor, other: Tensor):
    both = join((one, other))
    assert isinstance(both, Tensor)
    for name in ("rank", "dtype", "layout"):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert getattr(both, name) == (mine if mine == theirs else None)
    assert both.calls == one.calls | other.calls
    if one != other:
        assert {a for a in both.activations if a.kind != "none"} == one.activations | other.activations
        assert (NO_ACTIVATION in both.activations) == (not (one.activations and other.activations))


def test_constants_differ_by_type_too():
    assert Const(1) != Const(True) != Const(1.0)
    assert Const(0.0) != Const(-0.0)
    assert Const(float("nan")) == Const(float("nan"))
    assert len({Const(1), Const(True), Const("1"), Const(b"1"), Const(1)}) == 4


def test_one_value_joins_to_itself_none_to_unknown_and_many_to_unknown():
    assert join([NONE]) == NONE
    assert isinstance(join([]), Unknown)
    many = [Unknown("x", str(i), frozenset([i])) for i in range(MAX_OPTIONS + 1)]
    assert isinstance(join(many[:-1]), Choice)
    lost = join(many)
    assert isinstance(lost, Unknown) and lost.calls == frozenset(range(MAX_OPTIONS + 1))


def test_the_options_of_a_join_keep_the_order_of_the_program():
    values = [Unknown("x", key) for key in "qwertz"]
    assert list(options(join(values))) == values
    assert join(values) == join(reversed(values)) and hash(join(values)) == hash(join(reversed(values)))


def test_a_lazy_value_is_computed_once_and_not_for_its_calls():
    runs = []

    def run() -> Value:
        runs.append(1)
        return Lazy(lambda: NONE, frozenset())

    lazy = Lazy(run, frozenset([7]))
    assert calls_of(Sequence((lazy,))) == {7} and not runs
    assert force(lazy) == force(lazy) == NONE and runs == [1]


def test_a_lazy_value_that_asks_for_itself_is_unknown():
    lazy = Lazy(lambda: force(lazy), frozenset([3]))
    found = force(lazy)
    assert isinstance(found, Unknown) and found.calls == {3}


def test_arguments_by_position_or_name():
    made = Instance(External("X"), (Const(1),), (("b", Const(2)),))
    assert made.argument(0, "a") == Const(1)
    assert made.argument(1, "b") == Const(2)
    assert made.argument(1, "c") is None
    assert Instance(External("X"), kwargs=(("a", NONE),)).argument(0, "a") == NONE


def test_equal_constructions_at_two_places_are_two_objects():
    cls = ClassRef("a.py", "Net", 1)
    assert Instance(cls, site=HERE) != Instance(cls, site=THERE)
    assert Instance(cls, (NONE,), site=HERE) == Instance(cls, (NONE,), site=HERE)


@pytest.mark.parametrize(
    ("sets", "joined"),
    [
        ([], set()),
        ([set(), set()], set()),
        ([{HERE}, {THERE}], {HERE, THERE}),
        ([{HERE}, set()], {HERE, NOT_VOLATILE}),
    ],
)
def test_what_is_volatile_on_one_path_only_says_so(sets: list[set[Site]], joined: set[Site]):
    assert joined_volatile(map(frozenset, sets)) == joined


def test_tensors_inside_containers_and_behind_methods():
    one, other = Tensor(rank=1, calls=frozenset([1])), Tensor(rank=2, calls=frozenset([2]))
    value = Mapping((("a", Sequence((one, NONE))), ("b", ListOf(Lazy(lambda: other, other.calls)))))
    assert list(tensors_in(value)) == [one, other]
    assert calls_of(value) == {1, 2}
    assert calls_of(Bound(value, "items")) == {1, 2}
    assert value.get("a") == Sequence((one, NONE)) and value.get("c") is None


def test_a_detached_tensor_has_no_graph_and_a_plain_one_nothing_else():
    tensor = Tensor(2, (3, None), "int64", "CHW", frozenset([SOFTMAX]), frozenset([1]), frozenset([HERE]))
    assert tensor.detached().calls == frozenset() and tensor.detached().activations == {SOFTMAX}
    assert tensor.plain() == Tensor(calls=frozenset([1]), volatile=frozenset([HERE]))
