"""The link from the HTML picture of an estimator to its page in the documentation."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, metadata
from typing import ClassVar

# Where the build of the site puts the page of a class; `docs/conf.py` checks it.
PAGE = "api/{estimator_module}.{estimator_name}.html"


class DocumentedMixin:
    """What scikit-learn asks of estimators of other libraries, to link them.

    Its own attributes of these names point to its site. The address is that of the metadata that
    this package is installed with, read when a picture is drawn; without one there is no link.
    """

    _doc_link_module: ClassVar = "skembed"

    @property
    def _doc_link_template(self) -> str:
        address = _site()
        return f"{address.rstrip('/')}/{PAGE}" if address else ""


def _site() -> str:
    """The address called ``Documentation`` in ``setup.cfg``; empty if there is none."""
    try:
        urls = metadata("skembed").get_all("Project-URL", [])
    except PackageNotFoundError:  # A checkout that is on the path, but not installed.
        return ""
    named = {name.strip(): address.strip() for name, _, address in (u.partition(",") for u in urls)}
    return named.get("Documentation", "")
