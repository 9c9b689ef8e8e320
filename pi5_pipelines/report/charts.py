"""The charting libraries as they lie in their packages, put into the page whole; and numbers as compact text."""

from __future__ import annotations

import base64
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_HUNDREDTHS: Final = 32_767


def uplot_js() -> str:
    """uPlot, for curves."""
    return _inline(files("youplot").joinpath("vendor", "uplot.iife.min.js").read_text(encoding="utf-8"))


def uplot_css() -> str:
    """UPlot's style sheet."""
    return files("youplot").joinpath("vendor", "uplot.min.css").read_text(encoding="utf-8")


def candles_js() -> str:
    """TradingView's Lightweight Charts, for prices."""
    return _inline(files("litecharts").joinpath("js", "lightweight-charts.js").read_text(encoding="utf-8"))


def _inline(script: str) -> str:
    return script.replace("</script", "<\\/script")


def float32(values: NDArray[np.float64]) -> str:
    """Numbers as base64 of little-endian 32-bit floats: four bytes a value, some seven digits, NaN kept."""
    return _base64(values.astype("<f4"))


def seconds(ts_us: NDArray[np.int64]) -> str:
    """Moments in UTC microseconds as base64 of 32-bit whole seconds."""
    return _base64((ts_us // 1_000_000).astype("<u4"))


def hundredths(values: NDArray[np.float64]) -> str:
    """Numbers as base64 of little-endian 16-bit whole hundredths, from -327.67 to 327.67; NaN is the lowest number."""
    import numpy as np

    whole = np.clip(np.rint(values * 100.0), -MOST_HUNDREDTHS, MOST_HUNDREDTHS)
    return _base64(np.where(np.isnan(values), -MOST_HUNDREDTHS - 1, whole).astype("<i2"))


def _base64(array: NDArray[Any]) -> str:
    return base64.b64encode(array.tobytes()).decode()
