"""SignalWire RELAY call control: asyncio and trio here, plain threads in `anyrelay.sync`.

Each name is imported when a program first uses the name (PEP 562). The names are listed in `anyrelay.frontend.names`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyrelay._lazy import handing_on

if TYPE_CHECKING:
    from anyrelay.aio.call import *  # noqa: F403 - the names in its `__all__`
    from anyrelay.aio.client import RelayClient as RelayClient
    from anyrelay.aio.message import Message as Message
    from anyrelay.frontend.names import *  # noqa: F403 - the names that it imports
else:
    from anyrelay.frontend.names import homes

    _HOME = homes("anyrelay.aio")
    __all__ = sorted(_HOME)
    __getattr__, __dir__ = handing_on(globals(), _HOME)
