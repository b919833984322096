"""EnsIR: fuses the outputs of image-restoration models by Gaussian mixtures in lookup tables.

Letters used for shapes: M candidates, C channels, H, W height and width, S bin sets (K of them
occupied), L = 256 levels. Paper: Sun et al., NeurIPS 2024, arXiv 2410.22959.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ensir.ensemble.baselines import BASELINES, average, inverse_mse, zzpm
    from ensir.ensemble.bin_statistics import BinStatistics, gather_statistics
    from ensir.ensemble.bins import Bins
    from ensir.ensemble.fusion import Fusion
    from ensir.ensemble.lookup_table import LookupTable, Origin, Provenance
    from ensir.errors import Cancelled, InputError
    from ensir.fitting import fit_lookup_table, fit_pictures, fit_statistics
    from ensir.gathering import gather_pictures, gather_reference_set
    from ensir.held_out import leave_one_out
    from ensir.methods import Choices
    from ensir.metrics import psnr, ssim
    from ensir.reference_set import ReferencePictures, ReferenceSet, ReferenceStatistics
    from ensir.restorers import RESTORERS, Restorer
    from ensir.statistics_files import read_statistics, write_statistics
    from ensir.table_files import read_table, write_table

__version__ = "0.1.0"

# Where each public name lives; it is imported when first asked for (PEP 562), for torch takes
# seconds to import.
_HOME = {
    "BASELINES": "ensir.ensemble.baselines",
    "average": "ensir.ensemble.baselines",
    "inverse_mse": "ensir.ensemble.baselines",
    "zzpm": "ensir.ensemble.baselines",
    "BinStatistics": "ensir.ensemble.bin_statistics",
    "gather_statistics": "ensir.ensemble.bin_statistics",
    "Bins": "ensir.ensemble.bins",
    "Fusion": "ensir.ensemble.fusion",
    "LookupTable": "ensir.ensemble.lookup_table",
    "Origin": "ensir.ensemble.lookup_table",
    "Provenance": "ensir.ensemble.lookup_table",
    "Cancelled": "ensir.errors",
    "InputError": "ensir.errors",
    "fit_lookup_table": "ensir.fitting",
    "fit_pictures": "ensir.fitting",
    "fit_statistics": "ensir.fitting",
    "gather_pictures": "ensir.gathering",
    "gather_reference_set": "ensir.gathering",
    "leave_one_out": "ensir.held_out",
    "Choices": "ensir.methods",
    "psnr": "ensir.metrics",
    "ssim": "ensir.metrics",
    "ReferencePictures": "ensir.reference_set",
    "ReferenceSet": "ensir.reference_set",
    "ReferenceStatistics": "ensir.reference_set",
    "RESTORERS": "ensir.restorers",
    "Restorer": "ensir.restorers",
    "read_statistics": "ensir.statistics_files",
    "read_table": "ensir.table_files",
    "write_statistics": "ensir.statistics_files",
    "write_table": "ensir.table_files",
}
__all__ = [
    "BASELINES",
    "RESTORERS",
    "BinStatistics",
    "Bins",
    "Cancelled",
    "Choices",
    "Fusion",
    "InputError",
    "LookupTable",
    "Origin",
    "Provenance",
    "ReferencePictures",
    "ReferenceSet",
    "ReferenceStatistics",
    "Restorer",
    "average",
    "fit_lookup_table",
    "fit_pictures",
    "fit_statistics",
    "gather_pictures",
    "gather_reference_set",
    "gather_statistics",
    "inverse_mse",
    "leave_one_out",
    "psnr",
    "read_statistics",
    "read_table",
    "ssim",
    "write_statistics",
    "write_table",
    "zzpm",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'ensir' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
