"""``anyrelay doctor``: what keeps a client from connecting, and how to mend it."""
