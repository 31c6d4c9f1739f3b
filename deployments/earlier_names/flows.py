"""`flows.NAME`: what `nightloom.flows.NAME` is called by deployments of nightloom 0.1.

On the path of runs that a worker of `nightloom up` starts, and nowhere else: they work before
`nightloom deploy` has brought their deployments up to date. A package `flows` of somebody's own
comes first.
"""

import importlib
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path

HERE = Path(__file__).parent
FLOWS = ("classify_bert", "classify_hub", "classify_transformer", "ner_bert", "nightly")
__path__: list[str] = []  # a package, of these modules alone

_own = PathFinder.find_spec(__name__, [one for one in sys.path if Path(one) != HERE])
if _own is not None:
    sys.modules[__name__] = module_from_spec(_own)
    if _own.loader is not None:
        _own.loader.exec_module(sys.modules[__name__])
else:
    for _flow in FLOWS:
        globals()[_flow] = importlib.import_module(f"nightloom.flows.{_flow}")
        sys.modules[f"{__name__}.{_flow}"] = globals()[_flow]
