"""``anyrelay doctor``: find out why a client does not connect, and what to do."""
