"""What GoChat's routes are given beside the services: strict routers."""

from __future__ import annotations

from fastapi import APIRouter

from resonance.gateway.http.strict import api_router

MAX_CONVERSATIONS = 1_000
"""Longest list of those that have no pages."""


def router_at(path: str) -> APIRouter:
    """Return a router for paths below /api."""
    return api_router(f"/api{path}", "gochat")
