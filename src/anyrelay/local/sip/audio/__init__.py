"""Audio of real SIP calls: clips, speech, players."""
