"""`download_dataset`: a file counts by its content and its role, not by its name or place."""

from pathlib import Path

from nightloom.cache.key import StageKey
from nightloom.cache.store import ArtifactStore
from nightloom.context import BuildContext
from nightloom.home import Home
from nightloom.settings.flows import ClassifyTransformer
from nightloom.stages.download_dataset import build
from nightloom.tasks.download_dataset import download_dataset

ROWS = "text,label\n,a\n" + "".join(f"row {n},{'ab'[n % 2]}\n" for n in range(30))


def settings_for(source: Path) -> ClassifyTransformer:
    return ClassifyTransformer.model_validate({"data": {"source": str(source)}})


def key_of(source: Path) -> StageKey:
    return download_dataset.declaration.key(settings_for(source), {})


def digest_of(source: Path, home: Home) -> str:
    """The digest of the artifact that the source gives."""
    store, key = ArtifactStore(home), key_of(source)
    with store.building(key.stage, key.digest()) as out:
        context = BuildContext(
            stage=key.stage,
            key=key.digest(),
            variant=key.variant,
            settings=download_dataset.declaration.view(settings_for(source)),
            inputs={},
            out=out,
            checkpoints=home.checkpoints,
            home=home,
            hooks=download_dataset.declaration.hooks(settings_for(source)),
        )
        made = build(context)
        artifact = store.publish(
            out,
            stage=key.stage,
            key=key.digest(),
            parts=key.parts(),
            facts=made.facts,
            volatile=made.volatile,
            seconds=0.0,
        )
    assert artifact.facts["source"]["files"][0]["name"]
    return artifact.digest


def test_the_same_bytes_under_another_name(tmp_path: Path) -> None:
    names = ("all.csv", "here/train.csv", "there/news_train.csv", "shards/train/part-0.csv")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(ROWS)
    sources = [tmp_path / "all.csv", *(tmp_path / name for name in ("here", "there", "shards"))]
    assert len({key_of(source).digest() for source in sources}) == 1
    digests = {digest_of(source, Home(tmp_path / "homes" / source.name)) for source in sources}
    assert len(digests) == 1


def test_the_role_and_the_content_count(tmp_path: Path) -> None:
    for name in ("one/train.csv", "one/test.csv", "two/train.csv", "two/valid.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(ROWS)
    one = key_of(tmp_path / "one").digest()
    assert key_of(tmp_path / "two").digest() != one
    (tmp_path / "one" / "test.csv").write_text(ROWS + "one more,a\n")
    assert key_of(tmp_path / "one").digest() != one
