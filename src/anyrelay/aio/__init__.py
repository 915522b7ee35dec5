"""The async front end, on anyio: asyncio and trio. `anyrelay` itself has its names."""
