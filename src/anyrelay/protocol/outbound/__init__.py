"""Work that a client starts: outbound dials (``calling.dial``) and text messages (``messaging.send``)."""
