"""Search proteins in a file of any size, block by block, with exactly the hits of the program phmmer."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from threading import local
from typing import Any, TypeAlias, TypeVar

from pyhmmer.easel import Alphabet, DigitalSequence, SequenceFile
from pyhmmer.plan7 import HMM, Background, Builder, OptimizedProfile, Pipeline, Profile

from greeter.toolkit import count_sequences
from greeter.tools.phmmer.found import Found, Run

Block: TypeAlias = Any  # a DigitalSequenceBlock of the alphabet, which the type stubs have for other uses only
Value = TypeVar("Value")
AMINO = Alphabet.amino()
BLOCK = 1_000_000  # residues of the targets in one step, for which the time limit has to wait
_BLOCK_SEQUENCES = 5000  # because each also needs about a kilobyte
KEPT_BLOCKS = 20  # of a file that is read once: up to about 130 MB


def search(
    queries: Iterable[DigitalSequence],
    targets: Path,
    *,
    evalue: float,
    number: int | None = None,
    threads: int = 1,
    folder: Path | None = None,
    searched: Callable[[int, int], object] = lambda done, number: None,
) -> Generator[Found]:
    """Search proteins in a FASTA file of any size, in memory that depends neither on the file nor on the hits.

    A small file is read once, a larger one once for each query, as the program does. Each thread compares one query
    with one block of the targets at a time, or builds the model of the next query. All blocks are searched with the
    number of all targets, on which E-values depend, so their sorted hits are those of a search of the whole file.

    Args:
        queries: The query proteins.
        targets: The FASTA file with the target proteins, at least one.
        evalue: The largest E-value of a reported hit.
        number: How many targets there are (HMMER's Z). None: they are counted.
        threads: How many blocks are searched at the same time.
        folder: The folder of the temporary file that has the hits. None: that of the system.
        searched: Called after each block with the number of targets that the query was compared with so far, and that
            of all targets.

    Yields:
        The hits of each query, until the next ones are asked for. Close the generator to stop the search.
    """
    pool = ThreadPoolExecutor(threads)
    try:
        results = _in_order(pool, _steps(pool, queries, targets, number, evalue), ahead=2 * threads)
        with TemporaryFile(dir=folder) as file:
            found = Found(file)
            for run in results:
                if run is None:
                    yield found
                    found = Found(file)
                else:
                    found.add(run)
                    searched(found.searched, int(run.summary.Z))
    finally:
        pool.shutdown(cancel_futures=True)


def read_proteins(path: Path, residues: int | None = None, sequences: int | None = None) -> Iterator[Block]:
    """Read a FASTA file in blocks, or as one block.

    Args:
        path: The file.
        residues: A block ends with the sequence with which it has this many residues.
        sequences: The maximum number of sequences in a block.

    Yields:
        The blocks, none of which is empty.
    """
    with SequenceFile(path, format="fasta", digital=True, alphabet=AMINO) as file:
        while block := file.read_block(sequences, residues):
            yield block


def _steps(
    pool: Executor, queries: Iterable[DigitalSequence], targets: Path, number: int | None, evalue: float
) -> Iterator[Callable[[], Run | None]]:
    """Yield the steps of a search. Each returns the hits of a query in a block, and None after the last block."""
    blocks = _Blocks(targets)
    pipeline = _Pipeline(number or count_sequences(targets), evalue)
    # One ahead: without hits, building a model is a quarter of the work of a query.
    for model in _in_order(pool, (partial(_Model, query) for query in queries), ahead=1):
        for block in blocks:
            yield partial(pipeline.search, model, block)
        yield lambda: None


class _Blocks:
    """The blocks of the targets. Those of a small file are kept, and a larger one is read again for each query."""

    def __init__(self, targets: Path) -> None:
        self._targets = targets
        self._kept: list[Block] | None = None

    def __iter__(self) -> Iterator[Block]:
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[Block] | None = []
        for block in read_proteins(self._targets, BLOCK, _BLOCK_SEQUENCES):
            if kept is not None:
                kept = [*kept, block] if len(kept) < KEPT_BLOCKS else None
            yield block
        self._kept = kept


class _Pipeline(local):
    """HMMER's pipeline. Each thread has one of its own, whose memory is used again for each block."""

    def __init__(self, number: int, evalue: float) -> None:
        self._own = Pipeline(AMINO, Z=number, E=evalue)

    def search(self, model: "_Model", block: Block) -> Run:
        """Return the hits in a block."""
        self._own.clear()
        return Run.of(self._own.search_seq(model.query, block, model))


class _Model(Builder):
    """The model of one query, which is built once, although the pipeline asks for it for each block."""

    def __init__(self, query: DigitalSequence) -> None:
        super().__init__(AMINO, seed=42)  # the seed of the program
        self.query = query
        self._built = super().build(query, Background(AMINO))

    def build(self, sequence: DigitalSequence, background: Background) -> tuple[HMM, Profile, OptimizedProfile]:
        """Return the model with a profile of its own, which a search adapts to the length of each target."""
        hmm, profile, optimized = self._built
        return hmm, profile, optimized.copy()


def _in_order(pool: Executor, steps: Iterable[Callable[[], Value]], ahead: int) -> Iterator[Value]:
    """Take steps in a pool, and yield what they return in their order. At most `ahead` are prepared at any time."""
    running: deque[Future[Value]] = deque()
    for step in steps:
        running.append(pool.submit(step))
        if len(running) > ahead:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()
