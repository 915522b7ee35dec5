"""Bytes to messages and back: TLS, HTTP proxies, WebSocket (RFC 6455)."""
