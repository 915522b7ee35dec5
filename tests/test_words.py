"""Metaphors and old names do not come back: code, tests and docs name each thing by its word in RELAY, SIP or Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.places import REPOSITORY

METAPHORS: Final = {
    "bell|bells": "wakeup",
    "cable|cables": "wire, or connection",
    "courier|couriers": "the name of the class or function",
    "desk|desks": "call control, or the name of the object",
    "dress|dresses|dressed": "copy_signature",
    "errand|errands": "request",
    "fulfil|fulfils": "call_and_wait",
    "gate|gates": "waiter",
    "goodbye|goodbyes|good bye": "signalwire.disconnect, close_notify or close frame",
    "house|houses": "package or module",
    "last words": "final bytes",
    "ledger|ledgers": "results, or the name of the object",
    "mailbox|mailboxes": "handler queue",
    "milestone|milestones": "event",
    "outlast|outlasts": "wait_finished",
    "patient|patience": "timeout",
    "postman|postmen": "dispatcher",
    "room for|make room|makes room|made room|takes room|leaves room": "space, or capacity",
    "see off|sees off": "wait_closed",
    "stir|stirs|stirred": "pump, or wake",
    "storm|storms": "faults",
    "stranger|strangers": "connection before the sign-in",
    "switchboard|switchboards": "phone events",
    "verb|verbs": "method or command",
    "weather": "fault settings",
    "whoever|whomever|whosoever": "the caller, the waiter, the front end, …",
}
"""The words that are not used, and what to write instead."""

OLD_NAMES: Final = {
    "Delivery": "Callback",
    "Errand": "ThreadRequest",
    "Follower": "CommandObserver",
    "Milestone": "OnceEvent",
    "TransferOrder": "SentRefer",
    "TransferView": "ReferView",
    "content_with": "CommandOptions.ok_codes",
    "must_keep": "never_drop",
    "names_operation": "CommandOptions.not_found_means_operation",
    "only_while_queued": "CommandOptions.timeout_until_sent",
    "unanswered_for": "CommandOptions.timeout",
}
"""Names of classes, functions and parameters that were renamed, and their new names."""

ALLOWED: Final = {
    r"\bsay_goodbye\b": "a public method of LocalRelay",
    r"\bpatience(?==|: float|: Seconds| is not None|, lambda| of a caller)|(?<==|\")patience\b": "a parameter of dial()",
    r"[Gg]oodbye[.!'\"]": "spoken text in an example of RELAY's documentation",
    r"\bsupport desk\b|sip:desk@|\bDESK\b": "the people whom a caller is transferred to",
}
"""Texts in which a word is right, as regular expressions, each with the reason."""

_SUFFIXES: Final = (".css", ".html", ".js", ".md", ".mjs", ".py", ".svg", ".xml")
_METAPHOR: Final = re.compile(rf"\b({'|'.join(METAPHORS)})\b")
_OLD_NAME: Final = re.compile(rf"\b({'|'.join(OLD_NAMES)})\b")
_ALLOWED: Final = re.compile("|".join(ALLOWED))
_CASE: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def words_in(text: str) -> list[str]:
    """Return the metaphors and old names in a text; identifiers are split into their words."""
    found = []
    for number, line in enumerate(_ALLOWED.sub("…", text).splitlines(), 1):
        split = _CASE.sub(" ", line).replace("_", " ").lower()
        found += [f"line {number}: {match[0]}" for match in (*_METAPHOR.finditer(split), *_OLD_NAME.finditer(line))]
    return found


def text_files() -> Iterator[str]:
    """Return the text files of code, tests and docs, but for this file and for installed packages."""
    for folder in ("src", "tests", "docs"):
        for path in sorted((REPOSITORY / folder).rglob("*")):
            name = path.relative_to(REPOSITORY).as_posix()
            if path.suffix in _SUFFIXES and "node_modules" not in path.parts and name != "tests/test_words.py":
                yield name


def test_no_file_has_a_metaphor_or_an_old_name() -> None:
    names = list(text_files())
    assert "src/anyrelay/errors.py" in names
    assert "docs/index.md" in names
    found = {
        name: words
        for name in names
        if (words := [*words_in(name), *words_in((REPOSITORY / name).read_text(encoding="utf-8"))])
    }
    assert found == {}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("# Whoever waits is told.", "whoever"),
        ("class CallDesk:", "desk"),
        ("def wait_at_gate() -> None: ...", "gate"),
        ("PATIENCE = 3.0", "patience"),
        ("the last words of a child", "last words"),
        ("the Switchboard's port", "switchboard"),
        ("say goodbye", "goodbye"),
        ("LinkInput.GOODBYE", "goodbye"),
        ("there is no room for it", "room for"),
        ("tests/faults/storm_checks.py", "storm"),
        ("unanswered_for=3.0", "unanswered_for"),
        ("order: TransferOrder", "TransferOrder"),
    ],
)
def test_a_metaphor_or_an_old_name_is_found(text: str, word: str) -> None:
    assert words_in(f"\n{text}\n") == [f"line 2: {word}"]


@pytest.mark.parametrize("word", [form for forms in METAPHORS for form in forms.split("|")])
def test_each_form_of_a_metaphor_is_found(word: str) -> None:
    assert words_in(f"The {word}, once.") == [f"line 1: {word}"]


@pytest.mark.parametrize("name", OLD_NAMES)
def test_each_old_name_is_found(name: str) -> None:
    assert f"line 1: {name}" in words_in(f"{name}(1)")


@pytest.mark.parametrize(
    "text",
    [
        "relay.say_goodbye(restart=True)",
        "phones.dial(uri, patience=2.0)",
        "calling.join_room joins one of the video rooms",
        'call.play_tts("They are busy. Goodbye.")',
        "Transfer the caller to the support desk.",
        "the gateway; a warehouse; a commandment",
    ],
)
def test_a_right_use_of_a_word_is_allowed(text: str) -> None:
    assert words_in(text) == []
