"""What a SavedModel may do: operations that reach outside the graph are refused.

Loading a SavedModel runs no Python, but a TensorFlow graph can read and write files, open
connections and call back into the process. A model from a hub needs none of that. Two exceptions
are part of every SavedModel: the functions that save and restore its variables, and tables that
are filled from vocabulary files.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nightloom.errors import InputError

_FORBIDDEN = """
    ReadFile WriteFile MatchingFiles PyFunc PyFuncStateless EagerPyFunc Print PrintV2
    TextLineReader TextLineReaderV2 WholeFileReader WholeFileReaderV2 TFRecordReader
    TFRecordReaderV2 FixedLengthRecordReader FixedLengthRecordReaderV2 LMDBReader
    IdentityReader IdentityReaderV2 TextLineDataset TFRecordDataset TFRecordDatasetV2
    FixedLengthRecordDataset FixedLengthRecordDatasetV2 LMDBDataset CSVDataset CSVDatasetV2
    SqlDataset ExperimentalSqlDataset ExperimentalLMDBDataset ExperimentalCSVDataset
    CacheDataset CacheDatasetV2 SnapshotDataset SnapshotDatasetV2 SnapshotDatasetReader
    SaveDataset SaveDatasetV2 LoadDataset ListSnapshotChunksDataset DataServiceDataset
    DataServiceDatasetV2 DataServiceDatasetV3 DataServiceDatasetV4 RegisterDataset
    RegisterDatasetV2 DatasetFromGraph GeneratorDataset ImmutableConst Save SaveSlices SaveV2
    Restore RestoreSlice RestoreV2 MergeV2Checkpoints CheckpointExists LoadAndRemapMatrix
    GenerateVocabRemapping CreateSummaryFileWriter CreateSummaryDbWriter WriteSummary
    WriteRawProtoSummary WriteScalarSummary WriteHistogramSummary WriteImageSummary
    WriteAudioSummary WriteGraphSummary ImportEvent DebugIdentity DebugIdentityV2
    DebugIdentityV3 DebugNanCount DebugNumericSummary RemoteCall RemoteFusedGraphExecute
    RpcCall RpcClient RpcServer RpcServerStart TryRpc Rpc _Send _Recv _HostSend _HostRecv Send
    Recv CollectiveInitializeCommunicator TPUExecute XlaLaunch
"""

FORBIDDEN = frozenset(_FORBIDDEN.split())
"""Names of operations that reach files, the network, or Python."""

_CHECKPOINT = frozenset({"SaveV2", "RestoreV2", "MergeV2Checkpoints", "ShardedFilename"})


_RANDOM = frozenset(
    "RandomUniform RandomUniformInt RandomStandardNormal TruncatedNormal RandomShuffle Multinomial "
    "ParameterizedTruncatedNormal RandomGamma RandomPoisson RandomPoissonV2".split()
)


def draws(directory: Path) -> bool:
    """Whether a SavedModel has operations that draw random numbers from a state of their own.

    TensorFlow refuses those without a seed where results must be reproducible, and the state of
    those with one is in no checkpoint.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel()
    model.ParseFromString((directory / "saved_model.pb").read_bytes())
    return any(
        node.op in _RANDOM
        for graph in model.meta_graphs
        for nodes in (
            graph.graph_def.node,
            *(function.node_def for function in graph.graph_def.library.function),
        )
        for node in nodes
    )


def check_operations(directory: Path) -> None:
    """Read the graphs of a SavedModel without running them.

    Raises:
        InputError: a file that is not a SavedModel, one with operations out of `FORBIDDEN` (they
            are named), or with assets outside its folder.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    path = directory / "saved_model.pb"
    model = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(
            f"expected a TF2 SavedModel directory, found no saved_model.pb in {directory}"
        ) from error
    except DecodeError as error:
        raise InputError(
            f"expected a SavedModel, found {path}, which is damaged; fetch it again"
        ) from error
    if not model.meta_graphs:
        raise InputError(f"expected a SavedModel with a graph, found none in {path}")
    found: set[str] = set()
    for graph in model.meta_graphs:
        found |= _forbidden(graph)
        for asset in graph.asset_file_def:
            if asset.filename in ("", ".", "..") or set(asset.filename) & set("/\\"):
                raise InputError(
                    f"the SavedModel {directory} names the file {asset.filename!r} outside its "
                    "folder of assets; such models are not loaded"
                )
    if found:
        raise InputError(
            f"the SavedModel {directory} contains operations that reach files, the network or "
            f"Python ({', '.join(sorted(found))}); such models are not loaded"
        )


def _forbidden(meta_graph: Any) -> set[str]:
    functions = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    saver = meta_graph.saver_def
    ends = {saver.save_tensor_name.split(":")[0], saver.restore_op_name.split(":")[0]}
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    # Only the saver's own nodes may call its functions.
    entry = {_callee(nodes[name]) for name in ends if name in nodes} - {""}
    saving = _reached(entry, functions)
    others = [node for node in meta_graph.graph_def.node if node.name not in ends]
    used = _reached({_callee(node) for node in others} - {""}, functions)
    found = {node.op for node in others} & FORBIDDEN
    for name, function in functions.items():
        allowed = _CHECKPOINT if name in saving and name not in used else frozenset()
        found |= {node.op for node in function.node_def} & (FORBIDDEN - allowed)
    return found


def _reached(names: Iterable[str], functions: dict[str, Any]) -> set[str]:
    reached: set[str] = set()
    waiting = [name for name in names if name in functions]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        for node in functions[name].node_def:
            waiting += [inner for inner in _callees(node) if inner in functions]
    return reached


def _callee(node: Any) -> str:
    return next(iter(_callees(node)), "")


def _callees(node: Any) -> list[str]:
    names = []
    for value in node.attr.values():
        if value.HasField("func"):
            names.append(value.func.name)
        names += [function.name for function in value.list.func]
    return names
