"""`align_labels`: piece ids and piece labels of every tagged sentence, in windows, unpadded."""

from nightloom.context import BuildContext, Built
from nightloom.counted import counted
from nightloom.data.arrow import open_split, write_stream
from nightloom.facts import DataFacts, ExampleFacts
from nightloom.text.alignment import SCHEMA, Aligner

SPLITS = ("train", "valid", "test")


def build(context: BuildContext) -> Built:
    """Write `<split>.arrow` (see `alignment.SCHEMA`) for each split; count oddities."""
    dataset = context.inputs["dataset"]
    facts = context.facts("dataset", DataFacts)
    settings = context.settings["model"]
    aligner = Aligner(context.inputs["tokenizer"].path, label_names=facts.label_names, **settings)
    done, total = 0, facts.total
    counts = {
        fact: dict.fromkeys(SPLITS, 0) for fact in ("windows", "tokens", "dropped_words", "cut")
    }
    for split in SPLITS:

        def batches(split: str = split):  # type: ignore[no-untyped-def]
            nonlocal done
            first = 0
            for batch in open_split(dataset.path / split, ["tokens", "tags"]):
                found = aligner.align(batch.column("tokens"), batch.column("tags"), first=first)
                first += batch.num_rows
                done += batch.num_rows
                counts["windows"][split] += found.rows.num_rows
                counts["tokens"][split] += len(found.rows.column("ids").flatten())
                counts["dropped_words"][split] += found.dropped
                counts["cut"][split] += found.cut
                context.report.progress(
                    what="align_labels", done=done, total=total, unit="sentences"
                )
                yield found.rows

        write_stream(context.out / f"{split}.arrow", SCHEMA, batches())
        if dropped := counts["dropped_words"][split]:
            context.report.warn(
                f"the tokenizer drops {counted(dropped, f'words of {split}')} (control "
                "characters, empty); they become the unknown piece and keep their tags"
            )
    return Built(ExampleFacts.made_of(facts, **counts).to_json())
