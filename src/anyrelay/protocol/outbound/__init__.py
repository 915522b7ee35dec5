"""What a client starts by itself: dials and text messages."""
