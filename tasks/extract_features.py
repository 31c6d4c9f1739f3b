"""`extract_features`: a frozen encoder over every row, once → one vector per row in Arrow.

Any number of heads, rates and epochs train on them without touching the encoder again.
"""

from nightloom.stages.declaration import StageDeclaration
from nightloom.tasks.runtime.stage import Stage

extract_features = Stage(
    StageDeclaration(
        name="extract_features",
        builder="nightloom.stages.extract_features:build",
        inputs=("encoded", "checkpoint"),
        reads=("model.pooling", "model.features", "train.precision"),
        by="family",
        calls=("encoder.body", "encoder.layout"),
    ),
    gpu=True,
)
