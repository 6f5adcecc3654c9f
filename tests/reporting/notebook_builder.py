"""Small notebooks for the tests, with or without a run."""

from pathlib import Path

import nbformat
import psutil
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

KERNEL = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}


def notebook(*codes, parameters="", title="Does it work?", closing="", headline=""):
    """A notebook of code cells below a title; ``headline`` is the code of the cell with that tag."""
    cells = [new_markdown_cell(f"# {title}")]
    if parameters:
        cells.append(new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    cells += [new_code_cell(code) for code in codes]
    if headline:
        cells.append(new_code_cell(headline, metadata={"tags": ["headline"]}))
    if closing:
        cells.append(new_markdown_cell(closing))
    return new_notebook(cells=cells, metadata=KERNEL)


def shown(*outputs, before="", title="Does it work?"):
    """A notebook as it is after a run: one code cell with ``outputs``, text ``before`` it."""
    made = notebook(title=title)
    if before:
        made.cells.append(new_markdown_cell(before))
    made.cells.append(new_code_cell("shown", execution_count=1, outputs=list(outputs)))
    return made


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def display(metadata=None, **data):
    """``display(html=...)``: an output of one kind."""
    kinds = {"html": "text/html", "plain": "text/plain", "png": "image/png", "svg": "image/svg+xml"}
    kinds |= {"markdown": "text/markdown", "javascript": "application/javascript"}
    content = {kinds[kind]: value for kind, value in data.items()}
    return new_output("display_data", data=content, metadata=metadata or {})


def save(made, path):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(made, path)
    return Path(path)


def is_kernel(process):
    """Whether a process is a kernel; one that has ended, or ends just now, is none."""
    try:
        return "ipykernel_launcher" in process.cmdline()
    except psutil.NoSuchProcess:
        return False
