"""Lines between parent and child other than requests and replies."""

STOP = '"stop"\n'
"""To the child: stop soon, after a checkpoint if training."""
SAVING = b'{"reply": "saving"}'
"""From the child: the step is done, the checkpoint is being written."""
