"""The swarm without a model: your own evaluation behind ask and tell."""

import numpy as np

from modelswarms import Swarm, SwarmConfig

wanted = np.array([0.9, 0.7, 0.0, -0.1])


def utility(coefficients):
    """Any function of the coefficients; higher is better."""
    return -float(np.abs(coefficients - wanted).sum())


swarm = Swarm(n_experts=4, config=SwarmConfig(particles=12, max_iterations=30), seed=0)
while batch := swarm.ask():
    for candidate in batch:  # in any order, from any number of workers
        swarm.tell(candidate.id, utility(candidate.coefficients))
print(f"stopped by {swarm.stopped_by} after {swarm.iteration} iterations: {swarm.best_value:.3f} at {swarm.best.id}")
print(swarm.best.coefficients.round(2))
