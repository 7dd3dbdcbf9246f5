"""How much a training step computes, counted in its graph."""


def executed(graph, outputs=None) -> set:
    """The operations in a step's graph that its results (or those of them) or its updates need.
    TensorFlow also traces gradients that nobody asked for (a first layer's, to the images), and
    never runs them."""
    outputs = graph.outputs if outputs is None else outputs
    needed, found = [out.op for out in outputs] + list(graph.control_outputs), set()
    while needed:
        op = needed.pop()
        if op not in found:
            found.add(op)
            needed += [given.op for given in op.inputs] + list(op.control_inputs)
    return found


def operations(graph, conditional=0.0, outputs=None) -> float:
    """Floating-point operations of the convolutions and matrix products of one step, a multiply
    and an add counted as two. All else is left out, so that it bounds the time from below.

    conditional: the share of steps in which conditions hold (a lazy gradient penalty's, say).
    """
    total, ran = 0, executed(graph, outputs)
    results = {id(out) for out in (graph.outputs if outputs is None else outputs)}
    for op in ran:
        if op.type in ("If", "StatelessIf") and conditional:
            held = graph._get_function(op.get_attr("then_branch").name).graph
            used = [
                result
                for given, result in zip(op.outputs, held.outputs, strict=True)
                if id(given) in results or not ran.isdisjoint(given.consumers())
            ]
            total += conditional * operations(held, conditional, used)
        else:
            total += _of_one(op)
    return total


def _of_one(op) -> int:
    kernel, output = None, op.outputs[0].shape if op.outputs else None
    if op.type == "Conv2D":
        kernel = op.inputs[1].shape
    elif op.type == "Conv2DBackpropInput":
        kernel, output = op.inputs[1].shape, op.inputs[2].shape
    elif op.type == "Conv2DBackpropFilter":
        kernel, output = output, op.inputs[2].shape
    elif op.type == "MatMul":
        length = op.inputs[0].shape[0 if op.get_attr("transpose_a") else 1]
        return 2 * output.num_elements() * length
    return 2 * output.num_elements() * kernel.num_elements() // kernel[3] if kernel else 0
