"""`encode`: token ids of every text, once; true lengths kept, no padding on disk."""

import pyarrow as pa

from nightloom.context import BuildContext, Built
from nightloom.data.arrow import open_split, write_stream
from nightloom.facts import DataFacts, ExampleFacts
from nightloom.text.tokenizers import Tokenizer

SPLITS = ("train", "valid", "test")
SCHEMA = pa.schema([("ids", pa.list_(pa.int32())), ("label", pa.int32())])


def build(context: BuildContext) -> Built:
    """Write `<split>.arrow` with ids and label of each row, for each split."""
    dataset = context.inputs["dataset"]
    length = context.settings["model"]["length"]
    tokenizer = context.hook("tokenizer.load")(context.inputs["tokenizer"].path, length=length)
    facts = context.facts("dataset", DataFacts)
    rows, tokens, total = 0, dict.fromkeys(SPLITS, 0), facts.total
    for split in SPLITS:

        def batches(split: str = split):  # type: ignore[no-untyped-def]
            nonlocal rows
            for batch in open_split(dataset.path / split, ["text", "label"]):
                encoded = _encode(tokenizer, batch)
                tokens[split] += len(encoded.column("ids").flatten())
                rows += batch.num_rows
                context.report.progress(what="encode", done=rows, total=total, unit="rows")
                yield encoded

        write_stream(context.out / f"{split}.arrow", SCHEMA, batches())
    return Built(ExampleFacts.made_of(facts, tokens=tokens).to_json())


def _encode(tokenizer: Tokenizer, batch: pa.RecordBatch) -> pa.RecordBatch:
    ids = tokenizer.encode(batch.column("text").to_pylist())
    return pa.RecordBatch.from_arrays([ids, batch.column("label").cast(pa.int32())], schema=SCHEMA)
