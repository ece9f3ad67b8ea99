"""Columns: lists of values as the columns of a DataFrame, each with the dtype of its kind, never inferred.

Text is ``str``, whole numbers ``int64`` (or ``Int64`` where None may stand), bools ``bool`` (``boolean``), floats
``float64``, moments ``datetime64[us, UTC]``, and in these None is pandas' missing value; Decimals, UUIDs, dates, times
and nested values stay the objects that they are, and None among them None. So what is missing is one value throughout a
column: NaN in text and floats, NA in whole numbers and bools, NaT in moments; ``isna`` finds them all.

This module brings pandas, a quarter of a second: whoever makes a frame imports it when the first one is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from workbench.domain.kinds import Kind, OptionalKind


def framed(
    columns: Mapping[str, tuple[Sequence[Any], Kind]], index: range | tuple[str, Sequence[Any], Kind],
) -> pd.DataFrame:
    """A DataFrame of columns, each given as its values and their kind; the index too, with its name."""
    if isinstance(index, range):
        along: pd.Index = pd.RangeIndex(index)
    else:
        name, values, kind = index
        along = pd.Index(column(values, kind), name=name)
    made = {name: column(values, kind) for name, (values, kind) in columns.items()}
    # Of a bare array of objects pandas infers a dtype, and a column of texts would differ from an empty one.
    return pd.DataFrame({name: pd.Series(array, index=along, dtype=array.dtype, copy=False)
                         for name, array in made.items()}, copy=False)


def column(values: Sequence[Any], kind: Kind) -> Any:
    """The values of one field as an array of its dtype."""
    optional = isinstance(kind, OptionalKind)
    annotation = kind.bare.annotation
    if annotation is str:
        return pd.array(values, dtype="str")
    if annotation is int:
        return pd.array(values, dtype="Int64") if optional else np.array(values, dtype="int64")
    if annotation is bool:
        return pd.array(values, dtype="boolean") if optional else np.array(values, dtype="bool")
    if annotation is float:
        return np.array(values, dtype="float64")
    objects = np.fromiter(values, dtype=object, count=len(values))
    if annotation is datetime:      # twice as fast as to give the dtype to a DatetimeIndex
        return pd.to_datetime(objects, utc=True, cache=False).as_unit("us")
    return objects
