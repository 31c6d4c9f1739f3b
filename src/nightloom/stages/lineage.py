"""What `register` keeps of how a version was made, for `nightloom prove`."""

from pathlib import Path

from nightloom.context import BuildContext
from nightloom.registry.lineage import Lineage, Made, processor
from nightloom.settings.paths import anywhere
from nightloom.stages.export import exporting_code

GPU_FACT = "gpu"


def write_lineage(context: BuildContext, folder: Path) -> Path:
    """Write the lineage of what this build registers; returns the file."""
    given = sorted(context.inputs.values(), key=lambda files: files.artifact.built_at)
    code = exporting_code(context.hooks)
    return Lineage(
        flow=context.run["flow"],
        settings=anywhere(context.run.get("settings", {})),
        stages={files.artifact.stage: Made.of(files) for files in given},
        processor=processor(),
        gpu=context.run.get(GPU_FACT),
        export={"code": code.modules, "libraries": code.libraries},
    ).write(folder)
