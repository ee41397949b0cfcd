"""Services between processes: the codec, proxies, servers, and the link, over gRPC."""
