"""pyproject.toml is the one list of dependencies; the lock and environment.yml say the same."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
# conda-forge calls some packages by another name.
CONDA_NAMES = {"python-duckdb": "duckdb", "jupyter_client": "jupyter-client"}


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def locked_versions() -> dict[str, str]:
    pins = {}
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate():
            (specifier,) = requirement.specifier
            assert specifier.operator == "==", f"{line} is not a pin"
            pins[canonicalize_name(requirement.name)] = specifier.version
    return pins


def test_environment_yml_names_the_same_packages_and_ranges_as_pyproject():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    listed = {}
    for entry in conda["dependencies"]:
        if isinstance(entry, str) and entry != "pip":
            requirement = Requirement(entry)
            listed[CONDA_NAMES.get(requirement.name, requirement.name)] = requirement.specifier
    assert str(listed.pop("python")) == project()["requires-python"]
    expected = {Requirement(text).name: Requirement(text).specifier for text in project()["dependencies"]}
    assert listed == expected


def test_every_dependency_is_locked_inside_its_range():
    pins = locked_versions()
    wanted = project()["dependencies"] + project()["optional-dependencies"]["dev"]
    for requirement in map(Requirement, wanted):
        version = pins.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in requirements.lock: run `make lock`"
        assert requirement.specifier.contains(version), f"{requirement} is locked at {version}"


def test_the_lock_names_no_address():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not re.search(r"https?://|file:|^--", text, flags=re.MULTILINE)


def test_the_packages_the_user_asked_for_are_all_dependencies():
    asked = {"jupyterlab", "pandas", "seaborn", "statsmodels", "scikit-learn", "papermill", "nbval"}
    assert asked <= {Requirement(text).name for text in project()["dependencies"]}


def test_the_package_and_the_project_file_name_one_version():
    from cxlab.core.version import __version__

    assert project()["version"] == __version__


@pytest.mark.parametrize("target", ["reports", "test", "lab", "check", "setup", "clean", "format", "bench"])
def test_the_makefile_explains_each_target_the_readme_names(target):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:.*## \S", makefile, flags=re.MULTILINE)


def test_every_library_that_the_package_imports_is_declared():
    import ast

    distribution = {"sklearn": "scikit-learn", "yaml": "pyyaml", "bs4": "beautifulsoup4", "PIL": "pillow"}
    distribution["jupyter_client"] = "jupyter-client"
    names = set()
    for path in (ROOT / "cxlab").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(str(node.module).split(".")[0])
    foreign = {name for name in names if name not in sys.stdlib_module_names and name != "cxlab"}
    extras = project()["optional-dependencies"]
    reading = [*project()["dependencies"], *extras["database"], *extras["cloud"], *extras["pdf"]]
    declared = {Requirement(text).name for text in reading}
    assert {distribution.get(name, name) for name in foreign} <= declared
