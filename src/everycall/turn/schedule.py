"""Which call waits for which: calls in conflict keep the order of the message, all others run at once. Pure.

1. A call waits for the calls before it that touch what it touches (`core.footprint`), and for nothing else. Waits only
   point back, so they cannot form a circle, and whoever is first never waits.
2. A reader waits for writers; a writer for readers and writers; both for what is above and below their key.
3. A call that must wait for many waits for one *crowd* that stands for them: a message of n calls costs some n times
   the depth of its keys, never n times n.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from everycall.core.footprint import Footprint, Key


class Node:
    """A call in the order; or a crowd of calls, which is done when all of them are.

    Args:
        subject: what the node stands for; None for a crowd.
        freed: called with *subject* when nothing is left to wait for.
        remembers: keep whom it waited for, for `calls_before`. Where an order outlives its calls it must not: each
            would keep the one before it alive.
    """

    __slots__ = (
        "_followers",
        "_predecessors",
        "_waiting_for",
        "any_failed",
        "done",
        "failed",
        "freed",
        "remembers",
        "settled",
        "subject",
    )

    def __init__(
        self, subject: Any = None, freed: Callable[[Any], None] | None = None, *, remembers: bool = True
    ) -> None:
        self.subject = subject
        self.freed = freed
        self.remembers = remembers
        self._predecessors: list[Node] = []
        self._followers: list[Node] = []
        self._waiting_for = 0
        self.any_failed = False  # one that it waited for did not succeed
        self.settled = False  # it has its result; or it is a crowd, which needs none
        self.done = self.failed = False  # done: settled, and so is all that came before it

    @property
    def free(self) -> bool:
        """Whether nothing is left to wait for."""
        return not self._waiting_for

    def wait_for(self, other: "Node") -> None:
        """Let this node come after *other*."""
        if other is self:
            return
        if self.remembers:
            self._predecessors.append(other)
        if other.done:
            self.any_failed |= other.failed
        else:
            other._followers.append(self)  # noqa: SLF001 -- another node
            self._waiting_for += 1

    def settle(self, *, failed: bool = False) -> None:
        """Say that the call has its result; those that waited for it alone are free now, and are told.

        A call may have its result before those that it would have waited for: it was denied, say. Who waits for it
        alone waits for them through it, so it is done only when they are.
        """
        if self.settled:
            return
        self.settled, self.failed = True, failed
        self.freed = None  # it will not be told any more: whom it would tell is not kept alive by it
        done = [self] if self.free else []
        while done:
            node = done.pop()
            node.done = True
            followers, node._followers = node._followers, []  # noqa: SLF001
            for follower in followers:
                follower._waiting_for -= 1  # noqa: SLF001
                follower.any_failed |= node.failed
                if not follower.free:
                    continue
                if follower.settled:
                    follower.failed |= follower.subject is None and follower.any_failed
                    done.append(follower)
                elif follower.freed is not None:
                    follower.freed(follower.subject)

    def predecessors(self) -> tuple["Node", ...]:
        """Return what this one waits for, or waited for: calls, and crowds, which many others may wait for too."""
        return tuple(self._predecessors)

    def calls_before(self) -> Iterator[Any]:
        """Yield the subjects of the calls that this one waits for, or waited for: each once, crowds resolved."""
        pending = self._predecessors[::-1]
        seen: set[int] = set()
        while pending:
            node = pending.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if node.subject is None:
                pending.extend(node._predecessors[::-1])  # noqa: SLF001
            else:
                yield node.subject


class _Crowd:
    """Calls that somebody may have to wait for, old ones bundled: each of them is waited for once, not by everyone."""

    __slots__ = ("_bundle", "_fresh")

    def __init__(self) -> None:
        self._bundle: Node | None = None
        self._fresh: list[Node] = []

    def add(self, node: Node) -> None:
        self._fresh.append(node)

    def replace(self, node: Node) -> None:
        self._bundle, self._fresh = None, [node]

    def clear(self) -> None:
        self._bundle, self._fresh = None, []

    def before(self, node: Node) -> None:
        """Let *node* come after all of them."""
        if not self._fresh and self._bundle is None:
            return
        if len(self._fresh) + (self._bundle is not None) > 1:
            bundle = Node(remembers=node.remembers)
            for one in self._fresh if self._bundle is None else [self._bundle, *self._fresh]:
                bundle.wait_for(one)
            bundle.settle(failed=bundle.any_failed)
            self._bundle, self._fresh = bundle, []
        node.wait_for(self._fresh[0] if self._fresh else self._bundle)  # type: ignore[arg-type] # one of them is there

    def forget_done(self) -> bool:
        """Drop what is done. Returns whether nothing is left."""
        self._fresh = [one for one in self._fresh if not one.done]
        if self._bundle is not None and self._bundle.done:
            self._bundle = None
        return not self._fresh and self._bundle is None


class _Branch:
    """One key: who reads and writes exactly it, and who does at it or below."""

    __slots__ = ("below", "readers", "readers_within", "writers", "writers_within")

    def __init__(self) -> None:
        self.readers, self.writers = _Crowd(), _Crowd()
        self.readers_within, self.writers_within = _Crowd(), _Crowd()
        self.below: dict[str, _Branch] = {}

    def crowds(self) -> tuple[_Crowd, ...]:
        return (self.readers, self.writers, self.readers_within, self.writers_within)


class Order:
    """The order of calls by what they touch. Calls are added in the order of the message."""

    __slots__ = ("_added", "_barrier", "_live", "_root", "_since_barrier")

    def __init__(self) -> None:
        self._root = _Branch()
        self._barrier = _Crowd()  # the last exclusive call
        self._since_barrier = _Crowd()  # all calls after it
        self._added = self._live = 0

    def add(self, node: Node, footprint: Footprint | None) -> None:
        """Put *node* after every call in conflict with it that was added before.

        Args:
            node: a call that waits for nobody yet.
            footprint: what it touches; None if it says nothing: then it waits for an exclusive call alone.
        """
        if footprint is not None and footprint.exclusive:
            self._since_barrier.before(node)
            self._barrier.before(node)
            self._barrier.replace(node)
            self._since_barrier.clear()
            self._root = _Branch()  # whoever comes now waits for this one, and so for all before it
            return
        self._barrier.before(node)
        self._since_barrier.add(node)
        if footprint is not None:
            writes = set(footprint.writes)
            waited = [(key, self._wait(node, key, writes=True)) for key in writes]
            waited += [(key, self._wait(node, key, writes=False)) for key in footprint.reads if key not in writes]
            for key, path in waited:  # only now: a call does not wait for itself
                self._record(node, path, writes=key in writes)
        self._added += 1
        if self._added > 2 * self._live + 64:
            self._forget_done()

    def _path(self, key: Key) -> list[_Branch]:
        path = [self._root]
        for segment in key:
            branch = path[-1].below.get(segment)
            if branch is None:
                branch = path[-1].below[segment] = _Branch()
            path.append(branch)
        return path

    def _wait(self, node: Node, key: Key, *, writes: bool) -> list[_Branch]:
        path = self._path(key)
        for branch in path[:-1]:
            branch.writers.before(node)
            if writes:
                branch.readers.before(node)
        path[-1].writers_within.before(node)
        if writes:
            path[-1].readers_within.before(node)
        return path

    @staticmethod
    def _record(node: Node, path: list[_Branch], *, writes: bool) -> None:
        own = path[-1]
        if writes:
            own.below.clear()  # who touched anything here comes before this writer, and this writer before the next
            for crowd in own.crowds():
                crowd.clear()
        (own.writers if writes else own.readers).add(node)
        for branch in path:
            (branch.writers_within if writes else branch.readers_within).add(node)

    def _forget_done(self) -> None:
        """Drop settled calls and keys that nobody uses: an order may live as long as its program."""
        self._barrier.forget_done()
        self._since_barrier.forget_done()
        branches, leaving = [self._root], list[tuple[dict[str, _Branch], str, _Branch]]()
        while branches:
            branch = branches.pop()
            leaving.extend((branch.below, segment, one) for segment, one in branch.below.items())
            branches.extend(branch.below.values())
        self._live = 0
        for siblings, segment, branch in reversed(leaving):  # from the leaves up
            empty = [crowd.forget_done() for crowd in branch.crowds()]
            if all(empty) and not branch.below:
                del siblings[segment]
            else:
                self._live += 1
        for crowd in self._root.crowds():
            crowd.forget_done()
        self._added = self._live


class Schedule(NamedTuple):
    """The calls of one turn in their order.

    Attributes:
        order: takes a call whose arguments were changed on the way.
        nodes: by position, one for each call that may run.
    """

    order: Order
    nodes: dict[int, Node]


def schedule(footprints: Mapping[int, Footprint | None]) -> Schedule:
    """Return who waits for whom.

    Args:
        footprints: by position, in the order of the message, of every call that may run.

    """
    order, nodes = Order(), dict[int, Node]()
    for position, footprint in footprints.items():
        nodes[position] = node = Node(position)
        order.add(node, footprint)
    return Schedule(order, nodes)


class ScheduledCall(NamedTuple):
    """One call in `Turn.schedule`.

    Attributes:
        call_id: the id in the exchange.
        tool_name: the tool's name.
        waits_for: the ids of the calls that it waits for, or waited for; not those that these wait for in turn.
        footprint: what it touches; None if its tool says nothing.
    """

    call_id: str
    tool_name: str
    waits_for: tuple[str, ...]
    footprint: Footprint | None
