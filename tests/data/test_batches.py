"""Batches as a pure function of seed and step; flat images tell which pair is which."""

import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from tf_gen.data.batches import (
    Parts,
    image_batches,
    ordered_batches,
    shuffled_batches,
    steps_per_epoch,
    training_batches,
)
from tf_gen.data.cache import Cache

COUNT, SIZE = 7, 4


def flat_pairs():
    """Pair i is grey level i on one side and 100 + i on the other: uint8 [7, 6, 6, 3] each."""
    levels = np.arange(COUNT, dtype=np.uint8)[:, None, None, None]
    return (np.broadcast_to(levels + low, (COUNT, 6, 6, 3)) for low in np.uint8([0, 100]))


def noisy_pairs():
    """Pairs whose pixels tell every crop: uint8 [7, 6, 6, 3] each."""
    return np.random.default_rng(0).integers(0, 256, (2, COUNT, 6, 6, 3), np.uint8)


def grey_levels(images):
    """The grey level of each flat image of a batch in [-1, 1]."""
    levels = np.rint((np.asarray(images) + 1) * 127.5).astype(int)
    assert (levels == levels[:, :1, :1, :1]).all()
    return levels[:, 0, 0, 0].tolist()


def shown(batches):
    """The number of each pair, batch by batch; inputs and targets belong together."""
    numbers = []
    for inputs, targets in batches:
        numbers.append(grey_levels(inputs))
        assert grey_levels(targets) == [100 + number for number in numbers[-1]]
    return numbers


def orders(epochs, seed=0, batch_size=3):
    """The pairs in the order in which each of the first epochs shows them."""
    steps = steps_per_epoch(COUNT, batch_size)
    batches = shown(training_batches(*flat_pairs(), SIZE, batch_size, seed, 0, epochs * steps))
    return [sum(batches[i * steps : (i + 1) * steps], []) for i in range(epochs)]


@pytest.mark.parametrize("count", range(1, 14))
@pytest.mark.parametrize("batch_size", [1, 2, 3, 13, 20])
def test_the_steps_of_an_epoch_show_each_example_once(count, batch_size):
    assert steps_per_epoch(count, batch_size) == len(range(0, count, batch_size))


@pytest.mark.parametrize("batch_size", [1, 3, 7, 10])
def test_every_epoch_shows_each_pair_exactly_once(batch_size):
    for order in orders(3, batch_size=batch_size):
        assert sorted(order) == list(range(COUNT))


def test_epochs_have_orders_of_their_own():
    seen = orders(5)
    assert len(set(map(tuple, seen))) == 5
    assert list(range(COUNT)) not in seen


def test_the_last_batch_of_an_epoch_may_be_smaller():
    batches = training_batches(*flat_pairs(), SIZE, 3, 0, 0, 6)
    assert [len(inputs) for inputs, _ in batches] == [3, 3, 1] * 2


def test_another_seed_gives_another_order():
    seeds = (0, 1, 2, 2**31 - 2)
    assert len({tuple(orders(1, seed)[0]) for seed in seeds}) == len(seeds)


def test_the_order_does_not_depend_on_the_batch_size():
    assert orders(2, batch_size=1) == orders(2, batch_size=3) == orders(2, batch_size=10)


def test_every_pair_comes_first_about_equally_often():
    batches = shown(training_batches(*flat_pairs(), SIZE, COUNT, 1, 0, 210))
    counts = np.bincount([batch[0] for batch in batches], minlength=COUNT)
    assert ((counts - 30) ** 2 / 30).sum() < 22.5  # 6 degrees of freedom, once in 1000


def test_starting_later_gives_the_tail_of_the_whole_run_bit_for_bit():
    whole = list(training_batches(*noisy_pairs(), SIZE, 3, 5, 0, 9))
    for first_step in (1, 3, 5, 8):
        tail = list(training_batches(*noisy_pairs(), SIZE, 3, 5, first_step, 9))
        assert len(tail) == 9 - first_step
        for late, early in zip(tail, whole[first_step:], strict=True):
            for side, expected in zip(late, early, strict=True):
                np.testing.assert_array_equal(side, expected)


def test_a_run_over_before_it_begins_has_no_batches():
    assert list(training_batches(*noisy_pairs(), SIZE, 3, 5, 9, 9)) == []


def test_the_same_pair_is_jittered_anew_in_each_epoch():
    image, target = (side[:1] for side in noisy_pairs())
    batches = training_batches(image, target, SIZE, 1, 0, 0, 12)
    assert len({inputs.numpy().tobytes() for inputs, _ in batches}) > 4


def test_batches_have_the_size_and_the_range_of_the_network():
    dataset = training_batches(*noisy_pairs(), SIZE, 3, 0, 0, 3)
    for spec in dataset.element_spec:
        assert spec.dtype == tf.float32
        assert spec.shape.as_list() == [None, SIZE, SIZE, 3]
    for batch in dataset:
        for side in batch:
            assert side.shape[1:] == (SIZE, SIZE, 3)
            assert -1 <= side.numpy().min() < side.numpy().max() <= 1


def flat_images():
    """Image i is grey level i, and so is its label: uint8 [7, 6, 6, 3], int32 [7]."""
    levels = np.arange(COUNT, dtype=np.int32)
    return np.broadcast_to(levels[:, None, None, None], (COUNT, 6, 6, 3)).astype(np.uint8), levels


def test_image_batches_show_each_image_once_an_epoch_with_its_label():
    epochs = []
    for epoch in range(2):
        batches = list(image_batches(*flat_images(), 3, 5, 3 * epoch, 3 * epoch + 3))
        assert [len(labels) for _, labels in batches] == [3, 3, 1]
        for images, labels in batches:
            expected = labels.numpy()[:, None, None, None] * np.ones((1, 6, 6, 3)) / 255
            np.testing.assert_allclose(images, expected, atol=1e-7)
        epochs.append(np.concatenate([labels for _, labels in batches]).tolist())
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(COUNT)) and epochs[0] != epochs[1]


def test_image_batches_without_labels_are_images_in_0_to_1_gone_on_with_at_any_step():
    images = noisy_pairs()[0]
    whole = list(image_batches(images, None, 3, 5, 0, 6))
    later = list(image_batches(images, None, 3, 5, 4, 6))
    for a, b in zip(whole[4:], later, strict=True):
        np.testing.assert_array_equal(a, b)
    first_epoch = np.concatenate(whole[:3])
    assert first_epoch.dtype == np.float32
    np.testing.assert_allclose(np.sort(first_epoch, None), np.sort(images / 255, None), atol=1e-7)


def test_ordered_batches_show_all_once_in_order():
    images, labels = flat_images()
    batches = list(ordered_batches(images, labels, 3))
    assert [some.numpy().tolist() for _, some in batches] == [[0, 1, 2], [3, 4, 5], [6]]
    for shown_images, some in batches:
        np.testing.assert_allclose(shown_images, images[some.numpy()] / np.float32(255), atol=1e-7)
    alone = np.concatenate(list(ordered_batches(images, None, 4)))
    np.testing.assert_allclose(alone, images / np.float32(255), atol=1e-7)


def codes_and_labels():
    """Each row of codes tells its label: int32 [7, 4, 4] and [7]."""
    labels = np.arange(COUNT, dtype=np.int32)
    return 16 * labels[:, None, None] + np.arange(16, dtype=np.int32).reshape(4, 4), labels


def test_codes_alone_are_batches_of_one_tensor_that_show_each_row_once_an_epoch():
    codes, _ = codes_and_labels()
    dataset = shuffled_batches(codes, 3, 5, 0, 6)
    assert dataset.element_spec == tf.TensorSpec([None, 4, 4], tf.int32)
    batches = list(dataset)
    assert [len(batch) for batch in batches] == [3, 3, 1] * 2
    epochs = np.concatenate(batches[:3]), np.concatenate(batches[3:])
    for epoch in epochs:
        np.testing.assert_array_equal(epoch[np.argsort(epoch[:, 0, 0])], codes)
    assert not np.array_equal(*epochs)


@pytest.mark.parametrize("kind", [tuple, list])
def test_codes_and_labels_stay_together(kind):
    codes, labels = codes_and_labels()
    batches = list(shuffled_batches(kind([codes, labels]), 3, 5, 0, 3))
    for some_codes, some in batches:
        np.testing.assert_array_equal(some_codes, codes[some.numpy()])
    assert sorted(np.concatenate([some for _, some in batches])) == labels.tolist()


def test_batches_of_any_arrays_are_gone_on_with_at_any_step():
    whole = list(shuffled_batches(codes_and_labels(), 3, 5, 0, 9))
    for late, early in zip(
        shuffled_batches(codes_and_labels(), 3, 5, 4, 9), whole[4:], strict=True
    ):
        for got, expected in zip(late, early, strict=True):
            np.testing.assert_array_equal(got, expected)


def test_parts_are_shares_of_the_batches_in_turn():
    codes, _ = codes_and_labels()
    shares = [list(shuffled_batches(codes, 4, 5, 0, 4, Parts(i, 1, 2))) for i in range(2)]
    both = list(shuffled_batches(codes, 4, 5, 0, 4, Parts(0, 2, 2)))
    assert [len(share) for share in both] == [2, 2, 1, 1] * 2  # one row is left out of each epoch
    for got, expected in zip(both, sum(zip(*shares, strict=True), ()), strict=True):
        np.testing.assert_array_equal(got, expected)
    for start in (0, 4):
        rows = np.concatenate(both[start : start + 4])[:, 0, 0]
        assert len(set(rows)) == 6 and set(rows) < set(codes[:, 0, 0])


def test_what_prepares_a_batch_is_told_its_step_and_part():
    def prepare(codes, labels, step, part):
        return {"step": step, "part": part[0], "of": part[1], "difference": codes[:, 0, 0] - labels}

    batches = shuffled_batches(codes_and_labels(), 4, 5, 1, 3, Parts(1, 2, 4), prepare)
    told = [(int(b["step"]), int(b["part"]), int(b["of"])) for b in batches]
    assert told == [(1, 1, 4), (1, 2, 4), (2, 1, 4), (2, 2, 4)]
    _, labels = codes_and_labels()
    assert all(set(batch["difference"].numpy()) <= set(15 * labels) for batch in batches)


def test_arrays_of_different_lengths_are_refused():
    codes, labels = codes_and_labels()
    with pytest.raises(ValueError, match="arrays of 6 and 7 rows do not match"):
        shuffled_batches((codes, labels[1:]), 3, 0, 0, 1)


def test_images_in_a_file_give_the_same_batches_as_in_memory(tmp_path):
    plain = noisy_pairs()
    mapped = Cache(0).array(plain.shape, tmp_path)
    mapped[:] = plain
    pairs = [list(training_batches(*some, SIZE, 3, 5, 0, 6)) for some in (plain, mapped)]
    for batch, witness in zip(*pairs, strict=True):
        for side, expected in zip(batch, witness, strict=True):
            np.testing.assert_array_equal(side, expected)
    np.testing.assert_array_equal(mapped, plain)


@pytest.mark.parametrize("threads", [1, 16])
def test_batches_are_the_same_whatever_the_parallelism(threads):
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    batches = training_batches(*noisy_pairs(), SIZE, 2, 5, 0, 40)
    for batch, witness in zip(batches.with_options(options), batches, strict=True):
        for side, expected in zip(batch, witness, strict=True):
            np.testing.assert_array_equal(side, expected)


def test_dropping_batches_does_not_wait_for_tf_datas_tuning():
    images = noisy_pairs()[0]
    batches = image_batches(images, None, 2, 0, 0, 9), ordered_batches(images, None, 2)
    assert all(dataset.options().autotune.enabled is False for dataset in batches)


def test_images_are_not_copied_into_the_graph():
    images = np.zeros((1000, 64, 64, 3), np.uint8)  # 12 MB
    tracemalloc.start()
    next(iter(image_batches(images, None, 2, 0, 0, 10)))
    assert tracemalloc.get_traced_memory()[1] < images.nbytes / 2
    tracemalloc.stop()
