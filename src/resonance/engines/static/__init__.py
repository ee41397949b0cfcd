"""The registry that is written in the configuration."""
