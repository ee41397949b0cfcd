"""Derived work from committed events: fan-out to large groups, receipts, signals, offline push, inboxes."""
