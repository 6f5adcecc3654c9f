"""The house keeps its shape: allowed imports only, small rooms, every module says what it is."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "cxlab"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.read_text(encoding="utf-8").strip())
# The whole list of ARCHITECTURE.md: a layer may import itself and what is named here.
ALLOWED = {
    "core": set(),
    "stats": set(),
    "engine": {"core"},
    "ingest": {"core", "engine", "plots"},
    "linking": {"core", "engine", "ingest", "stats"},
    "plots": {"core"},
    "models": {"core", "plots", "stats"},
    "reporting": {"core"},
    "simulation": {"core"},
    "calls": {"core", "ingest", "linking", "models", "values"},
    "values": {"core", "ingest", "linking", "models"},
    "privacy": {"core", "ingest"},
    "cli": {"calls", "core", "ingest", "linking", "privacy", "reporting", "simulation"},
    "__main__": {"cli"},
}
LIMIT_MODULE_LINES = 400
LIMIT_FUNCTION_LINES = 60
HEAVY = (
    "pandas",
    "numpy",
    "scipy",
    "sklearn",
    "statsmodels",
    "matplotlib",
    "seaborn",
    "duckdb",
    "papermill",
)


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_modules(tree: ast.AST) -> list[str]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full, from cxlab..."
            names += [f"{node.module}.{alias.name}" for alias in node.names] + [str(node.module)]
    return names


def upward_imports(source: str, layer: str) -> list[str]:
    ours = [name for name in imported_modules(ast.parse(source)) if name.split(".")[0] == "cxlab"]
    allowed = ALLOWED[layer] | {layer}
    return [name for name in ours if len(name.split(".")) < 2 or name.split(".")[1] not in allowed]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_is_small_documented_and_imports_only_what_its_layer_may(path):
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    assert ast.get_docstring(tree), "a module starts with a one-line docstring"
    assert len(source.splitlines()) <= LIMIT_MODULE_LINES
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < LIMIT_FUNCTION_LINES, f"{node.name} is too long"
    if path.parent != PACKAGE or path.stem != "__init__":
        assert upward_imports(source, layer_of(path)) == []


def test_the_layer_rule_catches_an_upward_import():
    assert upward_imports("from cxlab.models.churn import horizon", "plots")
    assert upward_imports("import cxlab", "linking")
    assert not upward_imports("from cxlab.core.result import Result", "plots")


def test_no_model_imports_another_model():
    for path in (PACKAGE / "models").rglob("*.py"):
        own = path.relative_to(PACKAGE).with_suffix("").parts
        for name in imported_modules(ast.parse(path.read_text(encoding="utf-8"))):
            parts = tuple(name.split("."))
            if parts[:2] == ("cxlab", "models"):
                assert parts[2 : len(own)] == own[1:-1], f"{path.name} imports {name}"


def test_importing_cxlab_loads_no_heavy_library():
    code = f"import sys, cxlab; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_can_be_reached_and_has_a_docstring():
    import cxlab

    for name in cxlab.__all__:
        thing = getattr(cxlab, name)
        assert name == "__version__" or (thing.__doc__ or "").strip(), name
