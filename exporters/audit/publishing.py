"""From a tree to a checkpoint that outsiders see, in the one order that is safe.

The tree's files are durable first, then the head in the private state, and only then is anything
signed: so whatever was signed once is known after a crash, and no other root is ever signed for
its size.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from exporters.audit import place
from exporters.audit.log_tree import LogTree
from exporters.audit.place import Head, Place
from exporters.audit.signer import Signer
from exporters.audit.tree_files import TreeFiles

Cosign = Callable[[bytes], bytes]
"""Takes a signed checkpoint and returns it with the cosignatures of witnesses added, if any."""


def publish(
    at: Place, files: TreeFiles, origin: str, tree: LogTree, signer: Signer, cosign: Cosign
) -> bytes:
    """Sign the tree, keep and expose its checkpoint; return the checkpoint.

    The tree's files are durable already.  Raises `TreeDamaged` if another root was signed for this
    size before, or OSError; the same call may be tried again then.
    """
    head = Head(
        epoch=origin.rpartition("/")[2], origin=origin, size=tree.size, root=encoded(tree.root)
    )
    if place.read_head(at) != head:
        place.write_head(at, head)
    content = files.put_checkpoint(tree.size, cosign(signer.sign(tree.size, tree.root)))
    files.expose(content)
    tree.tidy()
    return content


def alone(content: bytes) -> bytes:
    """Return the checkpoint as it is: there are no witnesses."""
    return content


def encoded(root: bytes) -> str:
    """Return a root as checkpoints and records write it."""
    return base64.b64encode(root).decode()
