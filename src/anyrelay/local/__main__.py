"""``python -m anyrelay.local``: the local RELAY server as a process of its own."""

from __future__ import annotations

import sys

from anyrelay.local.process.serve import main

if __name__ == "__main__":
    sys.exit(main())
