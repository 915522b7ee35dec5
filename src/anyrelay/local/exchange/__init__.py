"""The exchange: RELAY's rules between clients and phones, without I/O."""
