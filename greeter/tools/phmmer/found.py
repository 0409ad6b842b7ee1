"""The hits of one query of phmmer, sorted in a temporary file, so that the memory does not depend on their number."""

import pickle  # nosec B403
from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import chain, islice
from math import inf
from os import SEEK_END
from typing import IO, Any, NamedTuple, Self, TypeAlias

from pyhmmer.easel import DigitalSequence, VectorU8
from pyhmmer.plan7 import Hit, TopHits

Hits: TypeAlias = "TopHits[DigitalSequence]"
PART = 500_000  # bytes of packed hits that are in memory at a time, where each needs about six times as much


class Record(NamedTuple):
    """A packed hit. HMMER sorts hits by the logarithms of their P-values, and those with the same by their names.

    These logarithms are not accessible, and many P-values are too small for a float. But scores have the same order,
    except that all below a certain one have the P-value 1.
    """

    place: float  # minus the score, or infinity
    name: bytes
    packed: bytes

    @classmethod
    def of(cls, hit: Hit, packed: VectorU8) -> Self:
        """Return the record of a hit."""
        return cls(inf if hit.pvalue == 1 else -hit.score, hit.name.encode(), bytes(packed))


class Run(NamedTuple):
    """The hits of a query in one block of the targets, the best first."""

    summary: Hits  # the statistics, without hits
    reported: int
    included: int
    records: list[Record]

    @classmethod
    def of(cls, hits: Hits) -> Self:
        """Pack the hits of a block."""
        state: Any = hits.__getstate__()
        records = [Record.of(hit, state["unsrt"][at]) for hit, at in zip(hits, state["hit"], strict=True)]
        return cls(_unpack(hits.query, state, []), len(hits.reported), len(hits.included), records)


class Found:
    """The hits of one query in all blocks of the targets.

    Iterate over it, as often as needed, for all hits in parts, the best first. There is at least one part, which may be
    empty. Each has the numbers and thresholds of the whole search. Its last hit is the one with the longest name of
    all, which is not reported there: HMMER's tables make their columns as wide as the longest name.

    Args:
        file: A temporary file, which is emptied.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.searched = self.reported = self.included = 0
        self._summary: Hits | None = None
        self._longest: list[Record] = []
        self._starts: list[int] = []
        self._file = file
        file.seek(0)
        file.truncate()

    def add(self, run: Run) -> None:
        """Add the hits of the next block."""
        self._summary = self._summary.merge(run.summary) if self._summary is not None else run.summary
        self.searched += run.summary.searched_sequences
        self.reported += run.reported
        self.included += run.included
        if run.records:
            self._longest = [max([*self._longest, *run.records], key=lambda record: len(record.name))]
            self._file.seek(0, SEEK_END)
            self._starts.append(self._file.tell())
            for record in (*run.records, None):
                pickle.dump(record and tuple(record), self._file)

    @property
    def summary(self) -> Hits:
        """The statistics of the whole search, without hits."""
        return self._hits([])

    @property
    def name_width(self) -> int:
        """The length of the longest name in bytes, or 0 without hits."""
        return max((len(record.name) for record in self._longest), default=0)

    def best(self, number: int) -> Hits:
        """Return the first hits.

        Args:
            number: How many.
        """
        return self._hits(record.packed for record in islice(self._sorted(), number))

    def __iter__(self) -> Iterator[Hits]:
        part: list[bytes] = []
        size = 0
        for record in self._sorted():
            part.append(record.packed)
            size += len(record.packed)
            if size >= PART:
                yield self._hits(part)
                part, size = [], 0
        if part or not self._starts:
            yield self._hits(part)

    def _sorted(self) -> Iterator[Record]:
        return merge(*map(self._read, self._starts))

    def _read(self, place: int) -> Iterator[Record]:
        """Yield the records of a run that starts at a place of the file."""
        self._file.seek(place)
        while record := pickle.load(self._file):  # nosec B301  # written by this process
            place = self._file.tell()
            yield Record(*record)
            self._file.seek(place)

    def _hits(self, packed: Iterable[bytes]) -> Hits:
        """Unpack hits that are sorted."""
        assert self._summary is not None, "no block was searched"
        state: Any = self._summary.__getstate__()
        state["pipeline"] |= {"domZ": self.reported, "domZ_setby": state["pipeline"]["Z_setby"]}
        longest = [record.packed for record in self._longest]
        hits = _unpack(self._summary.query, state, chain(packed, longest))
        if self._longest:
            hits[-1].duplicate = True
        return hits.merge()  # applies the thresholds


def _unpack(query: DigitalSequence, state: dict[str, Any], packed: Iterable[bytes]) -> Hits:
    """Return hits with the numbers of a search, from its state."""
    hits: Hits = TopHits(query)
    unsorted = [VectorU8(bytearray(one)) for one in packed]
    number = len(unsorted)
    hits.__setstate__(state | {"N": number, "unsrt": unsorted, "hit": range(number), "nreported": 0})
    return hits
