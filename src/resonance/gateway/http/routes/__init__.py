"""The routes, one file per thing they are about. A handler parses, calls one service and forms the answer."""
