"""A finished notebook as one quiet page: text, tables and figures; no code, no script, no request."""

from __future__ import annotations

import ast
import base64
import mimetypes
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from cxlab.core.errors import ReportError
from cxlab.core.version import __version__
from cxlab.reporting.contents import add_contents
from cxlab.reporting.delta import Delta
from cxlab.reporting.notebooks import HEADLINE_TAG, Notebook, code_cells, tags
from cxlab.reporting.pages import LANGUAGE, filled, require_inert
from cxlab.reporting.parameters import Parameter, Value
from cxlab.reporting.tables import dress_tables

#: The kinds of output a page can hold, best first. Markdown and JavaScript made by code are refused.
_SHOWN_TYPES: Final = ("text/html", "image/png", "image/svg+xml", "image/jpeg", "text/plain")
_MARKDOWN_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
_BESIDE: Final = re.compile(r"^[\w./-]+(#[\w.-]*)?$")
_TITLE = re.compile(r"<h1\b[^>]*>.*?</h1>\s*", re.DOTALL)
_DRAWING_NAME = re.compile(r"^(array\()?\[?<.*(Axes|Figure|Line2D|Text|Container|Collection).*>", re.DOTALL)
_COLUMNS_OF_TEXT = re.compile(r"\S(\t| {2,})\S")


@dataclass(frozen=True, kw_only=True)
class MadeOf:
    """How a report was made: what its last section says. No value holds a path of this machine."""

    collection: str
    notebook: str
    made_at: str
    rows: Sequence[tuple[str, str, str]] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    data_hash: str = ""
    version: str = __version__
    delta: Delta | None = None
    language: str = LANGUAGE


@dataclass(frozen=True, kw_only=True)
class Block:
    """One piece of a page: ``kind`` is markdown, html, image, text, characters, code or warning."""

    kind: str
    content: str
    alt: str = ""
    width: str = ""
    attachments: Mapping[str, Any] = field(default_factory=dict)


def parameter_rows(
    declared: Sequence[Parameter], given: Mapping[str, Value], hider: Any
) -> list[tuple[str, str, str]]:
    """Name, value shown, and comment of every parameter, given or left at its default."""
    rows: list[tuple[str, str, str]] = []
    for parameter in declared:
        value = hider.value(given.get(parameter.name, parameter.default))
        if parameter.is_path and isinstance(value, str):
            value = Path(value).name or value
        shown = (
            ", ".join(map(str, value))
            if isinstance(value, list)
            else "none"
            if value is None
            else str(value)
        )
        rows.append((parameter.name, shown, parameter.comment))
    return rows


def render(
    notebook: Notebook, *, title: str, folder: Path, made_of: MadeOf, with_code: bool = False
) -> str:
    """The page of an executed notebook; ReportError if an output cannot be shown safely.

    The headline (the text output of the cell tagged ``headline``) also stands under the title. ``folder``
    is where the pictures that Markdown cells name are found; they are embedded. With ``with_code`` each
    code cell stands folded before what it shows.
    """
    from bs4 import BeautifulSoup

    page = filled(
        "report.html.j2",
        language=made_of.language,
        title=title,
        headline=headline_of(notebook),
        blocks=_without_title([_rendered(block, folder) for block in _blocks(notebook, with_code)]),
        made_of=made_of,
    )
    soup = BeautifulSoup(page, "html.parser")
    dress_tables(soup)
    add_contents(soup)
    dressed = str(soup)
    require_inert(dressed)
    return dressed


def headline_of(notebook: Notebook) -> str:
    """The answer in one sentence: the text output of the last code cell tagged ``headline``, or nothing."""
    tagged = [cell for cell in code_cells(notebook) if HEADLINE_TAG in tags(cell)]
    texts = [_plain_text(output) for cell in tagged[-1:] for output in cell.get("outputs", [])]
    return " ".join(" ".join(texts).split())


def first_figure(notebook: Notebook) -> str:
    """The first PNG of the outputs, base64, or nothing."""
    for cell in code_cells(notebook):
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                return str(output.data["image/png"]).replace("\n", "")
    return ""


def _blocks(notebook: Notebook, with_code: bool) -> list[Block]:
    blocks: list[Block] = []
    heading, figures = "", 0
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "markdown":
            headings = _MARKDOWN_HEADING.findall(cell.source)
            heading = re.sub(r"[*_`]", "", headings[-1]) if headings else heading
            blocks.append(
                Block(kind="markdown", content=cell.source, attachments=cell.get("attachments", {}))
            )
            continue
        if with_code and cell.cell_type == "code" and cell.source.strip():
            blocks.append(Block(kind="code", content=cell.source.strip("\n")))
        for output in cell.get("outputs", []) if cell.cell_type == "code" else []:
            block = _block(output, number, heading, figures + 1)
            figures += block is not None and block.kind == "image"
            blocks += [block] if block else []
    return blocks


def _block(output: Any, cell_number: int, heading: str, figure: int) -> Block | None:
    from bs4 import BeautifulSoup

    if output.output_type == "stream":
        if output.name == "stderr":
            return Block(kind="warning", content=output.text.strip())
        return _text_block(output.text)
    data = output.get("data", {})
    kind = next((shown for shown in _SHOWN_TYPES if shown in data), None)
    if "text/markdown" in data or "application/javascript" in data or kind is None:
        raise ReportError(
            f"Cell {cell_number} shows {', '.join(data)}: a report cannot show it safely. Next step: "
            "print text, or let the cell end with a table or a figure."
        )
    content = data[kind] if isinstance(data[kind], str) else "".join(data[kind])
    if kind == "text/plain":
        return None if _DRAWING_NAME.match(content) else _text_block(_unquoted(content))
    if kind == "text/html":
        # Parsed and written again, so that a stray end tag cannot close the page's own elements.
        return Block(kind="html", content=str(BeautifulSoup(content, "html.parser")))
    given = output.get("metadata", {})
    alt = given.get(kind, {}).get("alt") or f"Figure {figure}: {heading or 'drawing'}"
    is_text = kind == "image/svg+xml"
    encoded = base64.b64encode(content.encode()).decode() if is_text else content.replace("\n", "")
    width = str(given.get(kind, {}).get("width", ""))
    return Block(kind="image", content=f"data:{kind};base64,{encoded}", alt=alt, width=width)


def _text_block(text: str) -> Block | None:
    text = text.strip("\n")
    if not text.strip():
        return None
    return Block(kind="characters" if _COLUMNS_OF_TEXT.search(text) else "text", content=text)


def _rendered(block: Block, folder: Path) -> Block:
    """Author Markdown as HTML; it is the author's own text: not sanitised, only checked with the page."""
    if block.kind != "markdown":
        return block
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    renderer = IPythonRenderer(
        escape=False,
        attachments=dict(block.attachments),
        exclude_anchor_links=True,
    )
    content = MarkdownWithMath(renderer=renderer).render(block.content)
    return replace(block, kind="html", content=_on_its_own(content, folder))


def _on_its_own(content: str, folder: Path) -> str:
    """``content`` away from ``folder``: its pictures embedded, links to files beside it as text.

    A picture that is not there stays, and the page is refused.
    """
    from bs4 import BeautifulSoup

    if "<img" not in content and "<a " not in content:
        return content
    soup = BeautifulSoup(content, "html.parser")
    for link in soup.find_all("a", href=_BESIDE):
        link.unwrap()
    for image in soup.find_all("img"):
        path = (folder / str(image.get("src", ""))).resolve()
        kind = mimetypes.guess_type(path.name)[0] or ""
        if kind.startswith("image/") and path.is_relative_to(folder.resolve()) and path.is_file():
            image["src"] = f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
    return str(soup)


def _without_title(blocks: Sequence[Block]) -> list[Block]:
    """The blocks without their first level-one heading: the page's head shows it."""
    kept: list[Block] = []
    found = False
    for block in blocks:
        heading = None if found or block.kind != "html" else _TITLE.search(block.content)
        if heading:
            found = True
            block = replace(
                block, content=block.content[: heading.start()] + block.content[heading.end() :]
            )
        kept.append(block)
    return kept


def _plain_text(output: Any) -> str:
    if output.output_type == "stream":
        return "" if output.name == "stderr" else str(output.text)
    return _unquoted(str(output.get("data", {}).get("text/plain", "")))


def _unquoted(text: str) -> str:
    """A string shown as the value of a cell, without its quotes."""
    if text[:1] not in {"'", '"'}:
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, str) else text
