"""SignalWire RELAY call control with plain threads: the names of `anyrelay`, without ``await`` and without an event loop.

Each name is imported when a program first uses the name (PEP 562). The names are listed in `anyrelay.frontend.names`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyrelay._lazy import handing_on

if TYPE_CHECKING:
    from anyrelay.frontend.names import *  # noqa: F403 - the names that it imports
    from anyrelay.sync.call import *  # noqa: F403 - the names in its `__all__`
    from anyrelay.sync.client import RelayClient as RelayClient
    from anyrelay.sync.message import Message as Message
else:
    from anyrelay.frontend.names import homes

    _HOME = homes("anyrelay.sync")
    __all__ = sorted(_HOME)
    __getattr__, __dir__ = handing_on(globals(), _HOME)
