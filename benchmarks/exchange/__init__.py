"""Exchange with others: exported benchmarks, brought results, the shapes they read."""
