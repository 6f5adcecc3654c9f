"""Notebook files: finding one by its name, reading it, and its title."""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import Any

from cxlab.core.errors import ParameterError

#: A notebook as nbformat holds it: nbformat has no type hints.
Notebook = Any

PARAMETERS_TAG = "parameters"
INJECTED_TAG = "injected-parameters"
HEADLINE_TAG = "headline"
_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)


def find_notebook(name: str, folder: Path) -> Path:
    """The file of a notebook given by path (``a/b.ipynb``) or by its name in ``folder``.

    ParameterError names the nearest notebooks of ``folder`` if there is none.
    """
    asked = Path(name)
    candidates = [asked, folder / name, folder / f"{name}.ipynb"]
    for candidate in candidates:
        if candidate.suffix == ".ipynb" and candidate.is_file():
            return candidate.resolve()
    known = sorted(path.stem for path in folder.glob("*.ipynb"))
    near = difflib.get_close_matches(asked.stem, known, n=3, cutoff=0.5) or known
    offer = f"Nearest: {', '.join(near)}." if near else f"The folder {folder} holds no notebook."
    raise ParameterError(
        f"There is no notebook {name!r}. {offer} Next step: give the path of an .ipynb file, or "
        "one of these names."
    )


def read_notebook(path: Path) -> Notebook:
    """The notebook in format 4, without parameters injected by an earlier run."""
    import nbformat
    from nbformat.validator import normalize

    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        # A cell without an id is mended here; left alone, nbformat warns about it at every later step.
        _, mended = normalize(nbformat.from_dict(raw))  # type: ignore[no-untyped-call]
        notebook = nbformat.reads(json.dumps(mended), as_version=4)  # type: ignore[no-untyped-call]
        nbformat.validate(notebook)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, nbformat.ValidationError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ParameterError(
            f"{path.name}: not a readable notebook ({first}). Next step: open it in JupyterLab "
            "and save it again."
        ) from error
    notebook.cells = [cell for cell in notebook.cells if INJECTED_TAG not in tags(cell)]
    return notebook


def tags(cell: Any) -> list[str]:
    """The tags of a cell; an empty list where it has none."""
    return list(cell.metadata.get("tags", []))


def code_cells(notebook: Notebook) -> list[Any]:
    """The code cells in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def title_of(notebook: Notebook, default: str) -> str:
    """The first level-one heading without its Markdown marks, or ``default``."""
    for cell in notebook.cells:
        found = _HEADING.search(cell.source) if cell.cell_type == "markdown" else None
        if found:
            return re.sub(r"[*_`]", "", found.group(1))
    return default
