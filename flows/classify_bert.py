"""`classify-bert`: texts → classes, with a Hugging Face encoder, frozen or fine-tuned.

nightloom run classify-bert                                             bert-base-uncased, AG News
nightloom run classify-bert model.checkpoint=minilm model.pooling=mean model.trainable=head
"""

from typing import Annotated

from prefect import flow

from nightloom.reporting.report import RunJson
from nightloom.settings.flows import ClassifyBert
from nightloom.settings.one_line import InOneLine
from nightloom.tasks.adapt_tokenizer import adapt_tokenizer
from nightloom.tasks.check_data import check_data
from nightloom.tasks.download_dataset import download_dataset
from nightloom.tasks.draw_attentions import draw_attentions
from nightloom.tasks.encode import encode
from nightloom.tasks.evaluate import evaluate
from nightloom.tasks.extract_features import extract_features
from nightloom.tasks.fetch_checkpoint import fetch_checkpoint
from nightloom.tasks.register import register
from nightloom.tasks.runtime.days import run_name
from nightloom.tasks.runtime.run import pipeline
from nightloom.tasks.train import train


@flow(name="classify-bert", flow_run_name=run_name, validate_parameters=True, persist_result=False)
def classify_bert(
    settings: Annotated[ClassifyBert, InOneLine] = ClassifyBert(), refresh: tuple[str, ...] = ()
) -> RunJson:
    """Rows, checkpoint → piece ids → (features) → trained classifier → scores → version.

    Args:
        settings: Where the rows come from, the encoder, its training, and the gate.
        refresh: Stages to rebuild even if nothing changed.
    """
    with pipeline("classify-bert", settings, refresh=refresh) as run:
        run.before()
        dataset = download_dataset(settings)
        check_data(settings, dataset=dataset)
        checkpoint = fetch_checkpoint(settings)
        tokenizer = adapt_tokenizer(settings, checkpoint=checkpoint)
        encoded = encode(settings, dataset=dataset, tokenizer=tokenizer)
        examples = encoded
        if settings.frozen:
            examples = extract_features(settings, encoded=encoded, checkpoint=checkpoint)
        model = train(settings, examples=examples, checkpoint=checkpoint)
        scores = evaluate(settings, model=model, examples=examples, dataset=dataset)
        if settings.model.attentions:
            draw_attentions(settings, model=model, tokenizer=tokenizer, checkpoint=checkpoint)
        version = register(
            settings,
            model=model,
            scores=scores,
            tokenizer=tokenizer,
            checkpoint=checkpoint,
            encoded=encoded,
            examples=examples,
            dataset=dataset,
        )
        run.after(scores=scores, version=version)
        return run.result(scores=scores, version=version)
