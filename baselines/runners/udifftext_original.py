"""UDiffText (arXiv 2312.04884) by its authors' code. Weights: `model.ckpt`.

Options: aae_enabled=true turns on its refinement of the latent while sampling, noise_iters=10 the
choice of the best of ten noises.
"""

from contract import serve
from latent import prepare

if __name__ == "__main__":
    serve(lambda args: prepare(args, "test"))
