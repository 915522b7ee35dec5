"""Equal texts are stored once, and not without end."""

from __future__ import annotations

from anyrelay.protocol.core.memory import SHARED_LENGTH, TEXTS_SHARED, SharedTexts


def fresh(text: str) -> str:
    """Return an equal text that is another object."""
    return "".join(list(text))


def test_equal_texts_are_stored_once() -> None:
    texts, first, second = SharedTexts(), fresh("node-1"), fresh("node-1")
    assert first is not second
    assert next(iter(texts.shared(first))) is first
    assert next(iter(texts.shared(second))) is first


def test_a_long_text_is_not_shared() -> None:
    texts, first, second = SharedTexts(), fresh("x" * (SHARED_LENGTH + 1)), fresh("x" * (SHARED_LENGTH + 1))
    assert next(iter(texts.shared(first))) is first
    assert next(iter(texts.shared(second))) is second


def test_a_server_with_ever_new_texts_does_not_fill_the_memory() -> None:
    texts, first = SharedTexts(), fresh("node-1")
    texts.shared(first)
    for number in range(10 * TEXTS_SHARED):
        texts.shared(f"node of call {number}")
        assert len(texts._known) <= TEXTS_SHARED
    again = fresh("node-1")
    assert next(iter(texts.shared(again))) is again
