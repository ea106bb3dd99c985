"""DreamText: scene-text inpainting steered by latent character masks (arXiv 2405.14701)."""

__version__ = "0.1.0"
