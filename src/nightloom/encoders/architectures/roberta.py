"""RoBERTa and its descendants: positions start after the padding's row."""

from nightloom.encoders.architecture import DEFAULTS, Architecture, TaskModels

ROBERTA = Architecture(
    name="roberta",
    model_types=("roberta", "xlm-roberta", "camembert"),
    prefix="roberta.",
    defaults=DEFAULTS | {"pad_id": 1},
    positions_after_padding=True,
)
TASK_MODELS = TaskModels(
    classes={"roberta": "Roberta", "xlm-roberta": "XLMRoberta", "camembert": "Camembert"},
    inner="classifier.dense",
    outer="classifier.out_proj",
)
