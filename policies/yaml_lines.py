"""YAML that remembers on which line each value stands and refuses a key given twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from policies.complaint import PackError


@dataclass(frozen=True)
class Document:
    """The plain data of a YAML text, and its node tree."""

    data: Any
    _root: yaml.Node | None

    def line(self, place: tuple[str | int, ...]) -> int:
        """Return the line (from 1) of the value or key at `place`, or of its nearest parent."""
        node, line = self._root, 1
        for step in place:
            found = _child(node, step)
            if found is None:
                break
            line, node = found
        return line


def parse(text: str, where: str) -> Document:
    """Read one YAML document with the safe loader; raises `PackError` naming file and line."""
    try:
        return _parse(text, where)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f"{where}:{mark.line + 1}" if mark else where
        raise PackError(f"{at}: not valid YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise PackError(f"{where}: not valid YAML: {error}") from error
    except RecursionError as error:
        raise PackError(f"{where}: not valid YAML: nested too deeply") from error


def _parse(text: str, where: str) -> Document:
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            raise PackError(f"{where}: the file is empty")
        _refuse_double_keys(root, where)
        return Document(loader.construct_document(root), root)
    finally:
        loader.dispose()


def _child(node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        item = node.value[step]
        return item.start_mark.line + 1, item
    return None


def _refuse_double_keys(root: yaml.Node, where: str) -> None:
    todo = [root]
    visited: set[int] = set()
    while todo:
        node = todo.pop()
        if id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo.extend(node.value)
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in seen:
                    raise PackError(
                        f"{where}:{key.start_mark.line + 1}: the key {key.value!r} is given twice"
                    )
                seen.add(str(key.value))
                todo.append(value)
