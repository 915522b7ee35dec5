"""The SIP stack's process as it is with a stack that lets nobody listen in front of it."""

from __future__ import annotations

from anyrelay.local.sip import child
from anyrelay.local.sip.listener import StackListener


def refuse(_: StackListener) -> None:
    raise OSError("the test says so")


StackListener.install = refuse  # type: ignore[method-assign]

if __name__ == "__main__":
    child.main()
