"""What Prometheus sees: snapshots of an engine, and the metrics made of them."""
