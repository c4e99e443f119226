"""RFC 6962 Merkle trees over SHA-256: hashes, roots, appending, inclusion and consistency proofs.

A *leaf* is the 32-byte hash of an entry.  A *complete subtree* `(level, index)` holds the
`2**level` leaves from `index * 2**level` on.  Proofs are checked by the algorithms of RFC 9162
§2.1.3.2 and §2.1.4.2; what is no proof at all (a hash of another length, size zero) raises too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

ReadSubtree = Callable[[int, int], bytes]
"""Returns the root of the complete subtree `(level, index)`."""


class ProofError(ValueError):
    """A proof that does not prove what it is given for; the message says why."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the leaf of an entry: SHA-256(0x00 || entry), RFC 6962 §2.1."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 || left || right), RFC 6962 §2.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Iterable[bytes]) -> bytes:
    """Return the root of the tree of these leaves; SHA-256 of nothing if there are none."""
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier.root()


class Frontier:
    """The right edge of a growing tree: enough to append, O(log n) memory.

    `nodes` are the roots of the complete subtrees that the size is made of, largest first: one for
    each 1 in its binary form.
    """

    __slots__ = ("nodes", "size")

    def __init__(self, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        """Continue a tree of `size`; raises ValueError if `nodes` do not fit it."""
        self.size, self.nodes = size, list(nodes)
        if size < 0 or len(self.nodes) != size.bit_count():
            raise ValueError(f"a tree of {size} has {size.bit_count()} nodes on its edge")

    def append(self, leaf: bytes) -> None:
        """Add a leaf."""
        self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaves in order."""
        nodes, size, sha256 = self.nodes, self.size, hashlib.sha256
        for leaf in leaves:
            node, carry = leaf, size
            while carry & 1:
                node = sha256(b"\x01" + nodes.pop() + node).digest()
                carry >>= 1
            nodes.append(node)
            size += 1
        self.size = size

    def append_subtree(self, level: int, node: bytes) -> None:
        """Add the complete subtree of `2**level` leaves whose root is `node`.

        Raises ValueError if the size is not a multiple of `2**level`.
        """
        if self.size & ((1 << level) - 1):
            raise ValueError(f"a subtree of 2**{level} leaves cannot begin at {self.size}")
        carry = self.size >> level
        while carry & 1:
            node = node_hash(self.nodes.pop(), node)
            carry >>= 1
        self.nodes.append(node)
        self.size += 1 << level

    def root(self) -> bytes:
        """Return the root of the tree as it stands."""
        if not self.nodes:
            return EMPTY_ROOT
        result = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            result = node_hash(node, result)
        return result


def subtree_root(start: int, end: int, read: ReadSubtree) -> bytes:
    """Return the root of the tree of leaves `[start, end)`.

    `start` is where such a subtree can begin in a larger tree, as the functions below make it.
    """
    if start == end:
        return EMPTY_ROOT
    frontier = Frontier()
    while start < end:
        width = 1 << (end - start).bit_length() - 1
        level = width.bit_length() - 1
        frontier.nodes.append(read(level, start >> level))
        start += width
    return frontier.root()


def prove_inclusion(index: int, size: int, read: ReadSubtree) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree of `size` leaves, leaf's sibling first.

    RFC 6962 §2.1.1.  Raises ProofError if there is no such leaf.
    """
    if not 0 <= index < size:
        raise ProofError(f"there is no leaf {index} in a tree of {size}")
    ranges: list[tuple[int, int]] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return [subtree_root(low, high, read) for low, high in reversed(ranges)]


def prove_consistency(old: int, new: int, read: ReadSubtree) -> list[bytes]:
    """Return the proof that the tree of `new` leaves begins with the tree of `old` leaves.

    RFC 6962 §2.1.2.  Empty if the sizes are equal.  Raises ProofError unless 0 < old <= new.
    """
    if not 0 < old <= new:
        raise ProofError(f"there is no consistency proof from {old} to {new}")
    ranges: list[tuple[int, int]] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start, whole = middle, False
    if not whole:
        ranges.append((start, end))
    return [subtree_root(low, high, read) for low, high in reversed(ranges)]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes
) -> None:
    """Check that `leaf` is number `index` of the tree of `size` leaves with root `expected`.

    RFC 9162 §2.1.3.2.  Raises ProofError.
    """
    _check_hashes((leaf, expected, *proof))
    if not 0 <= index < size:
        raise ProofError(f"there is no leaf {index} in a tree of {size}")
    position, last, result = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise ProofError("the proof has too many hashes")
        if position & 1 or position == last:
            result = node_hash(step, result)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            result = node_hash(result, step)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ProofError("the proof has too few hashes")
    if result != expected:
        raise ProofError("the proof leads to another root")


def verify_consistency(
    old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Check that the tree of `new` leaves begins with the tree of `old` leaves.

    RFC 9162 §2.1.4.2.  Raises ProofError; also for `old` 0, of which every tree is a continuation,
    so that a proof would prove nothing.
    """
    _check_hashes((old_root, new_root, *proof))
    if not 0 < old <= new:
        raise ProofError(f"there is no consistency proof from {old} to {new}")
    if old == new:
        if proof:
            raise ProofError("between equal sizes the proof must be empty")
        if old_root != new_root:
            raise ProofError("two roots for one size")
        return
    if not proof:
        raise ProofError("the proof is empty")
    _climb(old, new, proof, old_root, new_root)


def _climb(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise ProofError("the proof has too many hashes")
        if position & 1 or position == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while position and not position & 1:
                position, last = position >> 1, last >> 1
        else:
            after = node_hash(after, step)
        position, last = position >> 1, last >> 1
    if last != 0:
        raise ProofError("the proof has too few hashes")
    if before != old_root:
        raise ProofError("the proof leads to another old root")
    if after != new_root:
        raise ProofError("the proof leads to another new root")


def _split(count: int) -> int:
    """Return the largest power of two below `count` (RFC 6962 §2.1)."""
    return 1 << (count - 1).bit_length() - 1


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(h) != HASH_SIZE for h in hashes):
        raise ProofError("a hash is not 32 bytes long")
