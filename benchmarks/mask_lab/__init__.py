"""The mask laboratory: saved attention -> latent character masks, over many settings at once."""
