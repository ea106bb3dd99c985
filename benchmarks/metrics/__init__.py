"""What is measured, each metric under a name that says by what."""
