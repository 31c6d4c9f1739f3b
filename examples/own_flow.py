"""A Prefect flow of your own that trains a model and uses it.

    python examples/own_flow.py

The run of `classify-transformer` appears as a subflow of this one. This also works in a
sync flow, and where an event loop is already running, as in a notebook.
"""

import asyncio
from typing import Any

from prefect import flow, task

import nightloom

SETTINGS = {
    "data": {"source": "sample", "limit": 400},
    "model.length": 24,
    "train": {"epochs": 1, "jit_compile": False},
    "register.name": "news",
}


@task
def answers(texts: list[str]) -> list[str]:
    """The champion's labels."""
    return [answer["label"] for answer in nightloom.load_model("news").predict(texts)]


@flow
async def retrain_and_answer() -> dict[str, Any]:
    """Retrain, then answer with the current champion."""
    report = await asyncio.to_thread(nightloom.run, "classify-transformer", SETTINGS)
    labels = answers(["Stocks rally after the rate cut"])
    return {"state": report.state, "built": report.built, "labels": labels}


if __name__ == "__main__":
    print(asyncio.run(retrain_and_answer()))
