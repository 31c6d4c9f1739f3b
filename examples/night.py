"""A night: retrain two models, one after the other, with one summary.

    python examples/night.py

If one model fails, the other still runs, and the night ends in a RunError that names the failure.
"""

import nightloom
from nightloom.settings.flows import ClassifyTransformer
from nightloom.settings.train import TrainSettings

NEWS = {
    "data": {"source": "sample", "limit": 400},
    "model.length": 24,
    "train": TrainSettings(epochs=1, jit_compile=False),
}


def main() -> None:
    """Retrain the night's models."""
    models = [
        {"flow": "classify-transformer", "name": "news", "settings": NEWS},
        {
            "flow": "classify-transformer",
            "name": "news-soft",
            "settings": ClassifyTransformer(
                data=NEWS["data"],
                model={"length": 24},
                train=TrainSettings(epochs=1, jit_compile=False, label_smoothing=0.1),
            ),
        },
    ]
    try:
        print(nightloom.run("nightly", {"models": models}))
    except nightloom.RunError as error:
        print(f"failed: {error}")


if __name__ == "__main__":
    main()
