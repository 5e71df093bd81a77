"""The link to the documentation in the HTML picture of an estimator."""

import importlib.metadata
import re
from email.message import Message

import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_html_repr

from skembed import EmbeddingClassifier, EmbeddingEncoder, EmbeddingRegressor, InputEmbedding

ESTIMATORS = [EmbeddingClassifier(), EmbeddingEncoder(), EmbeddingRegressor(), InputEmbedding()]


class OfAUser(EmbeddingEncoder):
    """A class of another library has no page here."""


def install(monkeypatch, *urls):
    """Let the metadata of the installed package have these addresses."""
    message = Message()
    for url in urls:
        message["Project-URL"] = url
    monkeypatch.setattr(importlib.metadata.Distribution, "metadata", message)


def links(estimator):
    """The addresses of the pages in the picture, without the parts of a page that they point at."""
    found = re.findall(r'href="([^"#]+)', estimator_html_repr(estimator))
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("end", ["", "/"])
def test_the_picture_links_to_the_page_of_the_class(monkeypatch, estimator, end):
    site = "https://site.example/docs"
    install(monkeypatch, "Source, https://site.example/code", f"Documentation, {site}{end}")
    assert links(estimator) == [f"{site}/api/skembed.{type(estimator).__name__}.html"]


def test_steps_of_a_pipeline_have_the_links_of_their_libraries(monkeypatch):
    install(monkeypatch, "Documentation, https://site.example")
    pipeline = links(make_pipeline(EmbeddingEncoder(), StandardScaler()))
    assert "https://site.example/api/skembed.EmbeddingEncoder.html" in pipeline
    assert any("scikit-learn.org" in link for link in pipeline)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_without_an_address_there_is_no_link(monkeypatch, estimator):
    install(monkeypatch, "Source, https://site.example/code")
    assert links(estimator) == []


def test_a_package_that_is_not_installed_has_no_link(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata.Distribution, "from_name", missing)
    assert links(EmbeddingEncoder()) == []


def test_a_class_of_a_user_has_no_page(monkeypatch):
    install(monkeypatch, "Documentation, https://site.example")
    assert links(OfAUser()) == []
