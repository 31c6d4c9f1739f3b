"""Operations alone: matrix products and attention."""

import time
from collections.abc import Callable, Iterator
from typing import Any


def products(*, tiny: bool) -> Iterator[dict[str, Any]]:
    """TFLOP/s of products of square matrices of random values, chained so that none is left out."""
    import tensorflow as tf

    size, count = (256, 4) if tiny else (8192, 16)
    for kind in (tf.bfloat16, tf.float32):
        left = tf.cast(tf.random.stateless_normal([size, size], [1, 2]) / size**0.5, kind)
        right = tf.cast(tf.random.stateless_normal([size, size], [3, 4]) / size**0.5, kind)

        def chain(left: Any, right: Any, count: int = count) -> Any:
            for _ in range(count):
                left = tf.matmul(left, right)
            return left

        for how, call in {
            "XLA": tf.function(chain, jit_compile=True),
            "graph": tf.function(chain),
        }.items():
            seconds = _seconds(lambda call=call, left=left, right=right: call(left, right), 5)
            rate = 2 * size**3 * count / seconds / 1e12
            yield {f"TensorFlow, {how}, {kind.name}, TFLOP/s": rate}
    yield _products_of_torch(size, count)


def _products_of_torch(size: int, count: int) -> dict[str, Any]:
    try:
        import torch
    except ImportError:
        return {}
    if not torch.cuda.is_available():
        return {}
    left = torch.randn(size, size, device="cuda", dtype=torch.bfloat16) / size**0.5
    right = torch.randn(size, size, device="cuda", dtype=torch.bfloat16) / size**0.5
    torch.cuda.synchronize()
    for _ in range(3):
        left = left @ right
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(5 * count):
        left = left @ right
    torch.cuda.synchronize()
    seconds = (time.perf_counter() - began) / 5
    return {"PyTorch, bfloat16, TFLOP/s": 2 * size**3 * count / seconds / 1e12}


def attention(*, tiny: bool) -> Iterator[dict[str, Any]]:
    """Milliseconds of attention, forward and backward: in blocks, and with whole maps."""
    import tensorflow as tf

    from nightloom.encoders.attention import attend, attention_maps

    pieces, heads, size = (1024, 2, 8) if tiny else (13_824, 12, 64)
    for width in (128, 512):
        rows = pieces // width
        shape = [3, rows, heads, width, size]
        given = tf.cast(tf.random.stateless_normal(shape, [1, 2]), tf.bfloat16)
        segments = tf.ones([rows, width], tf.int32)

        def whole(query: Any, key: Any, value: Any, segments: Any = segments) -> Any:
            maps = tf.cast(attention_maps(query, key, segments), value.dtype)
            return tf.matmul(maps, value)

        def blocks(query: Any, key: Any, value: Any, segments: Any = segments) -> Any:
            return attend(query, key, value, segments)

        for name, call in {"whole maps": whole, "in blocks": blocks}.items():

            def both(given: Any, call: Callable[..., Any] = call) -> Any:
                with tf.GradientTape() as tape:
                    tape.watch(given)
                    found = call(given[0], given[1], given[2])
                    loss = tf.reduce_sum(tf.cast(found, tf.float32) ** 2)
                return tape.gradient(loss, given)

            compiled = tf.function(both, jit_compile=True)
            seconds = _seconds(lambda compiled=compiled, given=given: compiled(given), 20)
            yield {f"width {width}, {name}, ms": 1000 * seconds}


def _seconds(call: Callable[[], Any], times: int) -> float:
    """Mean seconds of a call whose results are waited for at the end alone."""
    for _ in range(2):
        call()[..., :1].numpy()
    began = time.perf_counter()
    results = [call() for _ in range(times)]
    results[-1][..., :1].numpy()
    return (time.perf_counter() - began) / times
