"""Engines that only write to the log: offline push."""
