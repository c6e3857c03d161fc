"""Workers as copies of a process that has PyTorch already: ``dask worker`` loads this beforehand.

Every worker that dies is started anew, and to import PyTorch takes it longer than its runs.
"""

from distributed.utils import get_mp_context


def dask_setup(_):
    """Called by the nanny of a worker before she starts it."""
    context = get_mp_context()  # names what Dask itself would have imported, once
    context.set_forkserver_preload(["distributed", "tests.support.deadly"])
