"""The line of each key of a TOML document, in every notation that TOML has."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyrelay.local.process.toml_lines import lines_of


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1", ("a",), 1),
        ("\n\n# a = 0\na = 1 # b = 2\n", ("a",), 4),
        ("a = 1\r\nb = 2\r\n", ("b",), 2),
        ("\"a.b\" = 1\n'c' = 2", ("c",), 2),
        ('"\\u0061" = 1', ("a",), 1),
        ("a.b.c = 1\na.b.d = 2", ("a", "b", "d"), 2),
        ("a.b.c = 1\na.b.d = 2", ("a", "b"), 1),
        ("1.5 = 0\n[1.6]\nx = 1.5", ("1", "6", "x"), 3),
        ("[t]\n\n[ t . 'u' ] # of t\nx = 1", ("t", "u", "x"), 4),
        ("[[p]]\nx = 1\n[[p]]\nx = 2", ("p", 1, "x"), 4),
        ("[[p]]\nx = 1\n[[p]]\nx = 2", ("p", 1), 3),
        ("[[p]]\nx = 1\n[[p]]\nx = 2", ("p",), 1),
        ("[[p]]\n[[p.q]]\n[[p]]\n[[p.q]]\nx = 1\n[p.q.r]\ny = 1", ("p", 1, "q", 0, "r", "y"), 7),
        ('a = """\nx = 1\n"quoted" \\""""""\nb = 2', ("b",), 4),
        ("a = '''\nx = 1\n''' # ]\nb = 2", ("b",), 4),
        ("a = '''it''s''''\nb = 2", ("b",), 2),
        ('a = "[{,=#" # "\nb = \'\\\'\nc = 3', ("c",), 3),
        ("a = [\n  1, # one\n  [2,\n   3],\n]\nb = 4", ("a", 1, 1), 4),
        ("a = [\n  { x = 1 },\n  { x = 2, y = { z = 3 } },\n]\nb = 4", ("a", 1, "y", "z"), 3),
        ("a = [\n  { x = 1 },\n]\nb = 4", ("b",), 4),
        ("a = {}\nb = []\nc = 1979-05-27 07:32:00.5\nd = -1.5e3", ("d",), 4),
    ],
)
def test_the_line_of_a_key(text, path, line):
    tomllib.loads(text)
    assert lines_of(text)[path] == line


def paths_in(value, path=()):
    """Return the path of each key and array item of a value that `tomllib` has read."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in pairs:
        yield (*path, key)
        yield from paths_in(each, (*path, key))


KEYS = st.sampled_from(["a", "b-1", '"c d"', "'e.f'", '"\\t"', "1.2", "a.b"])
SCALARS = st.sampled_from(["1", "-2.5", '"x # y"', "'z]'", '"""\n{"""', "true", "1979-05-27T07:32:00Z", "[]", "{}"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[\n" + ", # ,\n".join(items) + "\n]"),
        st.tuples(KEYS, inner).map(lambda pair: f"{{ {pair[0]} = {pair[1]} }}"),
    ),
    max_leaves=6,
)
STATEMENTS = st.one_of(
    st.tuples(KEYS, VALUES).map(" = ".join), KEYS.map("[{}]".format), KEYS.map("[[{}]]".format), st.just("# x = [")
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STATEMENTS, max_size=6))
def test_each_key_and_item_has_a_line_and_no_other_path_has(statements):
    document = ""
    for statement in statements:  # those that TOML allows after the ones before
        try:
            tomllib.loads(document + statement + "\n")
        except tomllib.TOMLDecodeError:
            continue
        document += statement + "\n"
    lines = lines_of(document)
    assert set(lines) == set(paths_in(tomllib.loads(document)))
    assert all(1 <= line <= document.count("\n") for line in lines.values())
