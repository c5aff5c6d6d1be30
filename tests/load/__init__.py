"""Tests that run whole load tests against a simulated gateway."""
