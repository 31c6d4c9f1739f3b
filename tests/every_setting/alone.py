"""A row in a process of its own, that has two CPUs for TensorFlow.

TensorFlow must know of them before it starts, and what devices share with each other outlives a
model: the next one with other shapes would fail on it.
"""

import json
import logging
import subprocess
import sys

from nightloom.errors import InputError
from tests.every_setting.array import Row
from tests.naming import ROOT


def run_alone(flow: str, row: Row) -> None:
    """Run a row to an answer.

    Raises:
        InputError: It is refused.
        RuntimeError: It failed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.every_setting.alone", flow],
        cwd=ROOT,
        input=json.dumps(row),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise RuntimeError(f"no outcome; {done.stderr[-500:]}") from None
    if "refused" in answer:
        raise InputError(answer["refused"])
    if "failed" in answer:
        raise RuntimeError(answer["failed"])


def main() -> None:
    """Read a row from standard input; print what came of it as JSON."""
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    from nightloom.records.known import find_flow
    from tests.every_setting.drive import described
    from tests.every_setting.runner import in_this_process, parse, run_to_an_answer

    one, row = find_flow(sys.argv[1]), json.load(sys.stdin)
    try:
        with in_this_process():
            run_to_an_answer(one.load(), parse(one.load_settings(), row))
    except InputError as error:
        outcome = {"refused": str(error)}
    except Exception as error:
        outcome = {"failed": described(error)}
    else:
        outcome = {}
    print(f"\n{json.dumps(outcome)}")


if __name__ == "__main__":
    main()
