"""What the async front end asks of asyncio and of trio beyond anyio."""
