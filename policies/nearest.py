"""The hint that follows an unknown name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?`, or `; one of: a, b` when nothing is near, or nothing."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; one of: {', '.join(names)}" if names else ""


def nearest_file(file: Path, packs: Iterable[str] = ()) -> str:
    """Return `; did you mean 'x.yaml'?` for a YAML file that is not there, or nothing.

    `packs`: names that may have been meant instead of a file.
    """
    # Without the endings, which would make any two names alike.
    names = {Path(name).stem: name for name in (*packs, *_files(file.parent))}
    near = difflib.get_close_matches(file.stem, names, n=1, cutoff=0.75)
    return f"; did you mean {names[near[0]]!r}?" if near else ""


def _files(folder: Path) -> list[str]:
    try:
        return sorted(one.name for one in folder.iterdir() if one.suffix in (".yaml", ".yml"))
    except (OSError, ValueError):
        return []
