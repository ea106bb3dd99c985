"""The systems that run in environments of their own, a module each: its `SYSTEM`.

`dreamtext baselines new NAME` writes the skeleton of another one.
"""
