"""The control API of a local server: HTTP and JSON, for shells, for other languages and for the page of the server."""
