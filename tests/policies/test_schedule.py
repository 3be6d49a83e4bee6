"""Calls in conflict keep the order of the message; all others run at once."""

import itertools
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everycall import ToolRegistry, open_turn
from everycall.core.footprint import MAX_SEGMENTS, Footprint, conflict, keys_of
from everycall.turn.schedule import Node, Order, schedule
from tests.growth import assert_grows_within

KEYS = ["f:", "f:a", "f:a/b", "f:a/b/c", "f:b", "g:x", "g:x/y"]
some_keys = st.lists(st.sampled_from(KEYS), max_size=2).map(keys_of)
footprints = st.one_of(
    st.none(),
    st.builds(Footprint, reads=some_keys, writes=some_keys),
    st.builds(Footprint, reads=some_keys, writes=some_keys),
    st.just(Footprint(exclusive=True)),
)


def before(nodes):
    """For each position, everything that comes before it, directly or through others."""
    known = {}
    for position, node in nodes.items():
        direct = set(node.calls_before())
        known[position] = direct.union(*(known[one] for one in direct)) if direct else set()
    return known


@given(st.lists(footprints, min_size=2, max_size=12))
@settings(max_examples=400)
def test_a_call_comes_after_exactly_those_it_is_linked_to_by_conflicts(given_footprints):
    made = schedule(dict(enumerate(given_footprints)))
    if made is None:
        assert not any(given_footprints)
        return
    expected = {}
    for position, one in enumerate(given_footprints):
        direct = {at for at in range(position) if conflict(given_footprints[at], one)}
        expected[position] = direct.union(*(expected[at] for at in direct)) if direct else set()
    assert before(made.nodes) == expected


@given(st.lists(footprints, min_size=2, max_size=10), st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_every_call_is_freed_once_all_before_it_are_settled_in_whatever_order(given_footprints, rng):
    made = schedule(dict(enumerate(given_footprints)))
    if made is None:
        return
    earlier = before(made.nodes)
    free = [at for at, node in made.nodes.items() if node.free]
    for node in made.nodes.values():
        node.freed = free.append
    settled = set()
    while free:
        position = free.pop(rng.randrange(len(free)))
        assert earlier[position] <= settled
        settled.add(position)
        made.nodes[position].settle(failed=False)
    assert settled == set(made.nodes)


def test_a_call_that_is_settled_before_its_turn_does_not_let_its_successor_overtake_its_predecessor():
    nodes = schedule({at: Footprint(writes=keys_of(["f:a"])) for at in range(3)}).nodes
    freed = []
    nodes[2].freed = freed.append
    nodes[1].freed = freed.append
    nodes[1].settle(failed=True)  # denied, say, while the first still runs
    assert freed == []
    nodes[0].settle(failed=False)
    assert freed == [2]
    assert nodes[2].any_failed


def test_failure_is_told_through_a_crowd():
    footprints = {at: Footprint(reads=keys_of(["f:a"])) for at in range(50)}
    footprints[50] = Footprint(writes=keys_of(["f:a"]))
    nodes = schedule(footprints).nodes
    for at in range(50):
        nodes[at].settle(failed=at == 7)
    assert nodes[50].free
    assert nodes[50].any_failed


def links_of(nodes):
    seen, pending, links = set(), list(nodes.values()), 0
    while pending:
        node = pending.pop()
        if id(node) not in seen:
            seen.add(id(node))
            links += len(node._predecessors)
            pending.extend(node._predecessors)
    return links


@pytest.mark.parametrize(
    "shape",
    [
        lambda n: [("f:", "r")] * n + [(f"f:{at}", "w") for at in range(n)],
        lambda n: [(f"f:{at}", "w") for at in range(n)] + [("f:", "r")] * n,
        lambda n: list(itertools.chain(*[(("f:", "r"), (f"f:{at}", "w")) for at in range(n)])),
        lambda n: [("f:a", "w")] * 2 * n,
        lambda n: list(itertools.chain(*[((f"f:{at}", "r"), ("f:", "w")) for at in range(n)])),
    ],
)
def test_the_schedule_of_many_calls_is_linear_in_their_number(shape):
    def links(count):
        footprints = [
            Footprint(reads=keys_of([key])) if kind == "r" else Footprint(writes=keys_of([key]))
            for key, kind in shape(count)
        ]
        return links_of(schedule(dict(enumerate(footprints))).nodes)

    assert links(400) <= 2.2 * links(200) + 20
    assert links(400) <= 400 * 12


def test_an_order_that_outlives_its_calls_does_not_grow():
    order = Order()
    for number in range(20_000):
        node = Node(number, lambda _: None, remembers=False)
        order.add(node, Footprint(writes=keys_of([f"f:{number}", "f:hot/x"])))
        node.settle()
    assert len(order._root.below["f"].below) < 200
    assert all(len(crowd._fresh) < 200 for crowd in order._root.crowds())


def test_a_node_of_a_long_lived_order_keeps_none_of_those_before_it_alive():
    order, nodes = Order(), []
    for number in range(100):
        node = Node(number, lambda _: None, remembers=False)
        order.add(node, Footprint(reads=keys_of(["f:a"])) if number % 2 else Footprint(writes=keys_of(["f:a"])))
        nodes.append(node)
    assert not any(node._predecessors for node in nodes)


def test_ten_thousand_calls_are_scheduled_in_a_moment():
    footprints = {at: Footprint(reads=keys_of(["f:"])) for at in range(5000)}
    footprints |= {at: Footprint(writes=keys_of([f"f:d/{at}"])) for at in range(5000, 10_000)}
    began = time.process_time()
    schedule(footprints)
    assert time.process_time() - began < 3


def test_deep_keys_cost_no_more_than_their_first_segments():
    began = time.process_time()
    footprints = {at: Footprint(writes=keys_of([f"f:{at}/" + "a/" * 2000])) for at in range(256)}
    made = schedule(footprints)
    assert time.process_time() - began < 1.5  # it takes a tenth of a second; all their segments took eight
    branches, count = [made.order._root], 0
    while branches:
        count += 1
        branches.extend(branches.pop().below.values())
    assert count <= 256 * MAX_SEGMENTS + 2


def turn_of_readers_and_writers(count):
    tools = ToolRegistry()
    tools.add(lambda path: None, name="read", reads="file:{path}")
    tools.add(lambda path: None, name="write", writes="file:{path}")
    asked = [("read", "d")] * (count // 2) + [("write", f"d/{at}") for at in range(count // 2)]
    calls = [
        {"id": f"c{at}", "type": "function", "function": {"name": name, "arguments": f'{{"path": "{path}"}}'}}
        for at, (name, path) in enumerate(asked)
    ]
    return open_turn({"role": "assistant", "content": None, "tool_calls": calls}, tools)


def test_calls_that_wait_for_the_same_crowd_share_its_ids():
    seen = turn_of_readers_and_writers(100).schedule
    readers = tuple(f"c{at}" for at in range(50))
    assert [one.waits_for for one in seen] == [()] * 50 + [readers] * 50
    assert len({id(one.waits_for) for one in seen[50:]}) == 1


def test_the_schedule_of_a_turn_is_shown_in_time_linear_in_its_calls():
    assert_grows_within(9, lambda turn: turn.schedule, *map(turn_of_readers_and_writers, (1000, 4000)))
