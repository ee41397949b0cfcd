"""The store on MariaDB (10.6 or newer) and MySQL (8.0.17 or newer): several roles on several machines write at once."""
