"""FID, KID and LPIPS under their own names: only with the weights those names stand for."""

import hashlib
import os
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from benchmarks.metrics.distances import few, same_size_batches
from benchmarks.metrics.frechet import frechet_floor, frechet_interval, kernel_distance
from benchmarks.metrics.metric import Measured, Metric, Session
from benchmarks.metrics.options import ALEXNET, INCEPTION
from benchmarks.metrics.statistics import bootstrap
from benchmarks.samples.folder import Source, Unavailable
from dreamtext.errors import UserError
from dreamtext.files import file_hash


def inception_distance(session: Session, *, source: Source, kernel: bool) -> Measured:
    """FID (or KID) of the painted set from the real one by clean-fid's Inception-v3."""
    file = session.options.inception
    if file is None:
        raise Unavailable(
            f"no Inception-v3 was given: name your copy of {INCEPTION.path} (scoring.inception); "
            "FD-EffNetLite0 is reported instead, under its own name"
        )
    if len(session.folder) < 4:
        raise Unavailable(f"a distance of sets needs 4 samples, here are {len(session.folder)}")
    painted, real = (inception_features(session, file, s) for s in (source, "truth"))
    floor = frechet_floor(real)
    backbone = f"Inception-v3 {file_hash(file)[:8]}, clean-fid"
    if kernel:
        return Measured(estimate=kernel_distance(painted, real), backbone=backbone)
    return Measured(
        estimate=frechet_interval(painted, real),
        backbone=backbone,
        details={"floor between halves of the real set": floor, "n of a half": len(real) // 2},
        warnings=few(len(real), floor),
    )


def inception_features(session: Session, file: Path, source: Source) -> np.ndarray:
    """(N, 2048) features of a set by clean-fid, kept under a hash of content and weights."""
    if (key := ("inception", source)) in session.kept:
        return session.kept[key]
    session.folder.check(source)
    files = [session.folder.path / source / f"{i}.png" for i in session.folder.ids]
    content = [file_hash(file), *(file_hash(f) for f in files)]
    digest = hashlib.sha256(" ".join(content).encode()).hexdigest()[:24]
    kept = session.options.cache / "features" / f"inception-clean-{digest}.npy"
    if kept.is_file():
        return session.kept.setdefault(key, np.load(kept, allow_pickle=False))
    from cleanfid.fid import get_files_features

    network, device = inception_network(file), _device()
    features = get_files_features(
        files, network, num_workers=0, batch_size=32, device=device, mode="clean", verbose=False
    )
    if source == "truth":  # painted sets are new every time, the real one is not
        kept.parent.mkdir(parents=True, exist_ok=True)
        beside = kept.with_name(f"{kept.stem}.{os.getpid()}.npy")
        np.save(beside, features)
        os.replace(beside, kept)
    return session.kept.setdefault(key, features)


@lru_cache(maxsize=1)
def inception_network(file: Path) -> Callable:
    """clean-fid's Inception-v3, loaded once.

    Raises:
        UserError: the file is TorchScript, but not of Inception's interface.
    """
    import torch
    from cleanfid.inception_torchscript import InceptionV3W

    device = _device()
    try:
        network = InceptionV3W(str(file.parent), download=False).to(device)
        with torch.inference_mode():
            width = network(torch.zeros(1, 3, 299, 299, device=device)).shape[1]
        if width != 2048:
            raise RuntimeError(f"it computes {width} features, not 2048")
    except (RuntimeError, AttributeError) as error:
        raise UserError(
            f"the file '{file}' is not the TorchScript of Inception-v3 ({error}); expected is "
            f"{INCEPTION.name}: {INCEPTION.source}"
        ) from error
    return network


def lpips_distance(session: Session, *, source: Source) -> Measured:
    """LPIPS (AlexNet, v0.1) of each painted image from its real one; reconstruction only."""
    file = session.options.alexnet
    if file is None:
        raise Unavailable(
            f"no AlexNet was given: name your copy of {ALEXNET.path} (scoring.alexnet); effdist is "
            "reported instead, under its own name"
        )
    if not session.folder.reconstruction:
        raise Unavailable("other words were painted than the real images show (task editing)")
    import torch

    network, device = lpips_network(file), _device()
    network.to(device)
    found = []
    pairs = zip(session.folder.images(source), session.folder.images("truth"), strict=True)
    for batch in same_size_batches(pairs):
        painted, real = (
            torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).to(device).float() / 127.5 - 1
            for images in zip(*batch, strict=True)
        )
        with torch.inference_mode():
            found.append(network(painted, real).reshape(-1).cpu().numpy())
    values = np.concatenate(found).astype(float)
    return Measured(
        estimate=bootstrap(values),
        backbone=f"LPIPS v0.1 AlexNet {file_hash(file)[:8]}",
        per_image=values.tolist(),
    )


@lru_cache(maxsize=1)
def lpips_network(file: Path):
    """lpips' network on AlexNet's trunk from a file whose hash was checked; loaded once."""
    import lpips
    import torch

    network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    weights = torch.load(file, weights_only=True, map_location="cpu")
    trunk = {
        name: weights[f"features.{name.split('.', 1)[1]}"] for name in network.net.state_dict()
    }
    network.net.load_state_dict(trunk)
    return network.eval().requires_grad_(False)


def _device():
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _metrics() -> list[Metric]:
    functions = {
        "FID": partial(inception_distance, kernel=False),
        "KID": partial(inception_distance, kernel=True),
        "LPIPS": lpips_distance,
    }
    return [
        Metric(
            name=f"{name}/{source}",
            version=1,
            direction="lower",
            unit="distance",
            reads=source,
            view="whole",
            measure=partial(function, source=source),
        )
        for name, function in functions.items()
        for source in ("raw", "composited")
    ]


METRICS = _metrics()
