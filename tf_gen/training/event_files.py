"""TensorBoard's event files, cut back to where a run goes on from."""

import os
from pathlib import Path

import tensorflow as tf
from tensorboard.compat.proto.event_pb2 import Event


def drop_events(folder, last_step: int, last_epoch: int) -> None:
    """Rewrite the event files of a folder without what lies beyond a step and an epoch.

    Scalars are counted in steps, but for those named ``epoch/...``; these and all else (images,
    histograms, texts) are counted in epochs. What a kill cut short at a file's end goes too.
    """
    for path in sorted(Path(folder).glob("events.out.tfevents.*")):
        records, whole = _records(path)
        kept = [record for record in records if _is_within(record, last_step, last_epoch)]
        if len(kept) == len(records) and whole:
            continue
        temporary = path.with_name("part")  # TensorBoard reads whatever has tfevents in its name
        with tf.io.TFRecordWriter(str(temporary)) as writer:
            for record in kept:
                writer.write(record)
        os.replace(temporary, path)


def _records(path) -> tuple[list[bytes], bool]:
    """The records of an event file, and whether it is whole."""
    records = []
    try:
        for record in tf.data.TFRecordDataset(str(path)):
            records.append(record.numpy())
    except tf.errors.DataLossError:
        return records, False
    return records, True


def _is_within(record, last_step, last_epoch) -> bool:
    event = Event.FromString(record)
    for value in event.summary.value:
        scalar = value.metadata.plugin_data.plugin_name == "scalars"
        by_step = scalar and not value.tag.startswith("epoch/")
        return event.step <= (last_step if by_step else last_epoch)
    return True  # the file's version
