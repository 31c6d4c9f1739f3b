"""The order in which automations see events, without Prefect's wait of 15 minutes.

An event says which one it follows, and is held back until that has been seen. Prefect's scheduler
makes runs without an event for their first state: all that follows in a run of the schedule, a
crash for instance, would reach the automations a quarter of an hour late. So does what was on its
way when the server was restarted. Loaded by PREFECT_SERVER_EVENTS_CAUSAL_ORDERING.
"""

from datetime import timedelta

from prefect.server.events.ordering import memory

WAIT = timedelta(seconds=10)
"""How long an event waits for the one that it follows; events arrive within a second or two."""

memory.PRECEDING_EVENT_LOOKBACK = WAIT
CausalOrdering = memory.CausalOrdering
