"""Kafka as the bus: a relay publishes the outbox, consumer groups work it off."""
