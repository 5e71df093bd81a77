"""A fitted encoder in a file, and back: vectors, vocabularies, names and plain parameters."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from ._file_format import is_plain, read_file, write_file
from ._frames import as_objects, find_missing
from ._params import check_parameters
from ._plain_values import from_json, objects_from_json, to_json
from ._sample import Columns
from ._vocabulary import ColumnVocabulary

Array = NDArray[Any]

# Classes of a target, where it has any; 0 for one per output.
_N_CLASSES = {"binary": 2, "multiclass": 0, "multilabel-indicator": 0}
_TARGET_TYPES = {*_N_CLASSES, "continuous", "continuous-multioutput", "none"}
# What damaged or invented content makes Python, NumPy and pandas raise.
_BROKEN = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError)


class StoredEmbeddings:
    """Fitted encoders that can be saved and loaded."""

    def save_embeddings(self, path: str | os.PathLike[str]) -> None:
        """Write the vectors and their categories to a file, without pickle.

        The file is written beside ``path`` first and takes its place when it is complete: if
        anything fails, ``path`` stays what it was.

        Parameters
        ----------
        path : str or path
            The file, such as ``"cities.skembed"``. One that exists is replaced.

        Raises
        ------
        TypeError
            If a category, a column name or a label is of a type that a file cannot hold. It can
            hold numbers, strings, bytes, booleans, dates and times, decimals, UUIDs, the scalars
            of NumPy and pandas, and tuples and frozensets of these.
        OSError
            If the file cannot be written.

        See Also
        --------
        load_embeddings : Read the file.

        Notes
        -----
        Parameters that are no such values, nor lists or dicts of them (a splitter, a function, a
        frame), are left out, and so is the network that ``warm_start`` keeps.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> from skembed import EmbeddingEncoder
        >>> X, y = [["Rome"], ["Paris"], ["Rome"], ["Oslo"]] * 5, [1.5, 2.0, 1.0, 3.0] * 5
        >>> encoder = EmbeddingEncoder(embedding_dim=2, random_state=0).fit(X, y)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "cities.skembed")
        ...     encoder.save_embeddings(file)
        ...     loaded = EmbeddingEncoder.load_embeddings(file)
        >>> bool((loaded.transform(X) == encoder.transform(X)).all())
        True
        """
        check_is_fitted(self)
        check_parameters(self, self._rules)
        arrays: list[Array] = []
        content = _to_content(self, arrays)
        write_file(path, content, arrays)

    @classmethod
    def load_embeddings(cls, path: str | os.PathLike[str]) -> Self:
        """Read an encoder that :meth:`save_embeddings` has written.

        Nothing in the file is ever executed. The size of the file and a checksum are compared with
        what it says of itself before anything is read.

        Parameters
        ----------
        path : str or path
            The file.

        Returns
        -------
        encoder : EmbeddingEncoder
            Fitted; it transforms as the one that was saved, bit for bit.

        Raises
        ------
        ValueError
            If the file is damaged, incomplete, of another format or version, or contradicts itself.
        OSError
            If there is no such file, or it cannot be read.

        See Also
        --------
        save_embeddings : Write the file, with an example.
        """
        try:
            content, arrays = read_file(path)
        except (ValueError, LookupError, RecursionError, TypeError) as error:
            raise _refusal(path, error) from error
        try:
            return _from_content(cls, content, arrays)
        except (ValueError, *_BROKEN) as error:
            raise _refusal(path, error) from error


def _refusal(path: Any, error: Exception) -> ValueError:
    reason = error if isinstance(error, ValueError) else "its content contradicts itself"
    return ValueError(f"The file {os.fspath(path)!r} holds no embeddings to load: {reason}.")


def _require(condition: Any, what: str) -> None:
    if not condition:
        raise ValueError(f"it holds {what}")


# Arrays, of which those of objects become JSON


def _array_to_json(array: Array, arrays: list[Array], where: str) -> Any:
    if is_plain(array.dtype):
        arrays.append(array)
        return {"array": len(arrays) - 1}
    try:
        return to_json(array.astype(object).tolist())
    except TypeError as error:
        raise _cannot_hold(where, error) from error


def _array_from_json(data: Any, arrays: list[Array]) -> Array:
    if isinstance(data, dict):
        return arrays[data["array"]]
    _require(isinstance(data, list), "an array that is no list")
    return objects_from_json(data)


def _cannot_hold(where: str, error: TypeError) -> TypeError:
    return TypeError(
        f"{where} holds {error}, which a file of embeddings cannot hold. Make them strings before "
        "the fit."
    )


# Writing


def _to_content(encoder: Any, arrays: list[Array]) -> dict[str, Any]:
    columns = encoder._columns
    distinct = list({id(v): v for v in encoder._vocabularies}.values())
    names = columns.categorical_names
    owners = [names[encoder._vocabularies.index(vocabulary)] for vocabulary in distinct]
    try:
        column_names = to_json(list(columns.names))
    except TypeError as error:
        raise _cannot_hold("The list of column names", error) from error
    return {
        "parameters": _plain_parameters(encoder),
        "columns": {
            "names": column_names,
            "named": hasattr(encoder, "feature_names_in_"),
            "categorical": columns.categorical,
            "numeric": columns.numeric,
            "sequences": columns.sequences,
        },
        "vocabularies": [
            {
                "categories": _array_to_json(vocabulary.categories, arrays, f"Column {owner!r}"),
                "counts": _array_to_json(vocabulary.counts, arrays, "counts"),
                "infrequent": _array_to_json(vocabulary.infrequent, arrays, "infrequent"),
            }
            for vocabulary, owner in zip(distinct, owners, strict=True)
        ],
        "vocabulary_of": [distinct.index(vocabulary) for vocabulary in encoder._vocabularies],
        "tables": [_array_to_json(table, arrays, "embeddings_") for table in encoder.embeddings_],
        "target": {
            "type": encoder.target_type_,
            "n_outputs": encoder._n_outputs,
            "classes": None
            if encoder.classes_ is None
            else _array_to_json(np.asarray(encoder.classes_), arrays, "The target"),
        },
        "loss_curve": to_json(encoder.loss_curve_),
        "validation_scores": to_json(encoder.validation_scores_),
    }


def _plain_parameters(encoder: Any) -> dict[str, Any]:
    """The parameters that JSON can say."""
    plain = {}
    given = encoder.get_params(deep=False)
    if encoder._n_outputs:
        # What the tables have, should the parameter have changed since the fit.
        given["target_effect"] = encoder._has_effects()
    for name, value in (given | {"dtype": np.dtype(encoder.dtype).name}).items():
        with suppress(TypeError):
            plain[name] = to_json(value)
    return plain


def _parameters_from_json(content: dict[str, Any]) -> dict[str, Any]:
    parameters = {name: from_json(value) for name, value in content.items()}
    if "dtype" in parameters:
        parameters["dtype"] = np.dtype(parameters["dtype"]).type
    return parameters


# Reading


def _from_content(cls: Callable[..., Any], content: Any, arrays: list[Array]) -> Any:
    encoder = cls(**_parameters_from_json(content["parameters"]))
    check_parameters(encoder, encoder._rules)
    columns = _read_columns(content["columns"])
    distinct = [_read_vocabulary(part, arrays) for part in content["vocabularies"]]
    vocabularies = [distinct[_number(k, len(distinct))] for k in content["vocabulary_of"]]
    classes, n_outputs = _read_classes(content["target"], arrays), content["target"]["n_outputs"]
    n_effects = n_outputs if encoder.target_effect else 0
    tables = [_array_from_json(part, arrays) for part in content["tables"]]
    _require(
        len(columns.categorical) == len(vocabularies) == len(tables),
        "another number of tables than of columns",
    )
    for table, vocabulary in zip(tables, vocabularies, strict=True):
        _check_table(table, vocabulary.n_codes, n_effects)
    curve, scores = (from_json(content[name]) for name in ("loss_curve", "validation_scores"))
    for part in (curve, scores or []):
        _require(isinstance(part, list) and set(map(type, part)) <= {float}, "losses that are none")
    vars(encoder).update(
        n_features_in_=len(columns.names),
        _columns=columns,
        _vocabularies=vocabularies,
        classes_=classes,
        target_type_=content["target"]["type"],
        _n_outputs=n_outputs,
        embeddings_=tables,
        embedding_dims_=[table.shape[1] - n_effects for table in tables],
        _networks=[],
        # What partial_fit would go on from is not in the file.
        _stream=None,
        _counted_before=False,
        _units=None,
        loss_curve_=curve,
        validation_scores_=scores,
        n_iter_=len(curve),
    )
    named = content["columns"]["named"]
    strings = all(isinstance(name, str) for name in columns.names)
    _require(type(named) is bool and strings >= named, "names of columns that are no strings")
    if named:
        encoder.feature_names_in_ = np.array(columns.names, dtype=object)
    return encoder


def _number(value: Any, stop: int) -> int:
    _require(type(value) is int and 0 <= value < stop, f"{value!r} where a smaller number belongs")
    return value


def _read_columns(content: Any) -> Columns:
    names = tuple(from_json(content["names"]))
    _require(len(set(names)) == len(names) > 0, "names of columns that repeat, or none")
    parts = [
        tuple(_number(j, len(names)) for j in content[part])
        for part in ("categorical", "numeric", "sequences")
    ]
    categorical, numeric, sequences = parts
    _require(all(list(part) == sorted(set(part)) for part in parts), "columns out of order")
    _require(
        sorted(categorical + numeric) == list(range(len(names))), "columns of no kind or of two"
    )
    _require(set(sequences) <= set(categorical), "columns of no kind or of two")
    return Columns(names, categorical, numeric, sequences)


def _read_vocabulary(content: Any, arrays: list[Array]) -> ColumnVocabulary:
    categories, counts, infrequent = (
        _array_from_json(content[name], arrays) for name in ("categories", "counts", "infrequent")
    )
    _require(
        categories.ndim == 1 and categories.dtype.kind in "biufmMO",
        f"categories of dtype {categories.dtype} and shape {categories.shape}",
    )
    _require(not find_missing(categories).any(), "a missing value as a category")
    _require(len(set(categories.tolist())) == len(categories), "a category twice")
    if categories.dtype.kind in "mM":
        as_objects(categories)  # raises for dates that pandas cannot hold
    _require(
        counts.dtype == np.int64 and counts.shape == categories.shape,
        "counts that do not fit the categories",
    )
    _require((counts >= 0).all(), "a negative count")
    _require(
        infrequent.dtype == bool and infrequent.shape == categories.shape,
        "flags that do not fit the categories",
    )
    return ColumnVocabulary(categories, counts, infrequent)


def _check_table(table: Array, n_codes: int, n_effects: int) -> None:
    _require(
        table.dtype == np.float32 and table.ndim == 2,
        f"a table of dtype {table.dtype} and rank {table.ndim}",
    )
    _require(
        len(table) == n_codes and table.shape[1] >= n_effects,
        f"a table of shape {table.shape} for {n_codes} codes and {n_effects} effects",
    )
    _require(np.isfinite(table).all(), "a vector with infinity or NaN")


def _read_classes(target: Any, arrays: list[Array]) -> Array | None:
    kind, n_outputs, data = target["type"], target["n_outputs"], target["classes"]
    _require(kind in _TARGET_TYPES, f"a target of type {kind!r}")
    _require(type(n_outputs) is int and n_outputs >= 0, f"{n_outputs!r} outputs")
    _require(n_outputs == 1 or kind not in ("continuous", "binary"), f"{n_outputs} outputs")
    if kind not in _N_CLASSES:
        _require(data is None, "classes that do not fit the target")
        return None
    classes = _array_from_json(data, arrays)
    expected = _N_CLASSES[kind] or n_outputs
    _require(classes.shape == (expected,), "classes that do not fit the target")
    return classes
