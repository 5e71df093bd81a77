"""What stands in several files at release says the same, and the package stays light."""

import configparser
import re
from importlib.metadata import requires
from pathlib import Path

import skembed
import skembed.nn

ROOT = Path(__file__).parents[1]
CONFIG = configparser.ConfigParser()
CONFIG.read(ROOT / "setup.cfg", encoding="utf-8")
OPTIONAL = {"dask", "distributed", "matplotlib", "onnx", "onnxruntime", "plotly", "torch"}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_one_version():
    assert re.search(r"^version: (.+)$", read("CITATION.cff"), re.MULTILINE)[1] == (
        skembed.__version__
    )
    assert re.search(r'^  version: "(.+)"$', read("recipe/recipe.yaml"), re.MULTILINE)[1] == (
        skembed.__version__
    )
    assert skembed.__version__ in read("CHANGELOG.md")


def test_recipe_needs_what_the_package_needs():
    recipe = read("recipe/recipe.yaml")
    run = re.search(r"^  run:\n((?:    - .+\n)+)", recipe, re.MULTILINE)[1]
    needed = {line.removeprefix("    - ").replace(" ", "") for line in run.splitlines()}
    python = re.search(r'^  python_min: "(.+)"$', recipe, re.MULTILINE)[1]
    assert CONFIG["options"]["python_requires"] == f">={python}"
    assert needed == {
        "python>=${{python_min}}",
        *CONFIG["options"]["install_requires"].split(),
    }
    assert CONFIG["metadata"]["description"] in recipe


def test_extras_named_anywhere_exist():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs/guide").glob("*.md")]
    modules = Path(skembed.__file__).parent.glob("*.py")
    texts = [path.read_text(encoding="utf-8") for path in [*pages, *modules]]
    named = {
        extra
        for text in texts
        for extras in re.findall(r"(?:skembed|\.|\.whl)\[([a-z, ]+)\]\"", text)
        for extra in extras.replace(" ", "").split(",")
    }
    assert {"docs", "plot", "test"} <= named <= set(CONFIG["options.extras_require"])


def test_the_files_of_a_release_are_there():
    manifest = read("MANIFEST.in")
    for name in ["CHANGELOG.md", "CITATION.cff", "CODE_OF_CONDUCT.md", "SECURITY.md"]:
        assert name in manifest
        assert (ROOT / name).is_file()
    for folder in re.findall(r"^graft (.+)$", manifest, re.MULTILINE):
        assert (ROOT / folder).is_dir()


def test_an_installation_needs_five_libraries_and_what_they_bring():
    def names(lines):
        return {re.match(r"[\w-]+", line)[0] for line in lines if "extra ==" not in line}

    five = {"numpy", "scipy", "pandas", "scikit-learn", "narwhals"}
    brought = names(line for library in five for line in requires(library) or [])
    assert five <= names(CONFIG["options"]["install_requires"].split()) <= five | brought


def test_import_is_light(brought):
    """All that is public brings no optional library, and no model of scikit-learn's either."""
    modules = set(brought["of_all"])
    assert {"skembed._encoder", "skembed.datasets._tables"} <= modules
    assert not OPTIONAL & modules
    assert not {"polars", "sklearn.ensemble", "sklearn.linear_model"} & modules


def test_every_module_of_nn_has_tests_that_mutants_are_run_against():
    named = (ROOT / "benchmarks/mutants.toml").read_text(encoding="utf-8")
    modules = sorted(Path(skembed.nn.__file__).parent.glob("_[a-z]*.py"))
    missing = [path.name for path in modules if f'"skembed/nn/{path.name}"' not in named]
    assert len(modules) > 30
    assert missing == []
