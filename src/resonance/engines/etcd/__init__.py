"""The registry and live configuration in etcd, over stubs of our own."""
