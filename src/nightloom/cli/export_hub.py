"""`nightloom export-hub`: a checkpoint as a pair of TF Hub modules."""

import stat
import tempfile
from pathlib import Path

import click

from nightloom.cli import stopping
from nightloom.errors import InputError
from nightloom.home import Home


@click.command(
    "export-hub",
    epilog="Examples: nightloom export-hub minilm exported; "
    "nightloom export-hub google-bert/bert-base-uncased exported --revision main; "
    "nightloom run classify-hub model.encoder=exported/encoder "
    "model.preprocess=exported/preprocess",
)
@click.argument("checkpoint")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--revision", help="Branch, tag or commit of a Hugging Face id.")
@click.option(
    "--length", type=click.IntRange(3), help="Pieces per text; 128, or the encoder's limit."
)
@click.option(
    "--lowercase/--keep-case",
    default=None,
    help="Whether texts are lower-cased; by default as the checkpoint's files or vocabulary say.",
)
def export_hub(
    checkpoint: str,
    directory: Path,
    revision: str | None,
    length: int | None,
    lowercase: bool | None,
) -> None:
    """Write CHECKPOINT as DIRECTORY/preprocess and DIRECTORY/encoder.

    CHECKPOINT is a Hugging Face id, a local directory, or minilm. The pair has the signature of
    TF Hub's BERT models and needs only TensorFlow.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InputError(
            f"expected an empty or new directory, got {directory}; remove it, or choose another"
        )
    from nightloom.serving.quiet import quiet_start
    from nightloom.worker.environment import use_here

    use_here()
    with quiet_start():
        import tensorflow

        tensorflow.config.list_logical_devices()
    from nightloom.cli.console import Console
    from nightloom.encoders.checkpoints import fetch_checkpoint
    from nightloom.tfhub.download import is_offline
    from nightloom.tfhub.export import export_hub as export

    target = directory.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch,
        stopping.removing(Path(scratch)),
        Console() as console,
    ):
        source, pair = Path(scratch) / "checkpoint", Path(scratch) / "pair"
        fetch_checkpoint(
            checkpoint,
            out=source,
            revision=revision,
            offline=is_offline(),
            wheels=Home.current().root / "wheels",
            lowercase=lowercase,
            report=console,
        )
        with quiet_start():
            export(source, pair, seq_length=length)
        if target.exists():
            pair.chmod(stat.S_IMODE(target.stat().st_mode))
        try:
            pair.replace(target)
        except OSError as error:
            raise InputError(
                f"expected {directory} to be still empty, but {(error.strerror or '').lower()}; "
                "something was written there meanwhile: choose another directory"
            ) from error
    click.echo(f"{directory / 'preprocess'}\n{directory / 'encoder'}")
