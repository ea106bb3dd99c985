"""What the same measure gives for real pictures: a ceiling, or a floor."""

REAL = "real pictures"  # the label of their row


def metric(of: str) -> str | None:
    """The metric whose value says what the real pictures have of another; None where none does."""
    if of == "mIoU":
        return "mIoU-ceiling"
    name, _, source = of.rpartition("/")
    return f"{name}/truth" if source in ("raw", "composited") else None
