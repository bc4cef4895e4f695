"""A run's rows in Redis: compressed chunks of the plan's own lines, and the ids to search in."""

from __future__ import annotations

import json
import zlib
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import islice

from redis import Redis

from campaigns.rows.planned_row import PlannedRow
from campaigns.store.keys import ROWS_PER_CHUNK, RunKeys
from worker.redis_kit.reply import blob

_CACHED = 32
_ID_CODE = "I"
_ID_BYTES = 4

Chunk = tuple[PlannedRow, ...]


class RowChunks:
    """Keeps the chunks that were used last; rows never change."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._cache: OrderedDict[tuple[str, int], Chunk] = OrderedDict()

    def store(self, keys: RunKeys, rows: Iterable[PlannedRow], keep_s: int) -> int:
        """All rows, from the first on; a repeat stores the same again. Returns their number."""
        count, iterator = 0, iter(rows)
        for chunk_no in range(1 << 31):
            chunk = list(islice(iterator, ROWS_PER_CHUNK))
            if not chunk:
                break
            with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.hset(keys.rows, str(chunk_no), _packed(chunk))
                ids = array(_ID_CODE, (row.id for row in chunk)).tobytes()
                pipeline.setrange(keys.ids, count * _ID_BYTES, ids)
                for key in (keys.rows, keys.ids):
                    pipeline.expire(key, keep_s)
                pipeline.execute()
            count += len(chunk)
        return count

    def rows(self, keys: RunKeys, indexes: Iterable[int]) -> dict[int, PlannedRow]:
        """By index."""
        wanted = list(indexes)
        chunks = self._chunks(keys, {index // ROWS_PER_CHUNK for index in wanted})
        return {index: chunks[index // ROWS_PER_CHUNK][index % ROWS_PER_CHUNK] for index in wanted}

    def every(self, keys: RunKeys, rows: int) -> Iterator[tuple[int, Chunk]]:
        """All chunks with their numbers, one at a time."""
        for chunk in range(-(-rows // ROWS_PER_CHUNK)):
            yield chunk, self._chunks(keys, {chunk})[chunk]

    def positions(self, keys: RunKeys, product_id: int) -> list[int]:
        """The rows of the product: none, or one."""
        try:
            return [self.ids(keys).index(product_id)]
        except ValueError:
            return []

    def ids(self, keys: RunKeys) -> array[int]:
        """The products of all rows, in their order."""
        ids = array(_ID_CODE)
        ids.frombytes(blob(self._redis.get(keys.ids)))
        return ids

    def _chunks(self, keys: RunKeys, numbers: Iterable[int]) -> dict[int, Chunk]:
        rows = {}
        for number in numbers:
            cached = self._cache.get((keys.rows, number))
            if cached is None:
                cached = _unpacked(blob(self._redis.hget(keys.rows, str(number))))
                self._cache[keys.rows, number] = cached
            self._cache.move_to_end((keys.rows, number))
            rows[number] = cached
        while len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
        return rows


def _packed(chunk: Iterable[PlannedRow]) -> bytes:
    lines = (json.dumps(row.document(), separators=(",", ":")) for row in chunk)
    return zlib.compress("\n".join(lines).encode())


def _unpacked(blob: bytes) -> Chunk:
    lines = zlib.decompress(blob).split(b"\n") if blob else []
    return tuple(PlannedRow.of(json.loads(line)) for line in lines)
