"""Lines between parent and child that are no request and no reply to one."""

STOP = '"stop"\n'
"""To the child: end soon, after a checkpoint where you train."""
SAVING = b'{"reply": "saving"}'
"""From the child: the step is done, the checkpoint is being written."""
