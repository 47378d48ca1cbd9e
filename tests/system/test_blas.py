"""Products on one thread: within the block, and not after it."""

from __future__ import annotations

from threadpoolctl import ThreadpoolController, threadpool_limits  # type: ignore[import-untyped]

from ifp.system.blas import one_blas_thread


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in ThreadpoolController().info() if pool["user_api"] == "blas"}


def test_one_thread_within_the_block_and_as_many_as_before_after_it() -> None:
    with threadpool_limits(limits=2, user_api="blas"):
        for _ in range(2):  # the libraries are looked for once
            with one_blas_thread():
                assert blas_threads() == {1}
            assert blas_threads() == {2}
