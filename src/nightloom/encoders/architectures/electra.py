"""ELECTRA: embeddings that may be narrower than the layers, no pooler."""

from nightloom.encoders.architecture import DEFAULTS, KEYS, Architecture, TaskModels

ELECTRA = Architecture(
    name="electra",
    model_types=("electra",),
    prefix="electra.",
    keys=KEYS | {"embedding_size": "embedding_size"},
    defaults=DEFAULTS | {"embedding_size": 128},
    pooler=None,
    projection="embeddings_project",
)
TASK_MODELS = TaskModels(
    classes={"electra": "Electra"},
    inner="classifier.dense",
    outer="classifier.out_proj",
    bend="gelu",
)
