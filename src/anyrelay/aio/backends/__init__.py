"""The adapters of the async front end to asyncio and to trio, for what happens with each message and each call."""
