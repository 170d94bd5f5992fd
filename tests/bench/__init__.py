"""Benchmarks beside peers: `python -m tests.bench NAME [--quick]`. Never part of the test run."""
