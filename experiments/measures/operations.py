"""How much a training step computes, counted in its graph."""


def executed(graph) -> set:
    """The operations in a step's graph that its results or its updates need. TensorFlow also
    traces gradients that nobody asked for (a first layer's, to the images), and never runs them."""
    needed, found = [out.op for out in graph.outputs] + list(graph.control_outputs), set()
    while needed:
        op = needed.pop()
        if op not in found:
            found.add(op)
            needed += [given.op for given in op.inputs] + list(op.control_inputs)
    return found


def operations(graph) -> int:
    """Floating-point operations of the convolutions and matrix products of one step, a multiply
    and an add counted as two. All else is left out, so that it bounds the time from below; so is
    what is done in some steps alone (a lazy gradient penalty)."""
    total = 0
    for op in executed(graph):
        kernel, output = None, op.outputs[0].shape if op.outputs else None
        if op.type == "Conv2D":
            kernel = op.inputs[1].shape
        elif op.type == "Conv2DBackpropInput":
            kernel, output = op.inputs[1].shape, op.inputs[2].shape
        elif op.type == "Conv2DBackpropFilter":
            kernel, output = output, op.inputs[2].shape
        elif op.type == "MatMul":
            length = op.inputs[0].shape[0 if op.get_attr("transpose_a") else 1]
            total += 2 * output.num_elements() * length
        if kernel is not None:
            total += 2 * output.num_elements() * kernel.num_elements() // kernel[3]
    return total
