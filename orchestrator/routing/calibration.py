"""What a promise is calibrated on: questions with the router's score and the truth about both models."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from orchestrator.errors import InvalidRequest


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Labelled questions that the router was not fitted on: held out, or scored out of fold.

    Build it with `of`, which checks. Rows are taken to be drawn independently from the traffic that is promised about.
    """

    uplift: NDArray[np.float64]
    """[questions] the router's P(only the cloud is right) − P(only the device is right), −1 to 1."""
    device_right: NDArray[np.bool_]
    """[questions]"""
    cloud_right: NDArray[np.bool_]
    """[questions]"""

    @classmethod
    def of(cls, uplift: ArrayLike, device_right: ArrayLike, cloud_right: ArrayLike) -> Self:
        """Check and keep one row a question.

        Raises:
            InvalidRequest: no rows, columns of different lengths, a score that is no number from −1 to 1, or a label
                that is neither right nor wrong; names the first row at fault, counted from 0.
        """
        scores = np.asarray(uplift, dtype=np.float64)
        device, cloud = _labels(device_right, "device"), _labels(cloud_right, "cloud")
        if not (scores.ndim == 1 and scores.size and scores.shape == device.shape == cloud.shape):
            shapes = ", ".join(str(column.shape) for column in (scores, device, cloud))
            raise InvalidRequest(
                f"calibration columns have the shapes {shapes}", remedy="give three columns of the same length, not 0"
            )
        bad = np.flatnonzero(~(np.abs(scores) <= 1))
        if bad.size:
            raise InvalidRequest(
                f"the calibration score of row {bad[0]} is {scores[bad[0]]}",
                remedy="an uplift is a difference of two probabilities, from -1 to 1",
            )
        return cls(scores, device, cloud)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """The inverse of `arrays`; an open npz file is such a mapping.

        Raises:
            InvalidRequest: a column is missing or not as `of` wants it.
        """
        missing = [name for name in _COLUMNS if name not in arrays]
        if missing:
            raise InvalidRequest(f"the calibration has no column {missing[0]}", remedy="fit the router again")
        return cls.of(*(arrays[name] for name in _COLUMNS))

    @staticmethod
    def is_in(arrays: Mapping[str, Any]) -> bool:
        """Whether any column of one is among `arrays`."""
        return any(name in arrays for name in _COLUMNS)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """As columns to be stored beside a router's weights in one npz file."""
        return dict(zip(_COLUMNS, (self.uplift, self.device_right, self.cloud_right), strict=True))

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with any value in it."""
        columns = b"".join(column.tobytes() for column in self.arrays.values())
        return hashlib.sha256(columns).hexdigest()[:12]

    def __len__(self) -> int:
        return int(self.uplift.size)

    def __getitem__(self, rows: NDArray[np.intp]) -> Calibration:
        """Only these rows, in this order; a row may be taken twice."""
        return Calibration(self.uplift[rows], self.device_right[rows], self.cloud_right[rows])

    @property
    def lost(self) -> NDArray[np.int64]:
        """[questions] 1 where only the cloud is right, −1 where only the device is, else 0."""
        return self.cloud_right.astype(np.int64) - self.device_right.astype(np.int64)

    def worse(self, threshold: float) -> float:
        """How much smaller the share of right answers is than the cloud's alone, with this threshold."""
        return float(np.where(self.uplift >= threshold, 0, self.lost).mean())

    def leaving(self, threshold: float) -> float:
        """The share of questions that leave with this threshold."""
        return float((self.uplift >= threshold).mean())


_COLUMNS = ("calibration_uplift", "calibration_device_right", "calibration_cloud_right")


def _labels(column: ArrayLike, model: str) -> NDArray[np.bool_]:
    values = np.asarray(column)
    if values.dtype == np.bool_:
        return values
    bad = np.flatnonzero((values != 0) & (values != 1))
    if bad.size or values.dtype.kind not in "iuf":
        row = int(bad[0]) if bad.size else 0
        raise InvalidRequest(f"the {model}'s label of calibration row {row} is neither right nor wrong")
    return values.astype(np.bool_)
