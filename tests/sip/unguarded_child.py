"""The SIP stack's process as it is with a stack that lets nobody listen in front of it."""

from __future__ import annotations

from anyrelay.local import sip_child
from anyrelay.local.sip_listener import StackListener


def refuse(_: StackListener) -> None:
    raise OSError("the test says so")


StackListener.install = refuse  # type: ignore[method-assign]

if __name__ == "__main__":
    sip_child.main()
