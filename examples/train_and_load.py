"""Train a classifier, load its champion, and predict.

    python examples/train_and_load.py

A second run takes every stage from the cache. Files go below NIGHTLOOM_HOME.
"""

import nightloom

SETTINGS = {
    "data": {"source": "sample", "limit": 400},
    "model.length": 24,
    "train": {"epochs": 1, "jit_compile": False},  # compiling only pays off in longer trainings
    "register.name": "news",
}
TEXTS = ["Stocks rally after the rate cut", "The cup final goes to extra time"]


def main() -> None:
    """Train, load, predict."""
    report = nightloom.run("classify-transformer", SETTINGS)
    print(report)
    model = nightloom.load_model("news@champion")
    print(model)
    for answer in model.predict(TEXTS):
        print(answer["label"], answer["text"], sep="\t")


if __name__ == "__main__":
    main()
