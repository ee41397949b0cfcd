"""The gateway's HTTP door: REST under /api/v1, its OpenAPI document, health."""
