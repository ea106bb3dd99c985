"""The harness: studies, runs, stages, metrics, tables and the command line."""
