"""UDiffText (arXiv 2312.04884) by its authors' code.

Weights: `model.ckpt` and, as in the authors' folder checkpoints, `encoders/LabelEncoder/` and
`AEs/`. Options: steps, scale, aae_enabled=true for its refinement of the latent while sampling,
noise_iters for how many noises it chooses from.
"""

from latent import run

if __name__ == "__main__":
    run("test", {"steps": 50, "scale": 5.0, "noise_iters": 10, "aae_enabled": False})
