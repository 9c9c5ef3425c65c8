"""Build the sample models and their catalogue: ``python -m sample_models.build [folder]``."""

import json
import sys
from pathlib import Path

from sample_models import arithmetic, broken, control_flow, convolutional, dense, precision
from sample_models.sample import Sample

HERE = Path(__file__).resolve().parent

WITHOUT_TORCH: tuple[Sample, ...] = (
    *arithmetic.SAMPLES,
    *dense.SAMPLES,
    *convolutional.SAMPLES,
    *control_flow.SAMPLES,
    *precision.SAMPLES,
    *broken.SAMPLES,
)


def all_samples() -> tuple[Sample, ...]:
    """Return every sample in the order of the catalogue; imports torch."""
    from sample_models import from_pytorch

    return WITHOUT_TORCH[:-1] + from_pytorch.SAMPLES + WITHOUT_TORCH[-1:]


def build(samples: tuple[Sample, ...], folder: Path) -> None:
    """Write each sample's model into ``folder``."""
    for sample in samples:
        (folder / sample.file).write_bytes(sample.make().SerializeToString(deterministic=True))


def catalog(samples: tuple[Sample, ...]) -> str:
    """Return the catalogue as JSON: a list of {file, title, lesson}."""
    entries = [{"file": sample.file, "title": sample.title, "lesson": sample.lesson} for sample in samples]
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Build everything into the folder given, else beside this script."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    folder.mkdir(parents=True, exist_ok=True)
    samples = all_samples()
    build(samples, folder)
    (folder / "catalog.json").write_text(catalog(samples), encoding="utf-8")


if __name__ == "__main__":
    main()
