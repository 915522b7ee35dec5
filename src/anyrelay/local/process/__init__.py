"""The local server as a process, and what starts and talks to such processes."""
