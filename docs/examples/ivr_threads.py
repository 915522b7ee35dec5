"""A phone menu: 1 transfers to sales, 2 to support.

A wrong key or a failed transfer leads back to the menu, three times at most.
"""

from anyrelay.sync import Call, RelayClient

MENU = {"1": "sip:sales@example.com", "2": "sip:support@example.com"}
PROMPT = [{"type": "tts", "text": "Press 1 for sales, 2 for support."}]


def handle_call(call: Call) -> None:
    """Ask for a key and transfer the call, three times at most."""
    call.answer()
    for _ in range(3):
        collect = {"digits": {"max": 1}, "initial_timeout": 5.0}
        pressed = call.play_and_collect(PROMPT, collect).wait()
        target = MENU.get(pressed.digits)
        if target is None:
            call.play_tts("There is no such choice.").wait()
        elif transfer(call, target):
            return
    call.play_tts("Please call again later.").wait()
    call.hangup()


def transfer(call: Call, target: str) -> bool:
    """Transfer the call; return whether the caller is in good hands."""
    outcome = call.refer_and_wait(target, timeout=30)
    if outcome.status == "unknown":  # the target may still ring, or talk
        try:
            call.wait_for_ended(timeout=60)
        except TimeoutError:
            return False
    return outcome.succeeded or outcome.status == "unknown"


def make_client(**settings: object) -> RelayClient:
    """Return the client; a caller whose handler raises is hung up on."""
    settings = {"contexts": ["menu"], "on_handler_error": "hangup", **settings}
    client = RelayClient(**settings)
    client.on_call(handle_call)
    return client


if __name__ == "__main__":
    make_client().run()
