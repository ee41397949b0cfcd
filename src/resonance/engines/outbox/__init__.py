"""The bus that reads a store's outbox as a log."""
