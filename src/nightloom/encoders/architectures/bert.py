"""BERT."""

from nightloom.encoders.architecture import Architecture, TaskModels

BERT = Architecture(name="bert", model_types=("bert",), prefix="bert.")
TASK_MODELS = TaskModels(classes={"bert": "Bert"}, inner="bert.pooler.dense")
