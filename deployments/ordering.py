"""The order in which automations see events, without Prefect's 15-minute wait.

An event names the one it follows, and is held back until that has been seen. Prefect's scheduler
creates runs without an event for their first state, so everything that follows in a scheduled run,
such as a crash, would reach the automations a quarter of an hour late. The same happens to events
in transit when the server restarts. Loaded by PREFECT_SERVER_EVENTS_CAUSAL_ORDERING.
"""

from datetime import timedelta

from prefect.server.events.ordering import memory

WAIT = timedelta(seconds=10)
"""How long an event waits for the one it follows; events arrive within a second or two."""

memory.PRECEDING_EVENT_LOOKBACK = WAIT
CausalOrdering = memory.CausalOrdering
