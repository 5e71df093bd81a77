"""Public names that are read when they are asked for, which nobody needs to know."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import skembed
import skembed.nn

PACKAGES = [skembed, skembed.nn]
PATH = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def run(program: str) -> str:
    """What a program prints in a process of its own."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=PATH).stdout


def names_for_type_checkers(package):
    """Where a reader of the source alone finds each public name."""
    tree = ast.parse(Path(package.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    assert block.test.id == "TYPE_CHECKING"
    return {
        alias.name: f"{package.__name__}.{statement.module}"
        for statement in block.body
        for alias in statement.names
    }


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_names_are_where_type_checkers_look_for_them(package):
    homes = names_for_type_checkers(package)
    assert sorted(homes) == sorted(package.__all__)
    for name, home in homes.items():
        assert getattr(package, name) is getattr(importlib.import_module(home), name)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_names_are_listed_before_they_are_asked_for(package):
    listed = run(f"import {package.__name__} as package; print(*dir(package))").split()
    assert set(package.__all__) | {"__doc__", "__name__"} <= set(listed)
    assert listed == sorted(set(listed))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_a_star_brings_all_names(package, brought):
    assert set(package.__all__) <= set(brought["names"][package.__name__])


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_a_name_that_is_not_there_is_refused(package):
    with pytest.raises(AttributeError, match=rf"^module '{package.__name__}' has no attribute 'X'"):
        package.X  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'X'"):
        exec(f"from {package.__name__} import X")


def test_a_pickle_needs_no_import(brought):
    assert brought["size"] == [3, 1]


def test_importing_the_package_reads_none_of_its_modules():
    printed = run("import sys\nimport skembed\nprint(*sys.modules)").split()
    own = {name for name in printed if name.startswith("skembed")}
    assert own == {"skembed", "skembed.nn", "skembed.nn._lazy"}


def test_an_estimator_brings_no_other(brought):
    others = {"skembed._features", "skembed._input", "skembed._predictors", "skembed.nn._embedding"}
    assert "skembed._encoder" in brought["of_one"]
    assert not others & set(brought["of_one"])
    assert others <= set(brought["of_all"])
