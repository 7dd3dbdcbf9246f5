"""What the builders share: a published set as a source, and a note on what was found."""

import contextlib
from pathlib import Path

from tf_gen.data.published.sets import PublishedSet, compare, obtain


def obtained(published: PublishedSet, dl_manager):
    """The set, packed or not, from TFDS' ``manual_dir`` or download folder, else fetched there.

    Not by ``dl_manager.download``: it waits for a stalled server for ever, starts again from
    nothing, and checks a size only where a digest of the archive is known, too.
    """
    downloads = Path(dl_manager.download_dir)
    folders = [downloads / "manual", downloads]
    with contextlib.suppress(AssertionError):  # how TFDS says that there is no such folder
        folders.insert(0, Path(dl_manager.manual_dir))
    return obtain(published, folders, downloads)


def note(builder, published: PublishedSet, counts, digests) -> None:
    """Keep in ``builder.info.metadata`` whether the set is the published one, and what differs."""
    genuine, said = compare(published, counts, digests)
    builder.info.metadata.update(genuine=genuine, compared=said)


def instructions(published: PublishedSet) -> str:
    """For ``MANUAL_DOWNLOAD_INSTRUCTIONS``."""
    fetched = "It is fetched if it is not there. " if published.urls else ""
    return (
        f"{fetched}manual_dir may hold {' or '.join(published.archives)}, or an unpacked folder "
        f"named {' or '.join(published.folders)}, from {published.page}."
    )
