"""The listeners of the local server: RELAY over WebSocket, callbacks, certificates."""
