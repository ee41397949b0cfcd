"""The gateway's WebSocket half: upgrades, connections, native packets, and pushes to whoever is connected."""
