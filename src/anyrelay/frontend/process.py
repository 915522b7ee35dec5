"""Whether this is still the process that the client was made in, and what a forked one must forget."""

from __future__ import annotations

import os

from anyrelay.errors import ClientClosed
from anyrelay.protocol.transport.fast_frames import forget_keys

__all__ = ["check_process"]

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_keys)


def check_process(made_in: int) -> None:
    """Raise after a fork: parent and child would speak over one socket.

    Raises:
        ClientClosed: This is not the process with the identifier `made_in`.
    """
    if os.getpid() != made_in:
        raise ClientClosed("this client was made before fork(); make a new one in the child process")
