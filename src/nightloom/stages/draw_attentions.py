"""`draw_attentions`: attention maps of chosen texts, from the trained model."""

import numpy as np
import pandas
import tensorflow as tf

from nightloom.context import BuildContext, Built
from nightloom.evaluation.attentions import attention_table, plot_attentions
from nightloom.evaluation.tables import write_parquet
from nightloom.text.graph_tokenizer import load_fast


def build(context: BuildContext) -> Built:
    """Write `attentions.parquet`, and `text-<n>.png` for each text."""
    texts: list[str] = context.settings["model"]["attentions"]
    folder = context.inputs["tokenizer"].path
    encoder = context.hook("learner.complete")(context).body.encoder
    tokenizer = context.hook("tokenizer.load")(folder, length=context.settings["model"]["length"])
    names = load_fast(folder)
    tables = []
    for number, (text, row) in enumerate(
        zip(texts, tokenizer.encode(texts).to_pylist(), strict=True), start=1
    ):
        ids = tf.constant([row], tf.int32)
        places = tf.range(len(row))[tf.newaxis]
        maps = encoder.outputs(ids, tf.ones_like(ids), places, with_maps=True).attentions
        given = {"tokens": names.convert_ids_to_tokens(row), "maps": np.stack(maps)[:, 0]}
        tables.append(attention_table(text=text, **given))
        plot_attentions(**given, path=context.out / f"text-{number}.png")
    write_parquet(pandas.concat(tables, ignore_index=True), context.out / "attentions.parquet")
    return Built({"texts": len(texts), "layers": len(maps), "heads": int(maps[0].shape[1])})
