"""The Python client: async, typed, reconnecting, resending, gap-filling, syncing."""
