"""What to do about a model that failed, by what its error says."""

ADVICE = (
    (
        "data are refused",
        'mend the source, or let the rows in (`nightloom accept-data {name} --why "…"`)',
    ),
    ("ran out of memory", "lower `train.batch_size` or `evaluate.batch_size`, or add memory"),
    ("finite loss", "lower `train.learning_rate`"),
    ("no space", "free some disk space"),
    ("unknown setting", "correct the setting in the night's file, and deploy it again"),
    ("expected", "correct what the message names"),
)
ELSE = "read the log of its run, and mend the cause"
THEN = "then *Retry* the night: what was built is cached"


def advice(name: str, error: str) -> str:
    """The next step, as markdown on one line."""
    step = next((told for sign, told in ADVICE if sign in error), ELSE)
    return f"{step.format(name=name)}, {THEN}"
