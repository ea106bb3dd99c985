"""Benchmark scripts that print ratios."""
