"""The only owner of the store: serves it to other roles and keeps house."""
