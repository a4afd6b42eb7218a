"""Any engine, many times over: one on each worker of a Ray cluster, which may be this machine alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from modelswarms.engines.base import Engine, lanes_of
from modelswarms.engines.ray_cluster import Cluster, Placement, import_ray
from modelswarms.engines.ray_pool import Pool
from modelswarms.errors import EngineError
from modelswarms.experts import ExpertSpace
from modelswarms.types import Array, Loglikelihood, LoglikelihoodRequest, Model, Request, Response

__all__ = ["RayEngine"]


class RayEngine:
    """Has each block of requests answered by one of several workers; values are those of the engine inside.

    What travels to a worker is coefficients and a block's requests, what comes back are answers. The experts travel
    once to each node, as contents; the base is read by its path, which has to lead to it on every node. A worker that
    is lost is replaced and its block given to another; a block that takes long while workers idle is run a second
    time, and the first answer counts. Scoring stays with the driver.

    Args:
        make: makes the engine inside, on a worker and, for what it says of itself, here; it has to be picklable.
        placement: where workers run.
        inner: the engine inside as it is here, never started; made by ``make`` where it is not given.

    Raises:
        MissingExtraError: Ray is not installed.
    """

    def __init__(
        self, make: Callable[[], Engine], placement: Placement | None = None, inner: Engine | None = None
    ) -> None:
        import_ray()
        self.inner = inner if inner is not None else make()
        self.deterministic = self.inner.deterministic
        self.placement = placement or Placement()
        self._make = make
        self._cluster: Cluster | None = None
        self._pool: Pool | None = None
        self._space: ExpertSpace | None = None
        self._block_tokens = 0
        self._chats: dict[tuple[tuple[tuple[str, str], ...], bool], str] = {}

    @property
    def slots(self) -> int:
        """Candidates in flight: as many as the workers can hold."""
        return max(1, self._workers * self.inner.slots)

    @property
    def lanes(self) -> int:
        """Blocks in flight: some more than are answered at once, so that no worker waits for the driver's scoring."""
        answered = self._workers * lanes_of(self.inner)
        return max(2, answered + max(1, answered // 4))

    @property
    def _workers(self) -> int:
        return self._pool.count if self._pool is not None else 0

    def start(self, space: ExpertSpace) -> None:
        """Joins the cluster and waits for its first worker; others are used as soon as they are ready.

        Raises:
            ConfigError: the cluster cannot be reached, or no worker fits it.
            ModelswarmsError: the engine inside did not start.
        """
        self.close()
        lanes = lanes_of(self.inner)
        self._cluster = cluster = Cluster(self.placement, self._make, lanes)
        cluster.join(space)
        self._pool = Pool(cluster, lanes)
        try:
            self._block_tokens = self._pool.start().block_tokens
        except BaseException:
            self.close()
            raise
        self._space = space

    def count_tokens(self, texts: Sequence[str], *, any_length: bool = False) -> list[int]:
        counted: list[int] = self._started().ask(None, "count_tokens", list(texts), any_length)
        return counted

    @property
    def block_tokens(self) -> int:
        return self._block_tokens or self.inner.block_tokens

    @contextmanager
    def bind(self, coefficients: Array | None) -> Iterator[Model]:
        """A model that workers compose when they are asked; it may be asked by several threads at once."""
        pool = self._started()
        assert self._space is not None
        key = None if coefficients is None else self._space.coefficients(coefficients).tobytes()
        bound = _RayModel(pool, key, self._chats)
        try:
            yield bound
        finally:
            bound.released = True

    def describe(self) -> dict[str, object]:
        """What the engine inside says; that there are workers, how many and where, has no say in a value."""
        return self.inner.describe()

    def utilisation(self) -> list[dict[str, Any]]:
        """How busy each worker was."""
        return [] if self._pool is None else self._pool.utilisation()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()
        if self._cluster is not None:
            self._cluster.leave()
        self._pool = self._cluster = self._space = None

    def _started(self) -> Pool:
        if self._pool is None:
            raise EngineError("the engine was not started, or was closed; call start(space) first.")
        return self._pool


class _RayModel:
    """Composed weights, wherever they are asked."""

    def __init__(self, pool: Pool, key: bytes | None, chats: dict[Any, str]) -> None:
        self._pool, self._key, self._chats = pool, key, chats
        self.released = False

    def generate(self, requests: Sequence[Request]) -> list[Response]:
        responses: list[Response] = self._ask("generate", requests)
        return responses

    def loglikelihood(self, requests: Sequence[LoglikelihoodRequest]) -> list[Loglikelihood]:
        answers: list[Loglikelihood] = self._ask("loglikelihood", requests)
        return answers

    def render_chat(self, messages: Sequence[Mapping[str, str]], *, continue_last: bool = False) -> str:
        """Weights have no say in it, so each is asked for once."""
        key = (tuple(tuple(sorted(message.items())) for message in messages), continue_last)
        if key not in self._chats:
            given = [dict(message) for message in messages]
            self._chats[key] = self._held().ask(None, "ask", None, "render_chat", given, continue_last=continue_last)
        return self._chats[key]

    def _ask(self, method: str, requests: Sequence[Any]) -> Any:
        pool = self._held()
        return pool.ask(self._key or b"", "ask", self._key, method, list(requests)) if requests else []

    def _held(self) -> Pool:
        if self.released:
            raise EngineError("this model was released; use it inside its 'with engine.bind(...)' only.")
        return self._pool
