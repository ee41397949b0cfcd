"""Configuration: every key there is, with its default, its meaning and its allowed values."""

from resonance.config.settings import Settings

__all__ = ["Settings"]
