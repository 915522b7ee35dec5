"""Refuse a client in a forked process: parent and child would speak over one socket."""

from __future__ import annotations

import os

from anyrelay.errors import ClientClosed
from anyrelay.protocol.transport.fast_frames import forget_keys

__all__ = ["check_process"]

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_keys)


def check_process(made_in: int) -> None:
    """Check that this is the process that the client was made in.

    Raises:
        ClientClosed: The identifier of this process is not `made_in`.
    """
    if os.getpid() != made_in:
        raise ClientClosed("this client was made before fork(); make a new one in the child process")
