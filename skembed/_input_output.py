"""The container of the output: the part of InputEmbedding that knows whether it will be a frame."""

from __future__ import annotations

from typing import Any

from sklearn import get_config


class OutputMixin:
    """``set_output`` for a transformer whose output may be of any rank."""

    def set_output(self, *, transform: Any = None) -> Any:
        """Choose the container of the output of a table.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            None leaves the choice as it is.

        Returns
        -------
        self : InputEmbedding
        """
        super().set_output(transform=transform)
        if transform is not None:
            self._container = transform
        return self

    def __sklearn_clone__(self) -> Any:
        clone = super().__sklearn_clone__()
        # scikit-learn hands its own note of the choice on to clones.
        if hasattr(self, "_container"):
            clone._container = self._container
        return clone

    def _check_container(self, shape: tuple[int | None, ...]) -> None:
        """Refuse what scikit-learn would try to make a frame of."""
        container = getattr(self, "_container", None) or get_config()["transform_output"]
        if len(shape) != 2 and container != "default":
            raise ValueError(
                f"Output of shape {shape} fits no dataframe. Call "
                "set_output(transform='default') and flatten the array."
            )
