"""`ner-bert`: sentences → entities, with a Hugging Face encoder that tags every piece.

nightloom run ner-bert                                           bert-base-cased, CoNLL-2003
nightloom run ner-bert data.source=FOLDER model.checkpoint=minilm train.learning_rate=1e-4
"""

from typing import Annotated

from prefect import flow

from nightloom.reporting.report import RunJson
from nightloom.settings.flows import NerBert
from nightloom.settings.one_line import InOneLine
from nightloom.tasks.adapt_tokenizer import adapt_tokenizer
from nightloom.tasks.align_labels import align_labels
from nightloom.tasks.check_data import check_data
from nightloom.tasks.download_dataset import download_dataset
from nightloom.tasks.evaluate import evaluate
from nightloom.tasks.fetch_checkpoint import fetch_checkpoint
from nightloom.tasks.register import register
from nightloom.tasks.runtime.days import run_name
from nightloom.tasks.runtime.run import pipeline
from nightloom.tasks.train import train


@flow(name="ner-bert", flow_run_name=run_name, validate_parameters=True, persist_result=False)
def ner_bert(
    settings: Annotated[NerBert, InOneLine] = NerBert(), refresh: tuple[str, ...] = ()
) -> RunJson:
    """Sentences, checkpoint → pieces with labels → trained tagger → scores → version.

    Args:
        settings: Where the sentences come from, the encoder, its training, and the gate.
        refresh: Stages to rebuild even if nothing changed.
    """
    with pipeline("ner-bert", settings, refresh=refresh) as run:
        run.before()
        dataset = download_dataset(settings)
        check_data(settings, dataset=dataset)
        checkpoint = fetch_checkpoint(settings)
        tokenizer = adapt_tokenizer(settings, checkpoint=checkpoint)
        examples = align_labels(settings, dataset=dataset, tokenizer=tokenizer)
        model = train(settings, examples=examples, checkpoint=checkpoint)
        scores = evaluate(settings, model=model, examples=examples, dataset=dataset)
        version = register(
            settings,
            model=model,
            scores=scores,
            tokenizer=tokenizer,
            checkpoint=checkpoint,
            examples=examples,
            dataset=dataset,
        )
        run.after(scores=scores, version=version)
        return run.result(scores=scores, version=version)
