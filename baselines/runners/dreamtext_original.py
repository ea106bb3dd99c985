"""DreamText (arXiv 2405.14701) by its authors' code. Weights: `model.ckpt`."""

from contract import serve
from latent import prepare

if __name__ == "__main__":
    serve(lambda args: prepare(args, "run_gradio"))
