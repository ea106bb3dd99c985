"""The systems DreamText is compared with, all behind one small protocol."""
