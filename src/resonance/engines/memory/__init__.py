"""Engines that live in this process: routes."""
