"""Frozen values that are made without compiling code.

``dataclasses.dataclass`` writes and compiles its methods anew for every class, which was more than
a third of the time that ``import skembed`` took. Records have the same methods, written once.
"""

from __future__ import annotations

from dataclasses import MISSING, FrozenInstanceError, dataclass, field
from typing import Any, ClassVar, NoReturn, dataclass_transform


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Record:
    """What ``dataclass(frozen=True)`` gives a class of annotated fields.

    ``dataclasses.replace`` and ``fields`` work. A public class writes its own ``__init__``, whose
    signature can be seen.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __init_subclass__(cls) -> None:
        dataclass(init=False, repr=False, eq=False)(cls)

    def __init__(self, *values: Any, **named: Any) -> None:
        own, state = self.__dataclass_fields__, self.__dict__
        state.update(zip(own, values, strict=False))
        state.update(named)
        n_given = len(values) + len(named)
        wrong = len(state) < n_given or not named.keys() <= own.keys()
        if n_given < len(own):
            _add_defaults(state, own)
        if wrong or len(state) < len(own):
            raise TypeError(
                f"{type(self).__name__} takes each of {', '.join(own)} once. "
                f"Got {len(values)} by position, and by name: {', '.join(named) or 'none'}."
            )

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __repr__(self) -> str:
        parts = zip(self.__dataclass_fields__, _values(self), strict=True)
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in parts)})"

    def __eq__(self, other: object) -> bool:
        return _values(self) == _values(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(_values(self))


def _add_defaults(state: dict[str, Any], own: dict[str, Any]) -> None:
    for name, part in own.items():
        if name not in state:
            if part.default is not MISSING:
                state[name] = part.default
            elif part.default_factory is not MISSING:
                state[name] = part.default_factory()


def _values(record: Any) -> tuple[Any, ...]:
    return tuple(getattr(record, name) for name in record.__dataclass_fields__)
