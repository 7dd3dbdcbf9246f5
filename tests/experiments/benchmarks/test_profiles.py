"""Where the time goes, read from traces that are drawn here."""

import pytest

from experiments.benchmarks import profiles


@pytest.fixture
def trace():
    """(name of a plane, {name of a line: [(event, start, duration), ...]} in microseconds ...) ->
    an XSpace."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    def draw(**planes):
        space = xplane_pb2.XSpace()
        for name, lines in planes.items():
            plane = space.planes.add(name=name)
            for line_name, events in lines.items():
                # a line's events are counted from its own start
                line = plane.lines.add(name=line_name, timestamp_ns=1000)
                for i, (event, began, duration) in enumerate(events):
                    key = 100 * len(plane.lines) + i
                    plane.event_metadata[key].name = event
                    line.events.add(
                        metadata_id=key,
                        offset_ps=(began - 1) * 10**6,
                        duration_ps=duration * 10**6,
                    )
        return space

    return draw


def test_kernels_of_all_streams_are_summed_up_by_name(trace):
    streams = {
        "Stream #13(Compute)": [("loop_add_fusion_12", 1, 2), ("loop_add_fusion", 4, 1)],
        "Stream #14(MemcpyH2D)": [("MemcpyH2D", 2, 4)],
        "XLA Modules": [("cluster_0", 1, 100)],
    }
    host = {"python": [("add:AddV2", 1, 50)]}
    seconds, busy = profiles.by_kernel(trace(**{"/device:GPU:0": streams, "/host:CPU": host}))
    assert seconds == pytest.approx({"loop_add_fusion": 3e-6, "MemcpyH2D": 4e-6})
    assert busy == 1.0


def test_the_busy_share_counts_overlapping_kernels_once_and_no_pause(trace):
    streams = {
        "Stream #1(Compute)": [("a", 1, 2), ("b", 9, 2)],
        "Stream #2(Compute)": [("a", 2, 2)],
    }
    _, busy = profiles.by_kernel(trace(**{"/device:GPU:0": streams}))
    assert busy == pytest.approx(5 / 10)  # 1 to 4 and 9 to 11, of 1 to 11


def test_without_a_gpu_kinds_of_operations_are_summed_up(trace):
    host = {"pool": [("a/conv:Conv2D", 1, 2), ("b/conv:Conv2D", 5, 2), ("std::sort", 1, 9)]}
    space = trace(**{"/host:CPU": host})
    assert profiles.by_kernel(space) == ({}, None)
    assert profiles.by_kind(space) == pytest.approx({"Conv2D": 4e-6})


@pytest.mark.parametrize(
    "kernel, name",
    [
        ("void cudnn::ops::nchwToNhwcKernel<float, float, (cudnnDataType_t)0>(int)",
         "cudnn::ops::nchwToNhwcKernel"),
        ("sm90_xmma_fprop_implicit_gemm_tf32f32_nhwc_tilesize128x128x32_warpgroupsize1x1x1",
         "sm90_xmma_fprop_implicit_gemm_tf32f32_nhwc"),
        ("nvjet_tst_128x64_64x12_4x1_v_bz_TNN", "nvjet_tst"),
        ("void (anonymous namespace)::softmax<8>(float*)", "softmax"),
        ("loop_multiply_fusion_1.2", "loop_multiply_fusion"),
        ("MemcpyD2D", "MemcpyD2D"),
        ("<unknown>", "<unknown>"),
    ],
)  # fmt: skip
def test_likes_of_a_kernel_have_one_name(kernel, name):
    assert profiles.short(kernel) == name
