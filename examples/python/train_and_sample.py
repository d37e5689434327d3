# SPDX-License-Identifier: MIT
"""Trains a flow on a ring of eight Gaussians, distils it into a few-step student, and samples from both. Standard
library alone."""
import math
import random

import bezdist

random.seed(0)
ring = [(2 * math.cos(a) + random.gauss(0, 0.2), 2 * math.sin(a) + random.gauss(0, 0.2))
        for a in (math.pi / 4 * random.randrange(8) for _ in range(2000))]

with bezdist.Context(threads=2) as context:
    data = bezdist.Data(ring, context=context)
    fresh = bezdist.Flow(2, width=64, context=context)
    trainer = bezdist.Trainer(fresh, bezdist.Source.data(data), steps=1000, rate=5e-3)
    for progress in trainer.progress(every=250):
        print(f"teacher, step {progress.step} of {progress.of}: loss {progress.smooth_loss:.3f}")
    teacher = trainer.flow()

    paths = bezdist.Source.ensemble(bezdist.Ensemble([teacher]), bezdist.Fitter(degree=2)).pool(4000)
    trainer = bezdist.Trainer(teacher.student(bezdist.FLOW_CONTROL), paths, aim=4, steps=500)
    trainer.run()
    student = trainer.flow()

    result = bezdist.SampleResult()
    exact = teacher.sample(1000, result=result)
    print(f"teacher, {result.nfe_mean:.0f} evaluations: sliced W2 to the data {bezdist.compare(exact, ring).sw2:.3f}")
    for steps in (1, 2, 4):
        distance = bezdist.compare(student.sample(1000, steps=steps), ring).sw2
        print(f"student, {steps} evaluation{'s' * (steps > 1)}: {distance:.3f}")
    student.save("ring.bzd")
raise SystemExit(distance > 0.3)
