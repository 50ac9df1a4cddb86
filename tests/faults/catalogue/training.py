"""Faults in refnn/training.py."""

from tests.faults import checks
from tests.faults.planting import at

# fmt: off
back = at("refnn.training:backpropagate", checks.lockstep, "L2", "gradient")
step = at("refnn.training:train_step", checks.lockstep, "L2", "update")
start = at("refnn.training:Model.state_at", checks.states, "", "initial slots")
accuracy = at("refnn.training:accuracy", checks.accuracies, "", "accuracy")
evaluate = at("refnn.training:evaluate", checks.answers, "", "evaluate")
predict = at("refnn.training:predict", checks.answers, "", "predict")
objective = at("refnn.training:objective", checks.answers, "", "objective")
PRICE = "regularizer.gradient(p.of(theta))"
PENALTY = f"g + {PRICE} if p.is_weight else g"
TOTAL = "data_loss + penalty,"
BACKWARD = "network.backward(theta, outputs, dy, masks)"
UPDATED = "update(model.asked_rule, state, gradient, learning_rate)"
RIGHT_CLASS = "np.argmax(y_pred, axis=1) == np.argmax(y_true, axis=1)"

FAULTS = [
    back("backpropagate: L2 on biases", PENALTY, f"g + {PRICE}",
         note="card 19: vision_networks #21"),
    back("backpropagate: L2 divided by the batch", PRICE, f"{PRICE} / len(x)",
         note="card 20, sklearn"),
    back("backpropagate: L2 in the loss alone", PENALTY, "g", note="listed"),
    back("backpropagate: L2 twice in the gradient", PENALTY,
         f"g + {PRICE} + {PRICE} if p.is_weight else g", note="in the layer and in the loop"),
    back("backpropagate: L2 in the gradient alone", TOTAL, "data_loss,", stage="loss",
         note="listed"),
    back("backpropagate: L2 twice in the loss", TOTAL, "data_loss + penalty + penalty,",
         stage="loss", note="in the model and in the loop"),
    back("backpropagate: L2 subtracted", "g + regularizer", "g - regularizer", note="sign slip"),
    back("backpropagate: L2 of the first weights, for ever", PRICE,
         "regularizer.gradient(p.of(network.__dict__.setdefault('first', theta)))",
         note="a stale theta"),
    back("backpropagate: the first W alone is priced", "if p.is_weight", "if p.place.start == 0",
         note="loop cut short"),
    back("model: its regularizer is ignored", "= model.asked",
         "= *model.asked[:2], None", stage="loss", note="a field that nobody reads"),
    back("backpropagate: backward with the updated weights", BACKWARD,
         BACKWARD.replace("theta,", f"theta - 0.1 * np.concatenate({BACKWARD}[1], axis=None),"),
         stage="backward", note="update before backward"),
    back("backpropagate: targets and outputs swapped", "(loss, y, outputs[-1])",
         "(loss, outputs[-1], y)", stage="backward", note="argument order"),
    back("backpropagate: forward with the weights of the batch before",
         "network.forward(theta, x, masks)",
         "network.forward(network.__dict__.setdefault('first', theta), x, masks)", stage="forward",
         note="a stale theta"),
    back("backpropagate: the masks of the batch before", "network.forward(theta, x, masks)",
         "network.forward(theta, x, network.__dict__.setdefault('first', masks))", stage="forward",
         caught_by=(checks.lockstep, "dropout"), note="a mask kept in the object"),
    predict("predict: drops too", "forward(theta, x)",
            "forward(theta, x, [layer.draw(np.random.default_rng(0), (len(x), width),"
            " x.dtype) for _, width, layer in model.network.dropouts])",
            caught_by=(checks.masks, ""), note="training mode left on"),
    step("step: L2 decoupled", UPDATED, UPDATED.replace(
        "state,", "state._replace(theta=state.theta * (1 - 0.1 * learning_rate)),"),
         note="card 18"),
    step("step: gradients of earlier steps added", "gradient = np.concatenate(",
         "kept = model.network.__dict__\n"
         "    gradient = kept['sum'] = kept.get('sum', 0) + np.concatenate(",
         stage="slots", note="zero_grad forgotten"),
    step("step: gradients in reverse", "found.gradients, axis", "found.gradients[::-1], axis",
         stage="slots", note="theta in one order, its gradient in another"),
    step("step: rate of the next step", "state.step)", "state.step + 1)", stage="learning rate",
         caught_by=(checks.lockstep, "decay"), note="card 39"),
    step("step: from the state after it", UPDATED,
         UPDATED.replace("state,", f"{UPDATED},"), stage="slots", note="updated twice"),
    start("start: accumulator of 0.1", "np.zeros_like(theta)", "np.full_like(theta, 0.1)",
          note="card 10, TensorFlow's and Keras' Adagrad"),
    start("start: one slot for all", "self.optimizer.slot_names",
          "self.optimizer.slot_names[:1]", note="v forgotten"),
    accuracy("accuracy: argmax over the batch", RIGHT_CLASS,
             "np.argmax(y_pred, axis=0) == np.argmax(y_true, axis=0)", note="wrong axis"),
    accuracy("accuracy: every output counts", RIGHT_CLASS, "(y_pred > 0.5) == (y_true > 0.5)",
             note="multi-label accuracy"),
    accuracy("accuracy: argmax of one column", "(y_pred > threshold) == (y_true > 0.5)",
             "np.argmax(y_pred, axis=1) != np.argmax(y_true, axis=1)",
             stage="accuracy of one column", note="always class 0"),
    accuracy("accuracy: threshold included", "y_pred > threshold", "y_pred >= threshold",
             stage="accuracy of one column", note="tie at 0.5"),
    accuracy("accuracy: threshold of 0", "y_pred > threshold", "y_pred > 0",
             stage="accuracy of one column", note="logits in mind"),
    evaluate("evaluate: targets and outputs swapped", "accuracy(y, y_pred,",
             "accuracy(y_pred > 0, y,", note="argument order"),
    evaluate("evaluate: threshold of probabilities for logits", "threshold_of(model.loss)", "0.5",
             stage="accuracy of logits", note="a logit of 0 is a probability of 0.5"),
    evaluate("evaluate: with the penalty", "value_of(loss, y, y_pred)",
             "objective(model, theta, x, y)", note="what training minimises, not the data loss"),
    evaluate("evaluate: the last layer is left out", "forward(theta, x)[-1]",
             "forward(theta, x)[-2]", note="off by one on the tape"),
    predict("predict: the last layer is left out", "forward(theta, x)[-1]",
            "forward(theta, x)[-2]", note="logits instead of answers"),
    predict("predict: the first layer is left out", "model.asked[0].forward(theta, x)[-1]",
            "type(model.network)((*model.network.layers[1:], model.network.layers[0]))"
            ".forward(theta, x)[-1]", note="layers rotated by one"),
    objective("objective: without the penalty", "if model.regularizer is not None", "if False",
              note="the loss alone"),
    objective("objective: biases are priced too", "model.network.weights(theta)", "[theta]",
              note="card 19"),
]
