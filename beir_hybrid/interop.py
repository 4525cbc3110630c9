"""Our records for other libraries: pandas frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from beir_hybrid.errors import MissingExtraError


def data_frame(records: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Any:
    """Records as a pandas DataFrame with these columns, also when there are none.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("to_pandas", "pandas", "report") from error
    return pd.DataFrame([{name: record[name] for name in columns} for record in records], columns=list(columns))
