"""Pages from templates: one HTML file each, style and script inside, readable without a network."""

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dreamtext.files import write_text

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def write(template: str, path: Path, **values: Any) -> None:
    """Render a template of `templates/` into a file, whole or not at all."""
    write_text(path, environment().get_template(template).render(**values))


@cache
def environment() -> "Environment":
    """The templates, with what they are written with."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("benchmarks.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters |= {"coded": coded, "data": data, "duration": duration, "scrolled": scrolled}
    return found


def coded(text: str) -> "Markup":
    """Escaped, with `code` in backticks."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`(.+?)`", r"<code>\1</code>", str(escape(text))))


def data(values: Any) -> "Markup":
    """JSON for a script element: nothing in it can end the element."""
    from markupsafe import Markup

    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def scrolled(tables: str) -> "Markup":
    """Rendered tables, each in a box that scrolls sideways where it is too wide."""
    from markupsafe import Markup

    boxed = re.sub(r"<table\b", '<div class="wide" tabindex="0"><table class="sortable"', tables)
    return Markup(boxed.replace("</table>", "</table></div>"))
