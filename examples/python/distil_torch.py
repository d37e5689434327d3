# SPDX-License-Identifier: MIT
"""Distils a PyTorch model: the model, trained here by flow matching, is the teacher by way of a callback, and a student
of the library learns to do its work in a few steps."""
import sys

try:
    import torch
    import numpy as np
except ImportError as error:
    print(f"skipped: {error.name} is missing")
    sys.exit(77)

import bezdist

torch.manual_seed(0)
torch.set_num_threads(1)


def moons(n):
    """Two interleaved half circles, [n, 2]."""
    angle = np.pi * torch.rand(n)
    side = torch.randint(0, 2, (n,)) * 2 - 1
    points = torch.stack([side * (angle.cos() - 0.5), side * (angle.sin() - 0.25)], dim=1)
    return points + 0.07 * torch.randn(n, 2)


model = torch.nn.Sequential(torch.nn.Linear(3, 64), torch.nn.SiLU(), torch.nn.Linear(64, 64), torch.nn.SiLU(),
                            torch.nn.Linear(64, 2))
optimiser = torch.optim.Adam(model.parameters(), 2e-3)
for step in range(600):
    start, end, t = torch.randn(256, 2), moons(256), torch.rand(256, 1)
    loss = ((model(torch.cat([start + t * (end - start), t], dim=1)) - (end - start)) ** 2).mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def velocity(x, t, cond, out):
    """x [n, 2] and t [n] are the library's memory, and so is out [n, 2]: the model's answer is written there."""
    with torch.no_grad():
        rows = torch.cat([torch.tensor(x), torch.tensor(t)[:, None]], dim=1)
        out[:] = model(rows).numpy()


teacher = bezdist.Flow.from_function(velocity, 2)
paths = bezdist.Source.ensemble(bezdist.Ensemble([teacher]), bezdist.Fitter(degree=2)).pool(2000)
print(f"{paths.info.count} paths of {paths.info.nfe:.0f} evaluations of the PyTorch model each")
trainer = bezdist.Trainer(bezdist.Flow(2, kind=bezdist.FLOW_CONTROL, width=64), paths, aim=4, steps=500, rate=3e-3)
for progress in trainer.progress(every=200):
    print(f"step {progress.step} of {progress.of}: loss {progress.smooth_loss:.4f}")
student = trainer.flow()

result = bezdist.SampleResult()
exact, real = teacher.sample(1000, result=result), moons(1000)
print(f"PyTorch, {result.nfe_mean:.0f} evaluations: sliced W2 to the data {bezdist.compare(exact, real).sw2:.3f}")
for steps in (1, 2, 4):
    few = student.sample(1000, steps=steps)
    distance = bezdist.compare(few, exact).sw2
    print(f"student, {steps} evaluation{'s' * (steps > 1)}: {bezdist.compare(few, real).sw2:.3f} to the data, "
          f"{distance:.3f} to the teacher")
student.save("moons.bzd")
sys.exit(distance > 0.15)
