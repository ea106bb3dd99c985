"""The skeleton of a wrapper around somebody's system: `dreamtext baselines new NAME`.

Four files, which run and pass the tests as they are, around an entry point that does not exist:
what the system needs, how it is called, its environment, and the stand-in it is tested with.
"""

import re
from pathlib import Path

from baselines.catalogue import entries
from baselines.declaration import module_name
from dreamtext.errors import UserError

_DECLARED = '''"""NAME (say which paper)."""

from baselines.declaration import CANONICAL, Declaration
from baselines.system import Capabilities, Weights

SYSTEM = Declaration(
    name="NAME",
    summary="NAME, in a line of a table",
    repository="where its code is published",
    needed=("inference.py",),
    python="3.11",
    packages={},
    options=("steps",),
    notes=("what its user has to know, and what could not be read",),
    capabilities=Capabilities(
        max_length=12,
        native_size=CANONICAL,
        licence="as its authors state it",
        weights=(Weights(file="model.safetensors", source="where it is published"),),
    ),
)
'''
_RUNNER = '''"""NAME (say which paper): which of the authors' functions is called.

Weights: `model.safetensors`. Option: steps.
"""

import os

import numpy as np
from contract import enter, one_by_one, option, serve, to_size


def load(args):
    enter(args.checkout)
    import inference  # the authors' module: here stands what their entry point does

    model = inference.load(os.path.join(args.weights, "model.safetensors"))
    steps = option(args, "steps", 50)

    def paint(request):
        image, mask = request.open("image"), request.open("mask")  # mask: 255 where to paint
        painted = inference.paint(model, image, mask, request.word, steps, request.seed)
        return to_size(np.asarray(painted, np.uint8), request)

    return one_by_one(paint)


if __name__ == "__main__":
    serve(load)
'''
_ENVIRONMENT = """# Python 3.11. The authors' pins, and where they stand.
numpy
Pillow
"""
_STAND_IN = '''"""NAME: which files of the authors it stands for."""

from helpers.stand_ins import StandIn

STAND_IN = StandIn(
    checkout={
        # The real entry point's imports and files; what it does with them is ours.
        "inference.py": """
            import numpy as np

            def load(path):
                open(path).close()
                return "model"

            def paint(model, image, mask, word, steps, seed):
                assert model == "model" and steps == 50
                assert mask.min() == 0 and mask.max() == 255
                picture = np.zeros_like(image)
                picture[..., 0] = seed
                return picture
            """
    }
)
'''


def write_skeleton(name: str, root: Path) -> list[Path]:
    """Write a system's four files into a checkout of this project; returns their paths.

    Raises:
        UserError: the name is taken or no name, or `root` is no checkout. Nothing is written then.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise UserError(f"'{name}' is no name of a system: write it as textdiffuser or flux-text")
    if name in entries():
        raise UserError(f"there is a system '{name}' already: see `dreamtext baselines list`")
    module = module_name(name)
    texts = {
        f"baselines/declared/{module}.py": _DECLARED,
        f"baselines/runners/{module}.py": _RUNNER,
        f"baselines/environments/{name}.txt": _ENVIRONMENT,
        f"tests/helpers/stand_ins/{module}.py": _STAND_IN,
    }
    paths = {root / file: text.replace("NAME", name) for file, text in texts.items()}
    for path in paths:
        if not path.parent.is_dir():
            raise UserError(
                f"{root} is no checkout of this project: it has no folder "
                f"{path.parent.relative_to(root)}; go to one, or set --root FOLDER"
            )
        if path.exists():
            raise UserError(f"{path} is there already, and is left as it is")
    for path, text in paths.items():
        path.write_text(text)
    return list(paths)
