from __future__ import annotations

import pytest

from agent.config.yaml_tree import read_tree


def test_values_and_lines() -> None:
    tree = read_tree("# a comment\na: 1\nb:\n  - x\n  - {c: 2.5, d: ~}\n")
    assert tree.value == {"a": 1, "b": ["x", {"c": 2.5, "d": None}]}
    assert tree.problems == []
    assert tree.lines[("a",)] == 2
    assert tree.lines[("b", 1)] == 5
    assert tree.lines[("b", 1, "d")] == 5


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("yes", "yes"),
        ("true", True),
        ("010", 10),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2027-12-31", "2027-12-31"),
        ("1e3", 1000.0),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("null", None),
    ],
)
def test_plain_scalars_mean_what_yaml_1_2_says(scalar: str, value: object) -> None:
    read = read_tree(f"a: {scalar}").value["a"]
    assert read == value
    assert type(read) is type(value)


def test_keys_are_texts() -> None:
    assert read_tree("1: a\ntrue: b\n2020: c\n").value == {"1": "a", "true": "b", "2020": "c"}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "is given twice, first on line 1"),
        ("a:\n  b: &x 1\n", 2, "defines an anchor"),
        ("a: 1\nb: *x\n", 2, "uses an alias"),
        ("a: !!python/object:os.system x\n", 1, "uses a tag"),
        ("a:\n\tb: 1\n", 2, "tab in its indentation"),
        ("a: {b: 1\nc: 2\n", 2, "is not valid YAML"),
        ("a: 1\n---\nb: 2\n", 2, "starts a second document"),
        ("a: 1\nb: \x07\n", 2, "control character U+0007"),
        ("? [a, b]\n: 1\n", 1, "a list or a mapping as a key"),
        ("a: 1\n<<: {b: 2}\n", 2, "merge keys are not supported"),
        ("[" * 100, 1, "nested deeper than 40 levels"),
        ("[" * 100_000, 1, "nested"),
        ("a" * 2_000_001, 1, "longer than 2,000,000 characters"),
    ],
)
def test_what_is_wrong_with_the_form_is_said_with_its_line(
    text: str, line: int, message: str
) -> None:
    (problem,) = read_tree(text).problems
    assert problem[0] == line
    assert message in problem[2]
