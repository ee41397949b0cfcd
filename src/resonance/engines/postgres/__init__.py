"""The store on PostgreSQL (12 or newer): several roles on several machines write at once."""
