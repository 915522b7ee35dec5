"""The language of ``anyrelay phone``, and what happens on a call: pure functions, without a server."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anyrelay.cli.drive.happenings import Happening, Happenings
from anyrelay.cli.drive.script import Expectation, ScriptError, Statement, read_keys, read_script

# --- the language -------------------------------------------------------------------------------------------------------


def test_a_script_is_read_statement_by_statement():
    script = """
    # Sign in, then be transferred.
    wait 'PIN'; press 1234#
    expect "it's done" within 2.5
    say 'Sales, please.'; say yes please
    expect refer sip:a@x.example; wait transfer success 200; expect ended hangup within 30s
    hangup;
    """
    assert read_script(script) == [
        Statement(3, "wait 'PIN'", "wait", expectation=Expectation("says", "PIN")),
        Statement(3, "press 1234#", "press", "1234#"),
        Statement(
            4, 'expect "it\'s done" within 2.5', "expect", expectation=Expectation("says", "it's done"), within=2.5
        ),
        Statement(5, "say 'Sales, please.'", "say", "Sales, please."),
        Statement(5, "say yes please", "say", "yes please"),
        Statement(6, "expect refer sip:a@x.example", "expect", expectation=Expectation("refer", "sip:a@x.example")),
        Statement(6, "wait transfer success 200", "wait", expectation=Expectation("transfer", "success 200")),
        Statement(
            6, "expect ended hangup within 30s", "expect", expectation=Expectation("ended", "hangup"), within=30.0
        ),
        Statement(7, "hangup", "hangup"),
    ]


@pytest.mark.parametrize("script", ["", "\n\n", ";;", "# nothing\n;"])
def test_an_empty_script_has_no_statements(script):
    assert read_script(script) == []


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("dial 1", "line 1: dial 1: must begin with one of press, say, hangup, wait, expect"),
        ("\nwait 'PIN", 'line 2: a quotation mark is missing in "wait \'PIN"'),
        ("press", "line 1: press: press what?"),
        ("press 12x", "line 1: press 12x: the keys must be 1 to 1000 digits (0-9 # * A-D w W), not '12x'"),
        ("say", "line 1: say: say what?"),
        ("hangup now", "line 1: hangup now: hangup stands alone"),
        ("wait PIN", "line 1: wait PIN: needs a text in quotation marks, or one of answered, digits, refer, transfer"),
        ("wait 'a' 'b'", "line 1: wait 'a' 'b': needs a text in quotation marks"),
        ("expect", "line 1: expect: needs a text in quotation marks"),
        ("press 1; expect 'a' within soon", "line 1: expect 'a' within soon: within must be followed by seconds"),
        ("expect 'a' within -1", "within must be followed by seconds, not '-1'"),
        ("expect 'a' within nan", "within must be followed by seconds, not 'nan'"),
    ],
)
def test_a_mistake_in_a_script_is_told_with_its_line(script, words):
    with pytest.raises(ScriptError) as caught:
        read_script(script)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("line", "statement"),
    [
        ("1234#", Statement(1, "1234#", "press", "1234#")),
        (" 1w2 \r", Statement(1, "1w2", "press", "1w2")),
        ("say I don't know", Statement(1, "say I don't know", "say", "I don't know")),
        ("say 'yes'", Statement(1, "say 'yes'", "say", "yes")),
        ("hangup", Statement(1, "hangup", "hangup")),
    ],
)
def test_a_typed_line(line, statement):
    assert read_keys(line) == statement


@pytest.mark.parametrize("line", ["hello", "say ", "12 34", "press 1", "wait 'x'"])
def test_another_typed_line_is_explained(line):
    with pytest.raises(ScriptError, match="type keys"):
        read_keys(line)


@pytest.mark.parametrize(
    ("expectation", "happening", "fits"),
    [
        (Expectation("says", "your  pin"), Happening("says", "Enter YOUR\nPIN, please."), True),
        (Expectation("says", "pin"), Happening("digits", "pin"), False),
        (Expectation("ended"), Happening("ended", "hangup"), True),
        (Expectation("ended", "busy"), Happening("ended", "hangup"), False),
    ],
)
def test_what_fits_an_expectation(expectation, happening, fits):
    assert expectation.fits(happening) is fits


def test_wait_passes_over_all_but_the_end_and_expect_over_what_follows_by_itself():
    wait, expect = read_script("wait 'a'; expect 'a'")
    passed = {
        kind: (wait.passes_over(Happening(kind)), expect.passes_over(Happening(kind)))
        for kind in ("answered", "says", "digits", "refer", "transfer", "ended")
    }
    assert passed == {
        "answered": (True, True),
        "says": (True, False),
        "digits": (True, False),
        "refer": (True, False),
        "transfer": (True, True),
        "ended": (False, False),
    }


WORDS = st.sampled_from(
    ["press", "say", "hangup", "wait", "expect", "ended", "within", "refer", "1w#", "'a b'", '"', "'", "#"]
)
PIECES = st.one_of(WORDS, st.sampled_from([" ", "  ", ";", "\n", "2s", "nan"]), st.text(max_size=3))


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_any_text_is_a_script_or_a_script_error(text):
    with contextlib.suppress(ScriptError):
        sources = [statement.source for statement in read_script(text)]
        assert [statement.source for statement in read_script("; ".join(sources))] == sources


# --- what happens on a call ---------------------------------------------------------------------------------------------

PLACED = {
    "id": "c1",
    "direction": "inbound",
    "state": "created",
    "end_reason": None,
    "from": "sip:a@x.example",
    "to": "sip:b@x.example",
    "context": "default",
    "created_at": 1.0,
    "answered_at": None,
    "ended_at": None,
    "refers": [],
    "digits_sent": "",
    "spoken": [],
}


def test_each_thing_happens_once_in_order():
    happenings = Happenings(PLACED)
    assert happenings.take(PLACED) == []
    answered = {**PLACED, "state": "answered", "answered_at": 2.0, "spoken": ["Hello."]}
    assert happenings.take(answered) == [Happening("answered"), Happening("says", "Hello.")]
    assert happenings.take(answered) == []
    more = {**answered, "spoken": ["Hello.", "Hello."], "digits_sent": "12"}
    assert happenings.take(more) == [Happening("says", "Hello."), Happening("digits", "12")]
    assert happenings.take(answered) == []  # an older snapshot that comes late
    referred = {
        **more,
        "digits_sent": "123",
        "refers": [{"to": "sip:t@x.example", "status": "inProgress", "notify_code": None}],
    }
    assert happenings.take(referred) == [
        Happening("digits", "3"),
        Happening("refer", "sip:t@x.example"),
        Happening("transfer", "inProgress"),
    ]
    assert not happenings.ended
    over = {
        **referred,
        "refers": [{"to": "sip:t@x.example", "status": "success", "notify_code": "200"}],
        "state": "ended",
        "end_reason": "hangup",
    }
    assert happenings.take(over) == [Happening("transfer", "success 200"), Happening("ended", "hangup")]
    assert happenings.take(over) == []
    assert (happenings.answered, happenings.ended, happenings.last["end_reason"]) == (True, True, "hangup")


def test_happenings_are_written_as_lines_and_as_json():
    assert Happening("says", "Hello.").line() == "says     Hello."
    assert Happening("answered").line() == "answered"
    assert Happening("ended", "hangup").to_json() == {"event": "ended", "text": "hangup"}
