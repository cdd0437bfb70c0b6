"""Files by content hash, written atomically; checkpoints live here."""
