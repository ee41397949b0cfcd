"""The store's commands in SQL, shared by every relational engine: statements, schema and migrations, but no driver."""
