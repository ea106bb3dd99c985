"""Where the tests find the project, their fixtures, and real samples where there are any."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
PARITY = DATA / "parity"
RELEASED_MODEL = PARITY / "released_layout.safetensors"
REAL = ROOT.parent / "shared" / "real"
