"""DreamText (arXiv 2405.14701) by its authors' code.

Weights: `model.ckpt` and, as in the authors' folder checkpoints, `encoders/LabelEncoder/` and
`AEs/`. Options: steps, scale.
"""

from latent import run

if __name__ == "__main__":
    run("run_gradio", {"steps": 50, "scale": 5.0})
