"""YAML that remembers on which line each value stands.

Refused, with its line: a key given twice, what lets a few lines stand for a file of any size or two
readers see two files (anchors, aliases, tags, merge keys), and characters that act on a terminal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from policies.complaint import PackError, shortened

_COMMANDS = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069]")
"""Control characters other than tab and newline, and those that turn the direction of writing."""


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
    loader = _Loader(text, where)
    try:
        root = loader.get_single_node()
        if root is None:
            raise PackError(f"{where}: the file is empty")
        _refuse_contents(root, where)
        return Document(loader.construct_document(root), root)
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """Refuses while composing: what aliases would multiply is never built."""

    def __init__(self, text: str, where: str) -> None:
        super().__init__(text)
        self._where = where

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        what = _refused(event)
        if what is not None:
            raise PackError(
                f"{self._where}:{event.start_mark.line + 1}: {what}; none is supported here, write "
                "the value out, in quotes if it is a text"
            )
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:
            # PyYAML takes 2027-02-30 for a day and 0x_ for a number, and then cannot make one.
            raise PackError(
                f"{self._where}:{node.start_mark.line + 1}: {shortened(node.value)} looks like a "
                f"day or a number, and is none: {error}; put it in quotes if it is a text"
            ) from error


def _refused(event: Any) -> str | None:
    if isinstance(event, yaml.AliasEvent):
        return f"uses the alias *{event.anchor}"
    if getattr(event, "anchor", None) is not None:
        return f"defines the anchor &{event.anchor}"
    tag = getattr(event, "tag", None)
    return f"uses the tag {tag}" if tag not in (None, "!") else None


def _child(node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        item = node.value[step]
        return item.start_mark.line + 1, item
    return None


def _refuse_contents(root: yaml.Node, where: str) -> None:
    todo = [root]
    while todo:
        node = todo.pop()
        if isinstance(node, yaml.ScalarNode):
            _refuse_commands(node, where)
        if isinstance(node, yaml.SequenceNode):
            todo.extend(node.value)
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                at = f"{where}:{key.start_mark.line + 1}"
                if key.tag == "tag:yaml.org,2002:merge":
                    raise PackError(f"{at}: merge keys are not supported; write the keys out")
                if isinstance(key, yaml.ScalarNode) and key.value in seen:
                    raise PackError(f"{at}: the key {key.value!r} is given twice")
                seen.add(str(key.value))
                todo += [key, value]


def _refuse_commands(node: yaml.ScalarNode, where: str) -> None:
    """Refuse characters that a terminal obeys instead of showing them."""
    found = _COMMANDS.search(node.value)
    if found:
        raise PackError(
            f"{where}:{node.start_mark.line + 1}: holds the control character "
            f"U+{ord(found[0]):04X}, which would act on a terminal; take it out"
        )
