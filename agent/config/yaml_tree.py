"""YAML with positions: a file's text as plain values, and where each of them stands.

Two things differ from PyYAML's own loader, for the sake of whoever writes the file.  Plain scalars
are read as YAML 1.2 does (`NO`, `on` and `2027-12-31` are texts, `010` is ten), and what would make
two readers see two files is refused: repeated keys, anchors, tags and merge keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_CHARACTERS = 2_000_000
MAX_DEPTH = 40

Place = tuple[str | int, ...]
"""The keys and list indices that lead to a value."""

_INT = re.compile(r"[-+]?[0-9]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(slots=True)
class Tree:
    """A file's value, the line of each place in it (from 1), and what is wrong with its form."""

    value: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[tuple[int, Place, str]] = field(default_factory=list)


def read_tree(text: str) -> Tree:
    """Return the first YAML document of `text`; never raises, see `Tree.problems`."""
    tree = Tree()
    if len(text) > MAX_CHARACTERS:
        tree.problems.append((1, (), f"is longer than {MAX_CHARACTERS:,} characters"))
        return tree
    try:
        node = _Composer(text, tree).get_single_node()
        if node is not None:
            tree.value = _build(node, (), tree)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        tree.problems.append((line, (), _plain(error, text, line)))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = f"U+{ord(text[error.position]):04X}" if error.position < len(text) else "a byte"
        tree.problems.append((line, (), f"holds the control character {code}, which YAML forbids"))
    except (yaml.YAMLError, RecursionError, ValueError):
        tree.problems.append((1, (), "is nested too deeply or damaged, and cannot be read as YAML"))
    return tree


def plain_scalar(text: str) -> Any:
    """Return what an unquoted scalar means: null, a boolean, a number or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return number if abs(number) < float("inf") else text
    return text


class _Composer(yaml.SafeLoader):
    """Composes nodes, noting every anchor, alias and tag with its line instead of obeying it."""

    def __init__(self, text: str, tree: Tree) -> None:
        super().__init__(text)
        self._tree = tree
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            self._refuse(line, "uses an alias (`*name`)")
            self.get_event()  # type: ignore[no-untyped-call]
            return yaml.ScalarNode("tag:refused", "", None, None)
        if getattr(event, "anchor", None) is not None:
            self._refuse(line, "defines an anchor (`&name`)")
            event.anchor = None
        if getattr(event, "tag", None) not in (None, "!"):
            self._refuse(line, "uses a tag (`!name`)")
            event.tag = None
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=event.start_mark
            )
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def _refuse(self, line: int, what: str) -> None:
        # The name is not shown: an unquoted password may begin with one of these characters.
        text = f"{what}; none is supported here, write the value out, in quotes if it is a text"
        self._tree.problems.append((line, (), text))


def _build(node: yaml.Node, place: Place, tree: Tree) -> Any:
    if node.start_mark is not None:
        tree.lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _build_mapping(node, place, tree)
    if isinstance(node, yaml.SequenceNode):
        return [_build(child, (*place, i), tree) for i, child in enumerate(node.value)]
    if getattr(node, "style", None) is None:
        return plain_scalar(node.value)
    return _whole_characters(node, place, tree)


def _build_mapping(node: yaml.MappingNode, place: Place, tree: Tree) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            tree.problems.append((line, place, "has a list or a mapping as a key; keys are texts"))
            continue
        key = _whole_characters(key_node, place, tree)
        inner = (*place, key)
        if key == "<<" and key_node.style is None:
            tree.problems.append((line, inner, "merge keys are not supported; write the keys out"))
        elif key in mapping:
            first = tree.lines[inner]
            tree.problems.append((line, inner, f"is given twice, first on line {first}"))
        else:
            tree.lines[inner] = line
            mapping[key] = _build(value_node, inner, tree)
    return mapping


def _whole_characters(node: yaml.Node, place: Place, tree: Tree) -> str:
    r"""Return a scalar's text with escapes such as `"\ud83d\ude00"` (from JSON) joined to one."""
    text = str(node.value)
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    try:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        line = node.start_mark.line + 1 if node.start_mark is not None else 1
        tree.problems.append((line, place, "holds half of a surrogate pair, which is no character"))
        return ""


def _plain(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    problem = error.problem or error.context or "cannot be read"
    rows = text.splitlines()
    row = rows[line - 1] if line <= len(rows) else ""
    if "'\\t'" in problem or "\t" in row[: len(row) - len(row.lstrip())]:
        return "has a tab in its indentation; YAML is indented with spaces only"
    if "expected a single document" in (error.context or "") + problem:
        return "starts a second document (`---`); a configuration file is one document"
    return f"is not valid YAML: {problem}"
