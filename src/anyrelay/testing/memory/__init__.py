"""A RELAY server in memory for an application's own handlers: `MemoryRelay` for coroutines, `SyncMemoryRelay` for threads."""
