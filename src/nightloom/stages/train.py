"""`train`: a model of any family, fitted to the encoded training split."""

import keras
import numpy as np
import pandas

from nightloom.context import BuildContext, Built
from nightloom.encoders.initial import starting_from
from nightloom.evaluation.tables import write_parquet, write_rows
from nightloom.facts import TrainedFacts
from nightloom.families.base import store_decisions, store_model
from nightloom.models.contract import Model
from nightloom.settings.train import TrainSettings
from nightloom.training.checkpoints import Checkpoints
from nightloom.training.devices import computing_in, prepare, side_by_side, steps_a_call
from nightloom.training.examples import Examples, read_examples
from nightloom.training.feed import ExampleFeed
from nightloom.training.loop import Loop, Outcome
from nightloom.training.objective import Objective
from nightloom.training.optimizer import build as build_optimizer
from nightloom.training.scoring import Scorer
from nightloom.training.step import Stepper


def build(context: BuildContext) -> Built:
    """Train; writes `model.json`, `weights.safetensors` and the history as Parquet tables.

    Also `validation.safetensors`: the scores of the validation part by the weights of the best
    epoch, for `evaluate` to calibrate by.
    """
    examples = context.inputs["examples"]
    train = read_examples(examples.path / "train.arrow")
    valid = read_examples(examples.path / "valid.arrow")
    settings = context.group("train", TrainSettings).fitted(len(train))
    strategy = prepare(settings)
    group = strategy.num_replicas_in_sync * settings.accumulate
    together = side_by_side(
        context.hook("learner.SIDE_BY_SIDE"),
        batch_size=settings.batch_size // group,
        strategy=strategy,
    )
    group *= together
    description = {"family": context.variant, **context.hook("learner.describe")(context)}
    layout = context.hook("learner.layout")(
        description,
        np.concatenate([train.lengths, valid.lengths]),
        batch_size=max(1, settings.batch_size // group),
    )
    at_once = steps_a_call(strategy)
    feed = ExampleFeed(train, layout, seed=settings.seed, group=group, run=at_once)
    steps = settings.epochs * feed.count()
    keras.utils.set_random_seed(settings.seed)  # for layers of others that draw from it
    with strategy.scope(), computing_in(settings.precision):
        with starting_from(settings.seed):
            model = context.hook("learner.create")(context)
        optimizer = build_optimizer(settings, list(model.trainable_variables), steps=steps)
    metric = context.settings["register"]["metric"]
    objective: Objective = context.hook("objective")(examples, metric=metric)
    scorer = Scorer(model, jit_compile=settings.jit_compile)

    latest: dict[str, np.ndarray] = {}

    def validate() -> dict[str, float]:
        latest["outputs"] = scorer.outputs(valid, layout)
        return objective.metrics(latest["outputs"], valid.labels)

    stepper = Stepper(
        model,
        optimizer,
        strategy,
        jit_compile=settings.jit_compile and feed.pays_to_compile(),
        label_smoothing=settings.label_smoothing,
        side_by_side=together,
    )
    outcome = Loop(
        model=model,
        optimizer=optimizer,
        stepper=stepper,
        feed=feed,
        validate=validate,
        monitor=objective.monitor,
        settings=settings,
        checkpoints=Checkpoints(context.checkpoints),
        report=context.report,
        at_once=at_once,
    ).run()
    store_model(model, description, context.out)
    if outcome.best_epoch != len(outcome.history) or not latest:
        validate()
    store_decisions(
        logits=objective.decisions(latest["outputs"]),
        labels=objective.decisions(valid.labels),
        folder=context.out,
    )
    return _publish(context, outcome, model, train, settings.batch_size)


def _publish(
    context: BuildContext, outcome: Outcome, model: Model, train: Examples, batch_size: int
) -> Built:
    history, timings = pandas.DataFrame(outcome.history), pandas.DataFrame(outcome.timings)
    write_parquet(history, context.out / "history.parquet")
    write_rows(history, context.out / "history.json")
    write_parquet(timings, context.out / "timings.parquet")
    sizes = [int(np.prod(v.shape)) for v in model.trainable_variables]
    facts = TrainedFacts(
        best_epoch=outcome.best_epoch,
        parameters=sum(int(np.prod(v.shape)) for v in model.variables),
        trainable_parameters=sum(sizes),
        rows=len(train),
        batch_size=batch_size,
        rows_per_s=float(timings["rows_per_s"].mean()),
        more={f"valid_{outcome.monitor}": outcome.best_score},
    )
    return Built(facts.to_json(), frozenset({"timings.parquet", "rows_per_s"}))
