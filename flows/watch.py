"""`watch`: looks at the sources of the night's models, and starts the night when one has changed.

nightloom deploy nightly.watch=15m
"""

from prefect import flow

from nightloom.tasks.look import look
from nightloom.tasks.runtime.cancelling import cancellable
from nightloom.tasks.runtime.watching import Watch, WatchJson, watch_name


@flow(name="watch", flow_run_name=watch_name, validate_parameters=True, persist_result=False)
def watch(night: str = "nightly/nightly") -> WatchJson:
    """Models of the night → the state of their sources → the night is started, or not.

    Args:
        night: The deployment to start, as FLOW/NAME; its models are those that it would train.
    """
    with cancellable():
        watched = Watch(night)
        return watched.over([look(model) for model in watched.models])
