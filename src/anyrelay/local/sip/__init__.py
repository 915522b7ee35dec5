"""Real SIP phones, through an existing SIP stack."""
