"""The async front end, on anyio: asyncio and trio. Its names are handed on by `anyrelay` itself."""
