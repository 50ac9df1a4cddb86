"""What makes the cards of each function, with refnn's formula; and the hints that several have."""

from typing import Any

from tftwin.cards.card import maker

sigmoid = maker("sigmoid", "σ(x) = 1 / (1 + e⁻ˣ), from e^(−|x|)", "forward")
sigmoid_back = maker("sigmoid_backward", "dx = dy · y (1 − y)", "backward")
tanh = maker("tanh", "tanh x", "forward")
tanh_back = maker("tanh_backward", "dx = dy · (1 − y²)", "backward")
relu = maker("relu", "max(x, 0)", "forward")
relu_back = maker("relu_backward", "dx = dy where x > 0, else 0", "backward")
leaky = maker("leaky_relu", "x where x > 0, else α x", "forward")
leaky_back = maker("leaky_relu_backward", "dx = dy where x > 0, else α dy", "backward")
elu = maker("elu", "x where x > 0, else α (eˣ − 1)", "forward")
elu_back = maker("elu_backward", "dx = dy where x > 0, else dy (y + α)", "backward")
selu = maker("selu", "λ x where x ≥ 0, else λ α (eˣ − 1)", "forward")
selu_back = maker("selu_backward", "dx = dy λ where x ≥ 0, else dy (y + λ α)", "backward")
softplus = maker("softplus", "ln(1 + eˣ) = max(x, 0) + ln(1 + e^(−|x|))", "forward")
softplus_back = maker("softplus_backward", "dx = dy σ(x)", "backward")
softmax = maker("softmax", "yᵢ = e^(xᵢ − max x) / Σⱼ e^(xⱼ − max x), row by row", "forward")
softmax_back = maker("softmax_backward", "dx = y ⊙ (dy − Σ dy ⊙ y)", "backward")
dense = maker("dense_forward", "y = x W + b", "forward")
dense_back = maker(
    "dense_backward", "dx = dy Wᵀ, dW = xᵀ dy, db = Σ dy over the batch", "backward"
)  # fmt: skip
penalty = maker("l2_penalty", "λ ½ Σ w²", "L2")
penalty_back = maker("l2_gradient", "λ w", "L2")
dropout = maker("dropout", "x ⊙ kept / (1 − rate)", "forward")
dropout_back = maker("dropout_backward", "dx = dy ⊙ kept / (1 − rate)", "backward")
mse = maker("mean_squared_error", "Σ (y_pred − y_true)² / (N C)", "loss")
mse_back = maker("mean_squared_error_gradient", "2 (y_pred − y_true) / (N C)", "loss")
mae = maker("mean_absolute_error", "Σ |y_pred − y_true| / (N K)", "loss")
mae_back = maker("mean_absolute_error_gradient", "sign(y_pred − y_true) / (N K)", "loss")
cce = maker("categorical_crossentropy", "−Σ y ln c / N, c = clip(p / Σ p, 1e-7, 1 − 1e-7)", "loss")
cce_back = maker(
    "categorical_crossentropy_gradient", "−y / (c N), through p / Σ p; 0 where clipped", "loss"
)
fused = maker("softmax_crossentropy", "−Σ y ln softmax(z) / N, from z − max z", "loss")
fused_back = maker("softmax_crossentropy_gradient", "(softmax(z) − y) / N", "loss")
bce = maker(
    "binary_crossentropy",
    "−Σ (y ln c + (1 − y) ln(1 − c)) / (N K), c = clip(p, 1e-7, 1 − 1e-7)",
    "loss",
)
bce_back = maker(
    "binary_crossentropy_gradient", "((1 − y)/(1 − c) − y/c) / (N K); 0 where clipped", "loss"
)
logits = maker("sigmoid_crossentropy", "Σ (max(z, 0) − z y + ln(1 + e^(−|z|))) / (N K)", "loss")
logits_back = maker("sigmoid_crossentropy_gradient", "(σ(z) − y) / (N K)", "loss")
decay = maker("exponential_decay", "lr₀ r^(step / s)", "learning rate")
sgd = maker("sgd", "w − lr g", "update")
momentum = maker("momentum", "m = β m + (1 − β) g; w − lr m", "update")
nesterov = maker("nesterov", "m = β m + (1 − β) g; w − lr (β m + (1 − β) g)", "update")
adagrad = maker("adagrad", "v = v + g²; w − lr g / (√v + ε)", "update")
rmsprop = maker("rmsprop", "v = β v + (1 − β) g²; w − lr g / (√v + ε)", "update")
adam = maker("adam", "m̂ = m / (1 − β₁ᵗ); v̂ = v / (1 − β₂ᵗ); w − lr m̂ / (√v̂ + ε)", "update")
nadam = maker(
    "nadam",
    "m̂ = μₜ₊₁ m / (1 − μ₁ ⋯ μₜ₊₁) + (1 − μₜ) g / (1 − μ₁ ⋯ μₜ), "
    "μₜ = β₁ (1 − ½ · 0.96^(ψ t)); w − lr m̂ / (√v̂ + ε)",
    "update",
)

DIVIDE = ("by what is the sum divided?", "A mean divides by the number of its terms.")
UPSTREAM = (
    "does the result change when dy changes?",
    "The chain rule: ∂loss/∂x = ∂loss/∂y · ∂y/∂x.",
)
FORM: dict[str, Any] = {"kind": "form", "who": "many"}
CONVENTION: dict[str, Any] = {"kind": "convention"}
