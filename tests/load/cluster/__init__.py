"""Many workers, one schedule."""
