"""nightloom's own families and flows."""

from nightloom.records.family import Family, Learner
from nightloom.records.flow import Flow
from nightloom.records.part import Part
from nightloom.records.task import ENTITIES, TEXT

CHECKPOINT = Part(inputs=("checkpoint",))
FINE_TUNED = Part(
    inputs=("checkpoint",), reads=("model.pooling", "model.trainable", "model.dropout")
)
HEAD = Part(reads=("model.dropout",))
POOLED = Part(inputs=("checkpoint", "encoded"), reads=("model.pooling",))

TRANSFORMER = Family(
    name="transformer",
    flow=Flow(
        name="classify-transformer",
        function="nightloom.flows.classify_transformer:classify_transformer",
        settings="nightloom.settings.flows:ClassifyTransformer",
        summary="texts → classes, with a transformer trained from scratch",
    ),
    task=TEXT,
    tokenizer="nightloom.text.words",
    stages={"adapt_tokenizer": Part(inputs=("dataset",), reads=("tokenizer",))},
    learner=Learner(
        name="transformer",
        module="nightloom.families.transformer",
        stages={"train": Part(inputs=("tokenizer",), reads=("model",))},
    ),
)

BERT = Family(
    name="bert",
    flow=Flow(
        name="classify-bert",
        function="nightloom.flows.classify_bert:classify_bert",
        settings="nightloom.settings.flows:ClassifyBert",
        summary="texts → classes, with a Hugging Face encoder, frozen or fine-tuned",
    ),
    task=TEXT,
    tokenizer="nightloom.text.pieces",
    checkpoint="nightloom.stages.checkpoint_hugging_face",
    stages={
        "fetch_checkpoint": Part(
            reads=("model.lowercase",), uses=("model.checkpoint", "model.revision")
        ),
        "adapt_tokenizer": CHECKPOINT,
    },
    learner=Learner(
        name="bert",
        module="nightloom.families.bert",
        model="encoder",
        stages={"train": FINE_TUNED, "register": CHECKPOINT},
    ),
    head=Learner(
        name="bert_head",
        module="nightloom.families.bert_head",
        model="encoder",
        stages={"train": HEAD, "register": POOLED},
    ),
)

HUB = Family(
    name="hub",
    flow=Flow(
        name="classify-hub",
        function="nightloom.flows.classify_hub:classify_hub",
        settings="nightloom.settings.flows:ClassifyHub",
        summary="texts → classes, with a TF Hub encoder, frozen or fine-tuned",
    ),
    task=TEXT,
    tokenizer="nightloom.tfhub.tokenizer",
    checkpoint="nightloom.stages.checkpoint_tf_hub",
    stages={
        "fetch_checkpoint": Part(
            reads=("model.lowercase",), uses=("model.encoder", "model.preprocess")
        ),
        "adapt_tokenizer": CHECKPOINT,
    },
    learner=Learner(
        name="hub",
        module="nightloom.families.hub",
        stages={"train": FINE_TUNED, "evaluate": CHECKPOINT, "register": CHECKPOINT},
    ),
    head=Learner(
        name="hub_head",
        module="nightloom.families.hub_head",
        stages={"train": HEAD, "register": POOLED},
    ),
)

TAGGER = Family(
    name="tagger",
    flow=Flow(
        name="ner-bert",
        function="nightloom.flows.ner_bert:ner_bert",
        settings="nightloom.settings.flows:NerBert",
        summary="sentences → entities, with a Hugging Face encoder",
    ),
    task=ENTITIES,
    tokenizer="nightloom.text.pieces",
    checkpoint="nightloom.stages.checkpoint_hugging_face",
    stages={
        "fetch_checkpoint": BERT.stages["fetch_checkpoint"],
        "adapt_tokenizer": CHECKPOINT,
    },
    learner=Learner(
        name="tagger",
        module="nightloom.families.tagger",
        model="encoder",
        stages={
            "train": Part(inputs=("checkpoint",), reads=("model.trainable", "model.dropout")),
            "register": Part(inputs=("checkpoint",), reads=("model.overlap",)),
        },
    ),
)

FORMATS = (
    "nightloom.exports.saved_model:SAVED_MODEL",
    "nightloom.exports.huggingface:HUGGING_FACE",
)
"""The modules of our formats' records, each next to the code that writes it."""

FAMILIES = (TRANSFORMER, BERT, HUB, TAGGER)

SCORE = Flow(
    name="score",
    function="nightloom.flows.score:score",
    settings="nightloom.settings.score:ScoreSettings",
    summary="rows of any source → answers of a registered model, in Parquet",
)

NIGHTLY = Flow(
    name="nightly",
    function="nightloom.flows.nightly:nightly",
    settings="nightloom.settings.nightly:NightlySettings",
    summary="retrains a list of models (--config FILE.yaml), one summary for all",
)
