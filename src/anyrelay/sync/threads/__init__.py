"""How the threads of the blocking front end wait for each other, and who runs handlers."""
