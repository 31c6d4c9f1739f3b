"""`draw_attentions`: the trained model's attention maps for chosen texts, one per head."""

from nightloom.stages.declaration import StageDeclaration
from nightloom.tasks.runtime.stage import Stage

draw_attentions = Stage(
    StageDeclaration(
        name="draw_attentions",
        builder="nightloom.stages.draw_attentions:build",
        inputs=("model", "tokenizer", "checkpoint"),
        reads=("model.attentions", "model.length", "model.pooling"),
        by="learner",
        calls=("learner.complete", "learner.restore", "tokenizer.load"),
    )
)
