"""The site: user guide, examples that are run, and the reference made from the docstrings."""

import shutil
from importlib import import_module
from importlib.util import find_spec
from inspect import isclass, isfunction
from pathlib import Path
from types import ModuleType

from sphinx.ext.autodoc.mock import mock
from sphinx_gallery.sorting import ExplicitOrder

import skembed
from skembed._doc_link import PAGE, DocumentedMixin

DOCS = Path(__file__).parent

project = "skembed"
author = copyright = "The skembed developers"
version = release = skembed.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]

html_theme = "pydata_sphinx_theme"
html_title = f"skembed {version}"
html_static_path = ["_static"]
html_css_files = ["skembed.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "skembed"},
    "navbar_end": ["theme-switcher"],
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"index": [], "coming_from": [], "design": [], "changelog": []}

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

extlinks = {
    "arxiv": ("https://arxiv.org/abs/%s", "arXiv:%s"),
    "doi": ("https://doi.org/%s", "doi:%s"),
}

# Reference: one page for each name that a public module lists in ``__all__``.
OPTIONAL = ["dask", "distributed", "matplotlib", "onnx", "plotly", "torch"]
autodoc_mock_imports = [library for library in OPTIONAL if find_spec(library) is None]
autodoc_typehints = "none"  # the docstrings tell the types
numpydoc_show_class_members = False  # the page of a class has all its methods


def public_modules() -> list[str]:
    """Return the modules of the package that a user may import from, the package first."""
    folder = Path(skembed.__file__).parent
    names = [path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()]
    return ["skembed", *(f"skembed.{n}" for n in sorted(names) if not n.startswith("_"))]


def list_names(module: ModuleType) -> list[str]:
    """Return the lines of a section: classes, functions, then constants with their types."""
    public = {name: getattr(module, name) for name in sorted(module.__all__)}
    classes = [name for name, value in public.items() if isclass(value)]
    functions = [name for name, value in public.items() if isfunction(value)]
    constants = {n: v for n, v in public.items() if n not in (*classes, *functions)}
    lines = [".. autosummary::", "   :toctree: .", ""]
    lines += [f"   {name}" for name in classes + functions] + [""]
    for name, value in constants.items():
        lines += [f".. data:: {name}", f"   :type: {type(value).__name__}", ""]
    return lines


def write_reference(folder: Path) -> None:
    """Write the list of the public names, from which autosummary makes the pages."""
    lines = ["API reference", "=============", ""]
    with mock(autodoc_mock_imports):
        for name in public_modules():
            module = import_module(name)
            lines += [name, "-" * len(name), "", module.__doc__.split("\n\n")[0], ""]
            lines += [f".. currentmodule:: {name}", "", *list_names(module)]
    shutil.rmtree(folder, ignore_errors=True)  # pages of names that are gone
    folder.mkdir()
    (folder / "index.rst").write_text("\n".join(lines), encoding="utf-8")


def skip_member(app, what, name, obj, skip, options) -> bool | None:
    """Leave out what a class has from scikit-learn; its documentation tells of it."""
    of_sklearn = (getattr(obj, "__module__", None) or "").startswith("sklearn.")
    return True if of_sklearn or name.endswith("_request") else None


# Examples: run at every build, their pictures are those of the pages.
sphinx_gallery_conf = {
    "examples_dirs": str(DOCS.parent / "examples"),
    "gallery_dirs": "gallery",
    "filename_pattern": "plot_",
    "within_subsection_order": ExplicitOrder(["plot_quickstart.py", "plot_predictors.py", "*"]),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_signature": False,
    "write_computation_times": False,
}


def find_pages(app, exception) -> None:
    """Fail where the HTML picture of an estimator would link to a page that is not there."""
    if exception or app.builder.name != "html":
        return
    with mock(autodoc_mock_imports):
        modules = {name: import_module(name) for name in public_modules()}
    for module, content in modules.items():
        for name in content.__all__:
            value = getattr(content, name)
            if isclass(value) and issubclass(value, DocumentedMixin):
                page = PAGE.format(estimator_module=module, estimator_name=name)
                if not (Path(app.outdir) / page).is_file():
                    raise FileNotFoundError(f"{name} links to {page}, which was not built.")


def setup(app) -> None:
    """Write the reference before the pages are collected."""
    write_reference(DOCS / "api")
    app.connect("autodoc-skip-member", skip_member)
    app.connect("build-finished", find_pages)
