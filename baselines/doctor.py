"""What every system still needs on this machine, and how to get it.

for diagnosis in examine_all():
    print(diagnosis.name, diagnosis.ready, [f.remedy for f in diagnosis.missing])
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from baselines.catalogue import configured, entries
from baselines.declaration import Declaration
from baselines.environment import gpu, runs_on, versions, without_build
from baselines.evidence import checked_packages, revision, unpinned, weight_hashes
from baselines.imported import Imported
from baselines.process import External
from baselines.request import Request
from baselines.sd_inpainting import DiffusionInpainting
from baselines.system import System, ask
from dreamtext.data.embedded import typesetting
from dreamtext.errors import RunError


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing looked at; `remedy` says what to do where it is not `ok`."""

    what: str
    ok: bool
    detail: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """A system and all that was looked at; `unpinned` is taken as found (`baselines.evidence`)."""

    name: str
    kind: str
    summary: str
    licence: str
    unpinned: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def missing(self) -> list[Finding]:
        return [f for f in self.findings if not f.ok]

    @property
    def ready(self) -> bool:
        return not self.missing


def examine_all() -> list[Diagnosis]:
    """Every system without running it."""
    return [examine(name) for name in entries()]


def examine(
    name: str, assignments: Sequence[str] = (), *, smoke: bool = False, hashes: bool = False
) -> Diagnosis:
    """One system: its code, revision, weights and environment.

    Args:
        assignments: `key=value` settings, as where its checkout is.
        hashes: also hash weights that no hash is known of.
        smoke: also paint one sample, which must differ from what it was given. Only tried when
            nothing is missing.
    """
    system = configured(name, assignments)  # refuses unknown names
    entry = entries()[name]
    findings = list(_needs(system, hashes=hashes))
    if smoke and all(f.ok for f in findings):
        findings.append(smoke_test(system))
    return Diagnosis(
        name=name,
        kind=entry.kind,
        summary=entry.summary,
        licence=system.capabilities.licence,
        unpinned=tuple(unpinned(system)),
        findings=tuple(findings),
    )


def _needs(system: System, *, hashes: bool = False) -> Iterator[Finding]:
    if isinstance(system, External):
        yield _checkout(system)
        if system.checkout.is_dir():
            yield _revision(system)
        remedy = "{source}: put it into {folder}, or set weights=FOLDER"
        yield from _weights(system, remedy, hashes)
        yield from _environment(system)
        for note in system.declaration.notes:
            yield Finding(what="note", ok=True, detail=note)
    elif isinstance(system, Imported):
        remedy = (
            "get {source} and import it with `dreamtext import-checkpoint` into {folder}, or set "
            "folder=FOLDER"
        )
        yield from _weights(system, remedy, hashes)
    elif isinstance(system, DiffusionInpainting):
        remedy = "{source}: put it into {folder}, or set weights=FOLDER"
        yield from _weights(system, remedy, hashes)


def _checkout(system: External) -> Finding:
    known = system.declaration
    lost = [f for f in known.needed if not (system.checkout / f).is_file()]
    if not lost:
        return Finding(what="checkout", ok=True, detail=str(system.checkout))
    detail = f"{system.checkout} lacks {', '.join(lost)}"
    if not system.checkout.is_dir():
        detail = f"no folder {system.checkout}"
    return Finding(
        what="checkout",
        ok=False,
        detail=detail,
        remedy=f"clone {known.repository} there, or set checkout=FOLDER",
    )


def _revision(system: External) -> Finding:
    expected, present = system.declaration.revision, revision(system.checkout)
    detail = present or "unknown: not a git checkout"
    if not expected:
        return Finding(what="revision", ok=True, detail=f"{detail} ({_UNPINNED})")
    remedy = f"git checkout {expected} in {system.checkout}"
    return Finding(what="revision", ok=present == expected, detail=detail, remedy=remedy)


_UNPINNED = "unpinned: recorded with every run, not checked"


def _weights(system: System, remedy: str, hashes: bool) -> Iterator[Finding]:
    """A finding for each file or folder of weights; `remedy` has a place for its {source}."""
    folder, wanted = system.weights_folder, system.capabilities.weights
    if folder is None:
        return
    there = [w for w in wanted if (folder / w.file).exists()]
    digests = weight_hashes(system) if hashes or any(w.sha256 for w in there) else {}
    for weights in wanted:
        path = folder / weights.file
        digest = digests.get(weights.file, "")
        ok = weights in there
        detail = f"no {path}"
        if ok and weights.sha256:
            ok = digest == weights.sha256
            detail = f"{path} has the hash {digest[:12]}, expected {weights.sha256[:12]}"
        elif ok:
            inside = {k: v for k, v in digests.items() if k.startswith(f"{weights.file}/")}
            listed = [digest[:12]] if digest else [f"{k} {v[:12]}" for k, v in inside.items()]
            detail = f"{path} ({'; '.join([*listed, _UNPINNED])})"
        yield Finding(
            what="weights",
            ok=ok,
            detail=detail,
            remedy="" if ok else remedy.format(source=weights.source, folder=folder),
        )


def _environment(system: External) -> Iterator[Finding]:
    """Its versions against the pins, and this machine's GPU against its build of torch."""
    known = system.declaration
    remedy = (
        f"make an environment with Python {known.python} from {known.environment.name} in "
        "baselines/environments, or set python=INTERPRETER"
    )

    def missing(detail: str) -> Finding:
        return Finding(what="environment", ok=False, detail=detail, remedy=remedy)

    if not system.python.is_file():
        yield missing(f"no {system.python}")
        yield from _gpu(known, None)
        return
    try:
        installed = versions(system.python, checked_packages(system))
    except RunError as error:
        yield missing(str(error))
        return
    wrong, newer = [], []
    for package, pinned in {"python": known.python, **known.packages}.items():
        version = without_build(installed.get(package))
        if version == pinned:
            continue
        if version and version == known.newer.get(package):
            newer.append(f"{package} {version} instead of the authors' {pinned}")
        else:
            wrong.append(f"{package} {version or 'missing'} instead of {pinned}")
    if wrong:
        yield missing(", ".join(wrong))
    elif newer:
        detail = f"{system.python}, {', '.join(newer)}: the code was read for it, not tried"
        yield Finding(what="environment", ok=True, detail=detail)
    else:
        detail = f"{system.python}, versions as pinned"
        yield Finding(what="environment", ok=True, detail=detail)
    yield from _gpu(known, installed.get("torch"))


def _gpu(known: Declaration, torch: str | None) -> Iterator[Finding]:
    """Whether the environment's torch (the pinned one, where none is installed) knows this GPU."""
    builds = known.compute_capability
    build = torch or next(iter(builds), "")
    if build not in builds:
        return
    detail = f"torch {build} is built for GPUs up to compute capability {builds[build]}"
    better = {b: c for b, c in builds.items() if float(c) > float(builds[build])}
    advice = "; ".join(f"torch {b} (read, not tried) up to {c}" for b, c in better.items())
    present = gpu()
    if present is None:
        told = f"{detail}{f' ({advice})' if advice else ''}; this machine shows no NVIDIA GPU"
        yield Finding(what="GPU", ok=True, detail=told)
    elif runs_on(builds[build], present.capability):
        yield Finding(what="GPU", ok=True, detail=f"{present.name}: {detail}")
    else:
        yield Finding(
            what="GPU",
            ok=False,
            detail=f"{present.name} has compute capability {present.capability}, but {detail}",
            remedy=advice or "take an older GPU: its code runs with no newer torch",
        )


def smoke_test(system: System) -> Finding:
    """One sample painted: it must come back, in its size, and changed inside its region."""
    request = smoke_request()
    try:
        (answer,) = ask(system, [request])
    except RunError as error:
        return Finding(what="smoke sample", ok=False, detail=str(error), remedy="see the detail")
    if answer.status != "ok" or answer.image is None:
        detail = f"{answer.status}: {answer.reason}"
        return Finding(what="smoke sample", ok=False, detail=detail, remedy="see the detail")
    inside = request.region
    change = np.abs(answer.image[inside].astype(float) - request.image[inside]).mean()
    if change < 2:
        return Finding(
            what="smoke sample",
            ok=False,
            detail=f"the region came back as it was (mean change {change:.2f} of 255)",
            remedy="its environment is likely not as pinned: such runs return their input",
        )
    detail = f"painted in {answer.seconds:.1f} s, mean change {change:.0f} of 255"
    return Finding(what="smoke sample", ok=True, detail=detail)


def smoke_request() -> Request:
    """The word Hello on a plain 512 x 512 wall, to become World."""
    rows, columns = np.mgrid[0:512, 0:512]
    wall = np.stack([150 + rows / 16, 140 + columns / 16, np.full((512, 512), 120.0)], axis=-1)
    quad = np.array([[96, 192], [416, 192], [416, 320], [96, 320]], np.float32)
    ink = typesetting.typeset("Hello", quad, (512, 512), face="Lato-Bold", stretch=1.35).max(0)
    image = (wall * (1 - ink[..., None])).round().astype(np.uint8)
    region = np.zeros((512, 512), bool)
    region[184:328, 88:424] = True
    return Request(
        id="smoke",
        image=image,
        region=region,
        quad=quad,
        source_word="Hello",
        word="World",
        seed=0,
    )
