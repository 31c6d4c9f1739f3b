"""`classify-transformer`: a transformer of Keras layers, trained from scratch to classify texts.

nightloom run classify-transformer                            AG News (TensorFlow Datasets)
nightloom run classify-transformer data.source=sample         made-up news, no network
"""

from typing import Annotated

from prefect import flow

from nightloom.reporting.report import RunJson
from nightloom.settings.flows import ClassifyTransformer
from nightloom.settings.one_line import InOneLine
from nightloom.tasks.adapt_tokenizer import adapt_tokenizer
from nightloom.tasks.check_data import check_data
from nightloom.tasks.download_dataset import download_dataset
from nightloom.tasks.encode import encode
from nightloom.tasks.evaluate import evaluate
from nightloom.tasks.register import register
from nightloom.tasks.runtime.days import run_name
from nightloom.tasks.runtime.run import pipeline
from nightloom.tasks.train import train


@flow(
    name="classify-transformer",
    flow_run_name=run_name,
    validate_parameters=True,
    persist_result=False,
)
def classify_transformer(
    settings: Annotated[ClassifyTransformer, InOneLine] = ClassifyTransformer(),
    refresh: tuple[str, ...] = (),
) -> RunJson:
    """Rows → vocabulary → word ids → trained transformer → scores → registered version.

    Args:
        settings: Where the rows come from, the model, its training, and the gate.
        refresh: Stages to rebuild even if nothing changed.
    """
    with pipeline("classify-transformer", settings, refresh=refresh) as run:
        run.before()
        dataset = download_dataset(settings)
        check_data(settings, dataset=dataset)
        tokenizer = adapt_tokenizer(settings, dataset=dataset)
        examples = encode(settings, dataset=dataset, tokenizer=tokenizer)
        model = train(settings, examples=examples, tokenizer=tokenizer)
        scores = evaluate(settings, model=model, examples=examples, dataset=dataset)
        version = register(
            settings,
            model=model,
            scores=scores,
            tokenizer=tokenizer,
            examples=examples,
            dataset=dataset,
        )
        run.after(scores=scores, version=version)
        return run.result(scores=scores, version=version)
