"""One module per data set, one shared sample type, one shared crop."""
